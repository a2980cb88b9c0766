"""Who is on call by Jira Service Management. Made by `adapters`, asked by `sources`.

Source: Atlassian, Jira Service Management ops REST API, "List on-call responders". People are ids of accounts, whose
e-mail addresses Atlassian shows to nobody, so engine.yaml says which is whose. It does not tell when a shift ends.
"""

from collections.abc import Iterator, Mapping

from engine.core.deliveries import Rejected
from engine.oncall.sources import Account, Inquiry, Shift, ask, foreign

_REMEDY = "make an API token for oncall.jsm.user that may read the configuration of operations, secret oncall_jsm_token"
_ADVICE = {
    "401": f"Jira Service Management refuses the token: {_REMEDY}",
    "403": f"Jira Service Management does not let this account see the schedules: {_REMEDY}",
    "404": "Jira Service Management has no schedule with this id, or no site with this cloud_id",
}
# A schedule may hold teams and escalations, which hold people.
_DEEPEST = 8


class Jsm:
    """The schedules of one site."""

    name = "Jira Service Management"

    def __init__(self, inquiry: Inquiry, cloud_id: str, people: Mapping[str, str]) -> None:
        """`people` has the account's id for each e-mail address."""
        self._inquiry = inquiry
        self._root = f"jsm/ops/api/{cloud_id}/v1/schedules"
        self._emails = {account: email for email, account in people.items()}

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._inquiry.close()

    async def look_up(self, schedule: str) -> Shift | Rejected:
        """Who is on call by a schedule now."""
        answer = await ask(self._inquiry, f"{self._root}/{schedule}/on-calls", {"flat": "true"}, _ADVICE)
        if isinstance(answer, Rejected):
            return answer
        if not isinstance(answer.get("onCallUsers", answer.get("onCallParticipants")), list):
            return foreign(self.name)
        accounts = dict.fromkeys(_accounts(answer, _DEEPEST))
        people = dict.fromkeys(Account(self._emails[one]) for one in accounts if one in self._emails)
        return Shift(tuple(people), sum(one not in self._emails for one in accounts))


def _accounts(part: dict[str, object], depth: int) -> Iterator[str]:
    """The accounts of an answer, whether it lists them or is nested as the schedule is."""
    users, parts = part.get("onCallUsers"), part.get("onCallParticipants")
    for user in users if isinstance(users, list) else ():
        yield str(user)
    for inner in parts if isinstance(parts, list) else ():
        if not isinstance(inner, dict):
            continue
        if inner.get("type") == "user":
            yield str(inner.get("id"))
        elif depth:
            yield from _accounts(inner, depth - 1)
