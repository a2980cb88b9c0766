"""Who is on call by PagerDuty. Made by `adapters`, asked by `sources`.

Source: PagerDuty, REST API, "List all of the on-calls": entries of user, schedule, escalation policy and level, with
the end of the shift, which is null for somebody who always is. One person stands there once for each policy.
"""

from datetime import datetime
from typing import Final

from engine.core.deliveries import Rejected
from engine.oncall.sources import Account, Inquiry, Shift, ask, foreign

# How PagerDuty's API wants to be asked.
SHOWN_AS: Final = "Token token={}"
ACCEPT: Final = "application/vnd.pagerduty+json;version=2"
_PAGE: Final = 100
_MOST_PAGES: Final = 10
_KEY = "make a read-only REST API key in PagerDuty (Integrations > API Access Keys), secret oncall_pagerduty_token"
_ADVICE = {
    "401": f"PagerDuty refuses the token: {_KEY}",
    "403": f"PagerDuty does not let this token see the schedules: {_KEY}",
    "404": "PagerDuty has no schedule with this id: take it from the schedule's address in the browser",
}


class PagerDuty:
    """The schedules of one account."""

    name = "PagerDuty"

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._inquiry.close()

    async def look_up(self, schedule: str) -> Shift | Rejected:
        """Who is on call by a schedule now, over all pages of the answer."""
        entries: list[object] = []
        for _ in range(_MOST_PAGES):
            query = {
                "schedule_ids[]": schedule,
                "include[]": "users",
                "earliest": "true",
                "limit": str(_PAGE),
                "offset": str(len(entries)),
            }
            answer = await ask(self._inquiry, "oncalls", query, _ADVICE)
            if isinstance(answer, Rejected):
                return answer
            found = answer.get("oncalls")
            if not isinstance(found, list):
                return foreign(self.name)
            entries += found
            if answer.get("more") is not True or not found:
                break
        return _shift(entries)


def _shift(entries: list[object]) -> Shift:
    """The people of all entries; the shift ends when the first of them goes."""
    people: dict[Account, None] = {}
    strangers = 0
    ends: list[datetime] = []
    for entry in entries:
        user = entry.get("user") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(user, dict):
            continue
        email, known_as = (value if isinstance(value, str) else "" for value in (user.get("email"), user.get("id")))
        if email or known_as:
            people[Account(email, known_as)] = None
        else:
            strangers += 1
        if (end := _instant(entry.get("end"))) is not None:
            ends.append(end)
    return Shift(tuple(people), strangers, min(ends, default=None))


def _instant(written: object) -> datetime | None:
    """A time with its zone; None for null, which is never, and for anything that cannot be read."""
    if not isinstance(written, str):
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
