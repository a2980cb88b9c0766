"""Who is on call by Opsgenie, which ends on 2027-04-05. Made by `adapters`, asked by `sources`.

Source: Opsgenie, "Who is on Call API" (read on 2026-11-26): the flat form lists the names of users, which are their
e-mail addresses. It does not tell when a shift ends. What its refusals mean is in "Response" there; a 422 for a key of
another form, and a 401 for one of the other region, are what others have met (2018 to 2023).
"""

import re
from typing import Final

from engine.core.deliveries import Rejected
from engine.oncall.sources import Account, Inquiry, Shift, ask, foreign

# How Opsgenie's API wants to be asked.
SHOWN_AS: Final = "GenieKey {}"
_FLAT = {"scheduleIdentifierType": "id", "flat": "true"}
_KEY = (
    "make an API key in Opsgenie (Settings > API key management) with the rights Read and Configuration access, secret "
    "oncall_opsgenie_api_key"
)
_ADVICE = {
    "401": f"Opsgenie refuses the key: compare oncall.opsgenie.region with where the account is, or {_KEY}",
    "403": f"Opsgenie does not let this key see the schedule: {_KEY}",
    "404": "Opsgenie has no schedule with this id: take it from the schedule's address in the browser",
    "422": f"Opsgenie can make nothing of the key, or of the schedule's id: compare the id, or {_KEY}",
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class Opsgenie:
    """The schedules of one account."""

    name = "Opsgenie"

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._inquiry.close()

    async def look_up(self, schedule: str) -> Shift | Rejected:
        """Who is on call by a schedule now; whoever is not told by an e-mail address is a stranger."""
        answer = await ask(self._inquiry, f"v2/schedules/{schedule}/on-calls", _FLAT, _ADVICE)
        if isinstance(answer, Rejected):
            return answer
        data = answer.get("data")
        recipients = data.get("onCallRecipients") if isinstance(data, dict) else None
        if not isinstance(recipients, list):
            return foreign(self.name)
        people = dict.fromkeys(Account(one) for one in recipients if _is_email(one))
        return Shift(tuple(people), len({str(one) for one in recipients if not _is_email(one)}))


def _is_email(recipient: object) -> bool:
    return isinstance(recipient, str) and _EMAIL.fullmatch(recipient) is not None
