"""A command's end of the operators' socket."""

import json
import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from engine.control.statuses import LIMIT, STATUSES
from engine.core.errors import DaemonUnreachable, EngineError, PermissionRefused, UsageError
from engine.core.objects import Json

# A reload, or what is published, compiles the rules and runs their examples; everything else answers in milliseconds.
_TIMEOUT_S = 60
# A copy or a check of the journal reads all of it.
_LONG_S = 3600


@dataclass(frozen=True, slots=True)
class ControlClient:
    """A command's way to the daemon on this machine. Every call raises DaemonUnreachable when nobody answers."""

    # `control.sock` in the state directory.
    socket_path: Path

    def status(self, timeout_s: float = _TIMEOUT_S) -> Json:
        """The whole daemon on one page."""
        return self._object("GET", "/status", timeout_s=timeout_s)

    def pause(self) -> Json:
        """Hold acknowledgements."""
        return self._object("POST", "/pause")

    def resume(self) -> Json:
        """Acknowledge again."""
        return self._object("POST", "/resume")

    def reload(self, *, wait: bool = True) -> Json:
        """Reload the rules and wait for the result, or only have it begun."""
        return self._object("POST", "/reload", {} if wait else {"wait": "no"})

    def publish(self, packed: str) -> Json:
        """Publish rules for all nodes: `ok` and the `number`, or the findings."""
        return self._object("POST", "/rules/publish", body=packed.encode())

    def withdraw(self) -> Json:
        """Return every node to its own files; NotFound when nothing is published."""
        return self._object("POST", "/rules/withdraw")

    def incidents(self, status: str | None = None, limit: int = LIMIT) -> list[Json]:
        """The newest incidents first."""
        return self._list("/incidents", {"limit": str(limit), **({"status": status} if status else {})})

    def incident(self, ticket: str) -> Json:
        """One incident with its history; NotFound."""
        return self._object("GET", f"/incidents/{_segment(ticket)}")

    def deliveries(self, state: str | None = None, limit: int = LIMIT) -> list[Json]:
        """The newest deliveries first."""
        return self._list("/deliveries", {"limit": str(limit), **({"state": state} if state else {})})

    def delivery(self, delivery_id: str) -> Json:
        """One delivery with its text and history; NotFound."""
        return self._object("GET", f"/deliveries/{_segment(delivery_id)}")

    def decided(self, since: datetime, before: int | None = None, limit: int = LIMIT) -> list[Json]:
        """A page of decided messages, the newest first and those below the id `before`; the last page is empty."""
        query = {"since": since.isoformat(), "limit": str(limit)}
        return self._list("/decided", query if before is None else {**query, "before": str(before)})

    def measured(self, since: datetime, before: int | None = None, limit: int = LIMIT) -> list[Json]:
        """A page of incidents with their times, the newest first; the last page is empty."""
        query = {"since": since.isoformat(), "limit": str(limit)}
        return self._list("/measured", query if before is None else {**query, "before": str(before)})

    def audit_head(self) -> Json:
        """Where the chain over the audit ends."""
        return self._object("GET", "/audit/head")

    def audited(self, start: int | None, limit: int, *, newest_first: bool) -> list[Json]:
        """A page of the audit after the row `start`, or before it, the newest first; the last page is empty."""
        query = {"limit": str(limit), "newest": "yes" if newest_first else "no"}
        return self._list("/audit", query if start is None else {**query, "start": str(start)})

    def drop(self, delivery_id: str, reason: str) -> Json:
        """Give up a queued, dead or held delivery; NotFound, or UsageError when it is neither."""
        return self._object("POST", f"/deliveries/{_segment(delivery_id)}/drop", {"reason": reason})

    def redrive(self, delivery_id: str, reason: str = "") -> Json:
        """Queue a dead or held delivery again; NotFound, or UsageError when it is neither."""
        return self._object("POST", f"/deliveries/{_segment(delivery_id)}/redrive", {"reason": reason})

    def send_test(self, channel: str, team: str | None = None) -> Json:
        """Post a test into a channel and wait for its end: `posted`, and the `receipt` or the `error`; UsageError."""
        return self._object("POST", "/test", {"channel": channel, **({"team": team} if team else {})})

    def client(self, action: str, phone: str | None, conversation: str | None) -> Json:
        """`export`, `preview` or `erase` what is kept of a client; NotFound, or UsageError while it cannot be."""
        asked = {"phone": phone, "conversation": conversation}
        return self._object("POST", f"/client/{action}", {name: text for name, text in asked.items() if text})

    def log_out(self, connector: str) -> Json:
        """Unlink the device of a linked phone; NotFound, or UsageError where WhatsApp cannot be told."""
        return self._object("POST", "/whatsapp/logout", {"connector": connector})

    def check_journal(self, timeout_s: float = _LONG_S) -> Json:
        """Whether the journal holds together."""
        return self._object("POST", "/journal/check", timeout_s=timeout_s)

    def back_up(self, file: Path) -> Json:
        """Copy the journal into a new file; UsageError, PermissionRefused."""
        return self._object("POST", "/journal/backup", {"file": str(file)}, timeout_s=_LONG_S)

    def answers(self) -> bool:
        """Whether a daemon runs. Raises PermissionRefused when it is somebody else's."""
        try:
            self._knock().close()
        except DaemonUnreachable:
            return False
        return True

    def _object(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = _TIMEOUT_S,
    ) -> Json:
        answer: Json = self._ask(method, path, query or {}, body, timeout_s)
        return answer

    def _list(self, path: str, query: Mapping[str, str]) -> list[Json]:
        answer: list[Json] = self._ask("GET", path, query)
        return answer

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], body: bytes = b"", timeout_s: float = _TIMEOUT_S
    ) -> Any:
        asked = urlencode({name: _text(value) for name, value in query.items()})
        with closing(HTTPConnection("engine")) as http:
            http.sock = self._knock()
            http.sock.settimeout(timeout_s)
            try:
                # A daemon that has heard enough says why.
                with suppress(BrokenPipeError):
                    http.request(method, f"{path}?{asked}" if asked else path, body or None)
                with http.getresponse() as response:
                    status, answer = response.status, json.loads(response.read())
            except (OSError, HTTPException, ValueError) as error:
                raise DaemonUnreachable(f"the daemon at {self.socket_path} broke off; its log says why") from error
        if status == HTTPStatus.OK:
            return answer
        raise STATUSES.get(status, EngineError)(answer["error"])

    def _knock(self) -> socket.socket:
        """A connection to the daemon. Tells no daemon and somebody else's daemon apart, which a person mends in
        different ways.
        """
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            door.connect(str(self.socket_path))
        except OSError as error:
            door.close()
            if isinstance(error, PermissionError):
                raise PermissionRefused(
                    f"{self.socket_path} belongs to the daemon's user: use sudo, or that user"
                ) from error
            raise DaemonUnreachable(
                f"the daemon does not answer at {self.socket_path}: is it running? systemctl status engine"
            ) from error
        return door


def _segment(name: str) -> str:
    """One segment of a path; a slash in it would ask for something else."""
    return quote(_text(name), safe="")


def _text(written: str) -> str:
    """What a person typed, where it is text at all. UsageError for bytes of another encoding, kept as surrogates."""
    if not written.isascii() and any("\ud800" <= character <= "\udfff" for character in written):
        raise UsageError(f"{written!a} holds bytes that are no UTF-8: type it anew")
    return written
