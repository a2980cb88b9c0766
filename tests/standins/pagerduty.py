"""PagerDuty's Events API v2 and its list of who is on call, as far as the engine can see them.

Takes events strictly as documented: what is too long, unknown or missing is a 400. An event with the key of an open
alert merges into it; to acknowledge or resolve where nothing is open is answered 202 and forgotten. Run it as a process
with `python -m standins.pagerduty --port 0`.
"""

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from standins.loopback import Answer, Network, Request, main

ROUTING_KEY = "R0UT1NGKEY0123456789abcdefABCDEF"
TOKEN = "pagerduty-rest-token"
_REQUIRED = {"summary", "source", "severity"}
_OPTIONAL = {"timestamp", "component", "group", "class", "custom_details"}
_TOP = {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"}
_SEVERITIES = {"critical", "error", "warning", "info"}
_LARGEST_BYTES = 512 * 1024
_PAGE = 25


class PagerDuty(Network):
    """Records the events that were taken and the alerts that they made."""

    def __init__(self) -> None:
        # Every event that was answered 202, in order.
        self.events: list[dict[str, Any]] = []
        # By key, the newest: its summary, its state (triggered, acknowledged, resolved), how often it was triggered.
        self.alerts: dict[str, dict[str, Any]] = {}
        # How many alerts were opened by a key.
        self.opened: dict[str, int] = {}
        # What was dropped without a word.
        self.dropped: list[dict[str, Any]] = []
        # Who is on call: by schedule, entries of (e-mail address, the end of the shift or None).
        self.oncall: dict[str, list[tuple[str, str | None]]] = {}
        self.page_size = _PAGE

    async def answer(self, request: Request) -> Answer:
        if (request.method, request.path) == ("POST", "/v2/enqueue"):
            return self._take(request)
        if (request.method, request.path) == ("GET", "/oncalls"):
            return self._who(request)
        return Answer(404, {"error": {"message": "Not Found", "code": 2100}})

    def _take(self, request: Request) -> Answer:
        event = request.json()
        errors = _faults(event, len(request.body))
        if errors:
            return Answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})
        if event["routing_key"] != ROUTING_KEY:
            return Answer(400, {"status": "invalid event", "message": "Invalid routing key", "errors": []})
        self.events.append(event)
        self._apply(event)
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]})

    def _apply(self, event: dict[str, Any]) -> None:
        key, action = event["dedup_key"], event["event_action"]
        alert = self.alerts.get(key)
        is_open = alert is not None and alert["state"] != "resolved"
        if action == "trigger" and not is_open:
            self.alerts[key] = {"summary": event["payload"]["summary"], "state": "triggered", "count": 1}
            self.opened[key] = self.opened.get(key, 0) + 1
        elif alert is None or not is_open:
            self.dropped.append(event)
        elif action == "trigger":
            alert["count"] += 1
        else:
            alert["state"] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]

    def _who(self, request: Request) -> Answer:
        accept = "application/vnd.pagerduty+json;version=2"
        if request.headers.get("authorization") != f"Token token={TOKEN}":
            return Answer(401, {"error": {"message": "Invalid token", "code": 2006}})
        if request.headers.get("accept") != accept or request.query.get("earliest") != "true":
            return Answer(400, {"error": {"message": "Invalid Input Provided", "code": 2001}})
        schedule = request.query.get("schedule_ids[]", "")
        if schedule not in self.oncall:
            return Answer(404, {"error": {"message": "Not Found", "code": 2100}})
        start = int(request.query.get("offset", "0"))
        limit = min(int(request.query.get("limit", _PAGE)), self.page_size)
        found = [_entry(schedule, email, end) for email, end in self.oncall[schedule]]
        page = found[start : start + limit]
        more = start + limit < len(found)
        return Answer(body={"oncalls": page, "limit": limit, "offset": start, "more": more, "total": None})

    def recorded(self) -> Any:
        return {"events": self.events, "alerts": self.alerts, "opened": self.opened, "dropped": self.dropped}

    async def control(self, order: Mapping[str, Any]) -> Any:
        """`{"oncall": {"PSCHED1": [["alice@example.com", "2026-02-12T18:00:00Z"]]}}`."""
        self.oncall.update({name: [(one[0], one[1]) for one in found] for name, found in order["oncall"].items()})
        return {}


def user_id(email: str) -> str:
    """The id of somebody's account."""
    return f"P{zlib.crc32(email.encode()):08X}"


def _entry(schedule: str, email: str, end: str | None) -> dict[str, Any]:
    user = {"id": user_id(email), "type": "user", "name": email.partition("@")[0], "email": email}
    policy = {"id": "PPOLICY", "type": "escalation_policy_reference", "summary": "VoIP"}
    return {
        "user": user,
        "schedule": {"id": schedule, "type": "schedule_reference"},
        "escalation_policy": policy,
        "escalation_level": 1,
        "start": "2026-02-12T06:00:00Z" if end else None,
        "end": end,
    }


def _faults(event: Any, size: int) -> list[str]:
    """What PagerDuty would say about an event."""
    if not isinstance(event, dict):
        return ["the event is not an object"]
    action, key, payload = event.get("event_action"), event.get("dedup_key"), event.get("payload")
    routing = event.get("routing_key")
    faults = {
        "the event is larger than 512 KB": size > _LARGEST_BYTES,
        "unknown key": not set(event) <= _TOP,
        "Length of 'routing_key' is incorrect (should be 32 characters)": not isinstance(routing, str)
        or len(routing) != 32,
        "'event_action' is not supported": action not in {"trigger", "acknowledge", "resolve"},
        "'dedup_key' is missing": not isinstance(key, str) or not key,
        "'dedup_key' is too long": isinstance(key, str) and len(key) > 255,
        "'payload' is missing": action == "trigger" and not isinstance(payload, dict),
    }
    found = [sentence for sentence, wrong in faults.items() if wrong]
    return found + _payload_faults(payload) if isinstance(payload, dict) else found


def _payload_faults(payload: Mapping[str, Any]) -> list[str]:
    faults = {
        f"unknown keys {sorted(set(payload) - _REQUIRED - _OPTIONAL)}": not set(payload) <= _REQUIRED | _OPTIONAL,
        "required keys are missing": not set(payload) >= _REQUIRED,
        "'summary' is too long": not 0 < len(str(payload.get("summary", ""))) <= 1024,
        "'severity' is invalid": payload.get("severity") not in _SEVERITIES,
        "'timestamp' has no time zone": "timestamp" in payload
        and datetime.fromisoformat(payload["timestamp"]).tzinfo is None,
    }
    return [sentence for sentence, wrong in faults.items() if wrong]


if __name__ == "__main__":
    main(PagerDuty())
