"""What a check of `engine doctor` found, and how it is shown. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.core.quotes import clean_line

_LINE_LIMIT = 400


class Level(StrEnum):
    """How grave it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    # It could not be looked at.
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    # What was looked at, e.g. "disk".
    subject: str
    level: Level
    # What was found, or why nothing could be.
    text: str
    # What to do about it; empty where nothing is to be done.
    advice: str = ""


def finding(subject: str, level: Level, sentence: str) -> Finding:
    """A finding of one of the engine's sentences, which say what was found, a colon, and what to do."""
    text, _, advice = sentence.partition(": ")
    return Finding(subject, level, text, advice)


def not_ours(subject: str, path: Path, deed: str) -> Finding:
    """The finding that this user may not do something with a file or folder, e.g. "look at" it."""
    return Finding(subject, Level.SKIP, f"{path} is not this user's to {deed}", "use sudo, or the daemon's user")


def failed(findings: Iterable[Finding]) -> bool:
    """Whether one of them is a failure."""
    return any(found.level is Level.FAIL for found in findings)


def show(findings: Sequence[Finding]) -> str:
    """A line for each, and one that counts them."""
    width = max((len(found.subject) for found in findings), default=0)
    lines = [f"{found.level:<4}  {found.subject:<{width}}  {_sentence(found)}" for found in findings]
    return "\n".join((*lines, "", _sum(findings), ""))


def show_json(findings: Sequence[Finding]) -> str:
    """The same for programs."""
    told = [
        {"subject": found.subject, "level": found.level.value, "text": found.text, "advice": found.advice or None}
        for found in findings
    ]
    counts = {level.value: sum(found.level is level for found in findings) for level in Level}
    answer = {"ok": not failed(findings), "counts": counts, "findings": told}
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def _sentence(found: Finding) -> str:
    return clean_line(f"{found.text}: {found.advice}" if found.advice else found.text, _LINE_LIMIT)


def _sum(findings: Sequence[Finding]) -> str:
    counts = {level: sum(found.level is level for found in findings) for level in Level}
    return (
        f"{counts[Level.OK]} ok, {counts[Level.WARN]} to look at, {counts[Level.FAIL]} failed, "
        f"{counts[Level.SKIP]} not looked at"
    )
