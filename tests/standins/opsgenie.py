"""Opsgenie's list of who is on call, as far as the engine can see it; its alerts are those of `jsm`.

A key of another form is a 422, one that it does not know a 401, and one that may not see a schedule a 403. Run it as a
process with `python -m standins.opsgenie --port 0`.
"""

import re
from collections.abc import Mapping
from typing import Any

from standins.loopback import Answer, Network, Request, main

API_KEY = "0c8d4e52-0000-4000-8000-123456789abc"
_SHOWN = re.compile(r"GenieKey ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Opsgenie(Network):
    """The schedules of one account."""

    def __init__(self) -> None:
        # Who is on call: by the schedule's id, names of users, which are e-mail addresses.
        self.oncall: dict[str, list[Any]] = {}
        # Schedules of teams that the key is not for.
        self.hidden: set[str] = set()

    async def answer(self, request: Request) -> Answer:
        who = re.fullmatch(r"/v2/schedules/([^/]+)/on-calls", request.path)
        if request.method != "GET" or who is None:
            return _refused(404, "No handler found for this request")
        shown = _SHOWN.fullmatch(request.headers.get("authorization", ""))
        if shown is None:
            return _refused(422, "Key format is not valid!")
        if shown[1] != API_KEY:
            return _refused(401, "Could not authenticate")
        return self._who(who[1], request.query)

    def _who(self, schedule: str, query: Mapping[str, str]) -> Answer:
        if query.get("scheduleIdentifierType", "id") != "id":
            return _refused(422, "The stand-in knows schedules by their ids alone")
        if schedule in self.hidden:
            return Answer(403, {"code": 40301, "message": "You are not authorized", "took": 0.1, "requestId": "r0"})
        if schedule not in self.oncall:
            return _refused(404, f"Schedule with id [{schedule}] does not exist")
        people = self.oncall[schedule]
        parent = {"id": schedule, "name": "voip", "enabled": True}
        if query.get("flat") == "true":
            data: dict[str, Any] = {"_parent": parent, "onCallRecipients": people}
        else:
            data = {"_parent": parent, "onCallParticipants": [{"name": one, "type": "user"} for one in people]}
        return Answer(body={"data": data, "took": 0.1, "requestId": "r1"})

    def recorded(self) -> Any:
        return None

    async def control(self, order: Mapping[str, Any]) -> Any:
        """`{"oncall": {"SCHEDULE-ID": ["alice@example.com"]}}`."""
        self.oncall.update(order["oncall"])
        return {}


def _refused(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "took": 0.1, "requestId": "r0"})


if __name__ == "__main__":
    main(Opsgenie())
