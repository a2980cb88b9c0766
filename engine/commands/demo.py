"""`engine demo`: sample conversations through the real daemon, so that a person can watch what it does.

The daemon runs in a thread exactly as `engine run` would: messages come in over HTTP, its journal is a file in a
temporary folder, and console connectors stand where WhatsApp and Mattermost will be. Nothing leaves the machine.
"""

import argparse
import asyncio
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine import logs
from engine.app import Engine
from engine.clocks import SystemClock
from engine.commands.conversations import CONVERSATIONS, Sample
from engine.connectors.console import shown
from engine.control.client import ControlClient
from engine.core.deliveries import Acknowledgement, Claimed
from engine.core.endpoints import Endpoint
from engine.core.errors import ConfigurationError, EngineError
from engine.core.objects import Json
from engine.settings import control_socket, load
from engine.starter import starter_folder

_CONFIG = """\
environment: development
rules: {rules}
templates: {templates}
state: {state}
http: {{listen: "127.0.0.1:0"}}
connectors:
  desk: {{type: http, reply_through: whatsapp}}
  whatsapp: {{type: console}}
"""
_CLOCK = SystemClock()
_TOKEN = "demo"  # noqa: S105 - guards a port on loopback for a few seconds
_START_S = 30.0
_SETTLE_S = 10.0
# Looking more often would slow down what is being timed.
_LOOK_S = 0.05
_TABLE_WIDTH = 124
_PRIORITY_STYLES = {"low": "dim", "normal": "white", "high": "bold yellow", "urgent": "bold white on red"}
_NEXT = """\
Next, try one of these:
  engine demo --interactive                            type messages of your own
  engine explain "my phone has no dial tone" --rules {rules}
                                                       see why a rule matches, and why others do not
  engine init support                                  write a working folder and make the rules yours
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A delivery that reached its console, and when."""

    claimed: Claimed
    at: datetime

    @property
    def milliseconds(self) -> float:
        """From accepted to handed to the network."""
        return (self.at - self.claimed.accepted_at).total_seconds() * 1000


def run(options: argparse.Namespace) -> int:
    """Play the samples, or route what is typed; 0 when every message was routed."""
    rules: Path = options.rules or starter_folder("rules")
    templates: Path = options.templates or (
        rules.parent / "templates" if options.rules else starter_folder("templates")
    )
    console = Console(soft_wrap=True, highlight=False)
    logs.configure("text", "ERROR", sys.stderr)
    with tempfile.TemporaryDirectory(prefix="engine-demo-") as folder:
        config = Path(folder) / "engine.yaml"
        config.write_text(_CONFIG.format(rules=rules.resolve(), templates=templates.resolve(), state=folder), "utf-8")
        with _Daemon(config) as daemon:
            if options.interactive:
                return _converse(daemon, console)
            _play(daemon, console)
    console.print(_NEXT.format(rules=shlex.quote(str(rules))))
    return 0


