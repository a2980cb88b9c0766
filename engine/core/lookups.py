"""Whom to believe about who is on call, when several sources know a schedule and their answers have an age. Pure.

Called by `oncall.duty`. Walks the sources in the order of engine.yaml: the first that is up to date decides, and the
post says what was doubtful. An old answer is used only where nobody has a better one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core.ladders import OnDuty

# How the post names the files of the rules folder.
FILES = "the on-call files"
_UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a source said last about one schedule."""

    # As the post names the source, e.g. "PagerDuty".
    source: str
    # Names in the engineers' chat, without at sign.
    people: tuple[str, ...]
    # How many more are on call there whose names in the chat nobody knows.
    strangers: int
    # The end of the shift; None: the source does not tell.
    until: datetime | None
    # When it was asked; aware.
    fetched_at: datetime
    # How long such an answer is good for.
    max_age: timedelta

    def is_current(self, at: datetime) -> bool:
        """Whether it still holds."""
        ended = self.until is not None and at >= self.until
        return not ended and at - self.fetched_at <= self.max_age


@dataclass(frozen=True, slots=True)
class Silent:
    """A source that knows the schedule and has not answered since the start."""

    source: str


def choose(answers: Iterable[Told | OnDuty | Silent], at: datetime) -> OnDuty:
    """Who is on duty, by the first source that can tell; with a note when it is not the first one, when somebody is on
    call whom we cannot call, or when the answer is old. The on-call files reckon for any moment, so
    they decide, unless they have nobody where an old answer has somebody.
    """
    doubts: list[str] = []
    cached: Told | None = None
    for answer in answers:
        if isinstance(answer, OnDuty):
            if cached is not None and cached.people and not answer.people:
                continue
            return replace(answer, note=_joined([_instead(FILES, doubts), answer.note]), source=FILES)
        if isinstance(answer, Silent):
            doubts.append(f"{answer.source} has not answered yet")
        elif not answer.is_current(at):
            doubts.append(f"{answer.source} has not answered for {age(answer, at)}")
            cached = answer if cached is None or answer.fetched_at > cached.fetched_at else cached
        elif answer.strangers and not answer.people:
            doubts.append(_strangers(answer))
        else:
            return OnDuty(answer.people, answer.until, _note(answer, doubts), answer.source)
    if cached is None or not cached.people:
        return OnDuty((), None, _joined(doubts))
    return OnDuty(cached.people, None, f"on-call from cache, {age(cached, at)} old", cached.source)


def age(told: Told, at: datetime) -> str:
    """How old an answer is, in the greatest unit that it fills: "45 s", "20 min", "3 h", "2 d"."""
    span = max(at - told.fetched_at, timedelta(0))
    for unit, name in _UNITS:
        if span >= unit:
            return f"{span // unit} {name}"
    return f"{span // timedelta(seconds=1)} s"


def _strangers(told: Told) -> str:
    return f"{told.strangers} on call by {told.source} without a name in Mattermost"


def _note(told: Told, doubts: list[str]) -> str:
    """What is doubtful about an answer that is up to date."""
    return _joined([_instead(told.source, doubts), _strangers(told) if told.strangers else ""])


def _instead(source: str, doubts: list[str]) -> str:
    return f"on-call from {source}: {_joined(doubts)}" if doubts else ""


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(part for part in parts if part)
