"""Parts that the daemon's tests put together: a clock to set, a scripted network, small rules."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.core.decisions import Decision, Priority
from engine.core.deliveries import Claimed, Found, Outcome, Reconciled, Sent
from engine.core.events import Address, Client, Event, Inbound, Message
from engine.core.quotes import quote
from engine.ports import Health

START = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    at: datetime = START
    # By how much somebody has set it.
    jumped: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.at

    def elapsed(self) -> timedelta:
        return self.at - START - self.jumped

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)

    def jump(self, **span: float) -> None:
        """Set it, while no time passes."""
        self.at += timedelta(**span)
        self.jumped += timedelta(**span)


@dataclass
class ScriptedNetwork:
    """A connector that answers what the test says, `Sent` when the script is at its end."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    reconciled: list[Reconciled] = field(default_factory=list)
    sent: list[Claimed] = field(default_factory=list)
    asked: list[Claimed] = field(default_factory=list)
    problem: str = ""

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def send(self, claimed: Claimed) -> Outcome:
        self.sent.append(claimed)
        return self.outcomes.pop(0) if self.outcomes else Sent(f"{self.name}-{len(self.sent)}")

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        self.asked.append(claimed)
        return self.reconciled.pop(0) if self.reconciled else Found.UNDECIDED

    def health(self) -> Health:
        return Health(not self.problem, self.problem)


@dataclass(frozen=True)
class FixedRules:
    """Rules that decide the same about every message, or fail on it."""

    priority: Priority = Priority.NORMAL
    failure: Exception | None = None

    def evaluate(self, event: Event, *, follow_up: bool = False) -> Decision:
        if self.failure is not None:
            raise self.failure
        return self.decision(event)

    def fallback(self, event: Event, error: str) -> Decision:
        decision = self.decision(event)
        return Decision(
            **{name: getattr(decision, name) for name in decision.__slots__}
            | {"rule": "engine-fallback", "error": error}
        )

    def decision(self, event: Event) -> Decision:
        return Decision(
            rule="any",
            location="any.yaml:1",
            matched=("any",),
            priority=self.priority,
            tags=("whatsapp",),
            channel="support-triage",
            team=None,
            summary=quote(event.message.text[:20]),
            keywords=(),
            captures=(),
            ack="default",
            escalate=True,
            because=(),
            ruleset_sha="0" * 12,
        )

    def offers(self, template: str) -> bool:
        return False

    def language(self, event: Event, template: str) -> str | None:
        return None

    def acknowledgement(self, template: str, variables: object) -> str:
        assert template == "default"
        assert isinstance(variables, dict)
        return f"Hello {variables.get('client_name', 'there')}"

    def escalation(self, variables: object) -> tuple[str, str]:
        assert isinstance(variables, dict)
        return "Request", f"Issue Summary: {variables['issue_summary']}"


def inbound(number: int, *, conversation: str = "wa-1", text: str = "no dial tone", at: datetime = START) -> Inbound:
    event = Event("whatsapp", at, conversation, Client("+254700000001", "Jackson"), Message(f"m{number}", text))
    return Inbound("desk", event, Address("wa", "+254700000001"))


async def until(condition: Callable[[], bool], patience_s: float = 5.0) -> None:
    """Give the event loop and the journal's thread time until the condition holds; fail when it never does."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.001)


def write_rules(folder: Path, files: Iterable[tuple[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
