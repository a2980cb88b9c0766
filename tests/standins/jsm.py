"""Jira Service Management's alerts and its list of who is on call, as far as the engine can see them; with the paths of
Opsgenie as well.

Takes alerts strictly as documented for the older network, from which it has them: what is too long is a 422. A 202 only
says that the request waits: an alert with the alias of an open one merges into it, and to acknowledge or close where
nothing is open comes to nothing later. Run it as a process with `python -m standins.jsm --port 0`.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from standins.loopback import Answer, Network, Request, main

API_KEY = "jsm-integration-key"
USER, TOKEN = "bot@example.com", "atlassian-api-token"
CLOUD_ID = "1b3a5c7e-0000-4000-8000-123456789abc"
_KEYS = {"message", "alias", "description", "responders", "tags", "details", "entity", "source", "priority"}
_ROOTS = r"(?:/jsm/ops/integration)?/v2/alerts"


class Jsm(Network):
    """Records the requests that were taken and the alerts that they made."""

    def __init__(self) -> None:
        # Every request that was answered 202: ("create", its body) or ("acknowledge", the alias).
        self.taken: list[tuple[str, Any]] = []
        # By alias, the newest: message, state (open, acknowledged, closed) and count.
        self.alerts: dict[str, dict[str, Any]] = {}
        # Aliases of what came to nothing.
        self.dropped: list[str] = []
        # Who is on call: by schedule, the ids of accounts.
        self.oncall: dict[str, list[str]] = {}
        # As a list of people, or nested as the schedule is.
        self.flat = True

    async def answer(self, request: Request) -> Answer:
        change = re.fullmatch(rf"{_ROOTS}/([^/]+)/(acknowledge|close)", request.path)
        if request.method == "POST" and (change or re.fullmatch(_ROOTS, request.path)):
            if request.headers.get("authorization") != f"GenieKey {API_KEY}":
                return Answer(403, {"message": "You are not authorized", "took": 0.1, "requestId": "r0"})
            return self._change(request, unquote(change[1]), change[2]) if change else self._create(request)
        who = re.fullmatch(rf"/jsm/ops/api/{CLOUD_ID}/v1/schedules/([^/]+)/on-calls", request.path)
        if request.method == "GET" and who:
            return self._who(request, who[1])
        return Answer(404, {"message": "Not found"})

    def _create(self, request: Request) -> Answer:
        alert = request.json()
        if not isinstance(alert, dict):
            return Answer(400, {"message": "Could not parse the body", "requestId": "r0"})
        faults = _faults(alert)
        if faults:
            return Answer(422, {"message": "Request body is not processable", "errors": faults, "requestId": "r0"})
        self.taken.append(("create", alert))
        known = self.alerts.get(alert["alias"])
        if known is not None and known["state"] != "closed":
            known["count"] += 1
        else:
            self.alerts[alert["alias"]] = {"message": alert["message"], "state": "open", "count": 1}
        return self._queued()

    def _change(self, request: Request, alias: str, action: str) -> Answer:
        if request.query.get("identifierType") != "alias" or not isinstance(request.json(), dict):
            return Answer(422, {"message": "Request is not processable", "requestId": "r0"})
        self.taken.append((action, alias))
        known = self.alerts.get(alias)
        if known is None or known["state"] == "closed":
            self.dropped.append(alias)
        else:
            known["state"] = {"acknowledge": "acknowledged", "close": "closed"}[action]
        return self._queued()

    def _queued(self) -> Answer:
        body = {"result": "Request will be processed", "took": 0.1, "requestId": f"request-{len(self.taken)}"}
        return Answer(202, body)

    def _who(self, request: Request, schedule: str) -> Answer:
        shown = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {shown}":
            return Answer(401, {"code": 401, "message": "Unauthorized"})
        if schedule not in self.oncall:
            return Answer(404, {"message": "Schedule not found"})
        people = self.oncall[schedule]
        if self.flat and request.query.get("flat") == "true":
            return Answer(body={"onCallUsers": people})
        rotation = {"id": "rotation", "type": "escalation", "onCallParticipants": [_person(one) for one in people]}
        return Answer(body={"onCallParticipants": [rotation]})

    def recorded(self) -> Any:
        return {"taken": self.taken, "alerts": self.alerts, "dropped": self.dropped}

    async def control(self, order: Mapping[str, Any]) -> Any:
        """`{"oncall": {"SCHEDULE-ID": ["ACCOUNT-ID"]}}`."""
        self.oncall.update(order["oncall"])
        return {}


def _person(account: str) -> dict[str, Any]:
    return {"id": account, "type": "user"}


def _faults(alert: Mapping[str, Any]) -> dict[str, str]:
    """What would be said about an alert, by its keys."""
    tags, details = alert.get("tags", []), alert.get("details", {})
    faults = {
        "unknown": not set(alert) <= _KEYS,
        "message": not 0 < len(str(alert.get("message", ""))) <= 130,
        "alias": not 0 < len(str(alert.get("alias", ""))) <= 512,
        "description": len(alert.get("description", "")) > 15_000,
        "tags": len(tags) > 20 or any(len(tag) > 50 for tag in tags),
        "details": not isinstance(details, dict) or not all(isinstance(value, str) for value in details.values()),
        "entity": len(alert.get("entity", "")) > 512,
        "source": len(alert.get("source", "")) > 100,
        "priority": alert.get("priority", "P3") not in {"P1", "P2", "P3", "P4", "P5"},
    }
    return {key: "is not valid" for key, wrong in faults.items() if wrong}


if __name__ == "__main__":
    main(Jsm())