class _Daemon:
    """The engine in a thread, with what it has shown so far."""

    def __init__(self, config: Path) -> None:
        self._settings = load(config, {"ENGINE_DESK_TOKEN": _TOKEN})
        self._shown: list[Shown] = []
        self._thread = threading.Thread(target=self._run, name="engine")
        self._ready = threading.Event()
        self._endpoint: Endpoint | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: EngineError | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_START_S)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        if self._endpoint is None:
            raise ConfigurationError("the demo daemon did not start in time")
        headers = {"authorization": f"Bearer {_TOKEN}"}
        self._http = httpx.Client(base_url=f"http://{self._endpoint}", headers=headers)
        self._control = ControlClient(control_socket(self._settings.state))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except EngineError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        engine = Engine(self._settings, show=self._show, environ={})
        await engine.run(self._stop, self._opened)

    def _show(self, claimed: Claimed) -> None:
        self._shown.append(Shown(claimed, _CLOCK.now()))

    def _opened(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._ready.set()

    def post(self, event: Json) -> list[Shown]:
        """Send one message and wait until everything that follows from it has been shown."""
        before = len(self._shown)
        answer = self._http.post("/events/desk", json=event)
        answer.raise_for_status()
        deadline = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline:
            time.sleep(_LOOK_S)
            status = self._control.status()
            open_deliveries = sum(
                states.get("queued", 0) + states.get("sending", 0) for states in status["deliveries"].values()
            )
            if not status["unrouted"] and not open_deliveries:
                break
        return self._shown[before:]

    def incident(self, ticket: str) -> Json:
        """The incident as `engine incidents show` has it."""
        return self._control.incident(ticket)


def _play(daemon: _Daemon, console: Console) -> None:
    rows: list[Sequence[str]] = []
    for number, sample in enumerate(CONVERSATIONS, 1):
        said = daemon.post(_event(sample, f"demo-{number}"))
        rows.append(_tell(daemon, console, number, sample, said))
    table = Table(box=None, pad_edge=False, title="What happened", title_justify="left", title_style="bold")
    for column in ("#", "client", "ticket", "rule", "priority", "summary", "ack", "ms"):
        justify: Literal["left", "right"] = "right" if column in {"#", "ms"} else "left"
        table.add_column(column, justify=justify, no_wrap=column != "summary")
    for row in rows:
        table.add_row(*(Text(cell, style=_PRIORITY_STYLES.get(cell, "")) for cell in row))
    # A pipe has no width, and its reader must get whole words; in a narrow window only the summaries are folded.
    Console(width=console.width if console.is_terminal else _TABLE_WIDTH, file=console.file).print(table)
    console.print()


def _converse(daemon: _Daemon, console: Console) -> int:
    console.print("Type a client's message and press Enter; an empty line or Ctrl-D ends.\n")
    number = 0
    while True:
        console.print("[bold]client >[/] ", end="")
        line = sys.stdin.readline().strip()
        if not line:
            console.print()
            return 0
        number += 1
        sample = Sample("You", "+254700000000", "typed", line)
        _tell(daemon, console, number, sample, daemon.post(_event(sample, f"typed-{number}")))


def _event(sample: Sample, message_id: str) -> Json:
    return {
        "source": "whatsapp",
        "receivedAt": _CLOCK.now().isoformat(),
        "conversationId": f"wa-{sample.conversation}",
        "client": {"phone": sample.phone, "displayName": sample.name},
        "message": {"id": sample.message_id or message_id, "text": sample.text},
    }


def _tell(daemon: _Daemon, console: Console, number: int, sample: Sample, said: Sequence[Shown]) -> Sequence[str]:
    """Print one message with what followed from it; the row for the closing table."""
    who = f"{sample.name or 'no name'} ({sample.phone or 'number hidden'})"
    console.print(Text(f"{number:>2}  {who}", style="bold cyan"), Text(sample.note, style="dim italic"))
    tickets = {shown.claimed.ticket_id for shown in said if shown.claimed.ticket_id}
    if not tickets:
        console.print(Text(f"    {sample.text}"))
        console.print(
            Text(
                f"    nothing is sent: {sample.silent or 'the rules neither acknowledge nor escalate it'}\n",
                style="dim",
            )
        )
        return (str(number), sample.name or "", "", "nothing is sent", "", "", "", "")
    incident = daemon.incident(tickets.pop())
    decision = incident["decisions"][-1]
    console.print(_marked(sample.text, decision["because"]))
    facts = Text("    ")
    facts.append(f"rule {decision['rule']}", style="green").append(f" ({Path(decision['location']).name})  ")
    facts.append(decision["priority"], style=_PRIORITY_STYLES[decision["priority"]])
    console.print(facts.append(f"  {incident['ticketId']}  {incident['issueSummary']}"))
    for one in sorted(said, key=lambda shown: not isinstance(shown.claimed.body, Acknowledgement)):
        first, *rest = shown(one.claimed.body).split("\n")
        arrow = Text(f"    {first}", style="blue" if isinstance(one.claimed.body, Acknowledgement) else "magenta")
        console.print(arrow.append(f"  [{one.milliseconds:.1f} ms]", style="dim"))
        for line in rest:
            console.print(Text(f"      {line}"))
    console.print()
    acknowledged = any(isinstance(shown.claimed.body, Acknowledgement) for shown in said)
    return (
        str(number),
        sample.name or "",
        incident["ticketId"],
        decision["rule"],
        decision["priority"],
        decision["summary"],
        "yes" if acknowledged else "no",
        f"{max(shown.milliseconds for shown in said):.0f}",
    )


def _marked(text: str, because: Sequence[dict[str, Any]]) -> Text:
    """The message with the words that rules matched underlined."""
    marked = Text("    ")
    marked.append(text)
    for why in because:
        if why["text"]:
            marked.stylize("bold underline", 4 + why["start"], 4 + why["end"])
    return marked
