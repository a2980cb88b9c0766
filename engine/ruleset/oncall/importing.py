"""Calendar files into flat lists of events, in a process of their own and within a deadline.

Called by `loader` before it checks a snapshot, because this is work for the machine and not for the resolver. A
calendar is somebody else's text: what would take for ever is refused before anything is expanded, and whatever goes
wrong all the same becomes a problem in a lead's words.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from engine.core.windows import Stretch
from engine.ruleset.oncall.events import Event, Expanded
from engine.ruleset.reader import SIZE_LIMIT_BYTES

# How far to either side of the day of the load.
_REACH = timedelta(days=180)
_DEADLINE_S = 20.0
_MOST_COUNT = 10_000
_RULE = re.compile(r"^(?:RRULE|EXRULE)[:;](?P<parts>.*)$", re.MULTILINE | re.IGNORECASE)
_OFTEN = re.compile(r"FREQ\s*=\s*(?:SECONDLY|MINUTELY|HOURLY)", re.IGNORECASE)
_COUNT = re.compile(r"COUNT\s*=\s*(?P<count>[0-9]+)", re.IGNORECASE)
_WHOLE = re.compile(r"\s*BEGIN:VCALENDAR\s.*\sEND:VCALENDAR\s*", re.DOTALL | re.IGNORECASE)
_FOLD = re.compile(r"\r?\n[ \t]")
# What a process that reads somebody else's text has no business to know: secrets, and what systemd told the daemon.
_KEPT_BACK = re.compile(r"ENGINE_.*|CREDENTIALS_DIRECTORY|NOTIFY_SOCKET|WATCHDOG_.*|LISTEN_.*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def expand(
    files: Mapping[str, bytes],
    written: Mapping[str, datetime],
    now: datetime,
    before: Mapping[str, Expanded],
) -> Mapping[str, Expanded]:
    """Every calendar file by its name; one that is as it was on the same day is taken over from an earlier load."""
    first = datetime(now.year, now.month, now.day, tzinfo=UTC)
    known = (first - _REACH, first + _REACH)
    found: dict[str, Expanded] = {}
    for name, raw in files.items():
        digest = hashlib.sha256(raw).digest()
        old = before.get(name)
        if old and not old.problem and old.digest == digest and old.known == known:
            events, problem = old.events, ""
        else:
            problem = refusal(raw)
            events, problem = ((), problem) if problem else _events(raw, known)
        found[name] = Expanded(events, known, digest, written.get(name), problem)
    return found


def refusal(raw: bytes) -> str:
    """Why a calendar is not even looked at, in a lead's words; empty when it is."""
    if len(raw) > SIZE_LIMIT_BYTES:
        return f"it has {len(raw):,} bytes; at most {SIZE_LIMIT_BYTES:,} are read"
    text = _FOLD.sub("", raw.decode("utf-8-sig", "replace")).replace("\r", "\n")
    if not _WHOLE.fullmatch(text):
        # A page that says that something went wrong, or half of what was to be fetched.
        return "it is no calendar, or only the beginning of one"
    for rule in _RULE.finditer(text):
        if _OFTEN.search(rule["parts"]):
            return "something in it is repeated more often than daily"
        if any(int(found["count"][:9]) > _MOST_COUNT for found in _COUNT.finditer(rule["parts"])):
            return f"something in it is repeated more than {_MOST_COUNT:,} times"
    return ""


def _events(raw: bytes, known: Stretch, deadline_s: float = _DEADLINE_S) -> tuple[tuple[Event, ...], str]:
    """The events of the time that is wanted, or what keeps them from being read."""
    days = [moment.date().isoformat() for moment in known]
    command = [sys.executable, "-m", "engine.ruleset.oncall.expansion", *days]
    try:
        done = subprocess.run(  # noqa: S603 - this very program
            command, input=raw, capture_output=True, timeout=deadline_s, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired:
        return (), "it takes too long to be worked out"
    except OSError:
        return (), "no process could be started to read it"
    try:
        said = json.loads(done.stdout)
    except ValueError:
        # Ended by one of its own limits.
        return (), "it takes too much work or memory to be worked out"
    if "problem" in said:
        return (), str(said["problem"])
    return tuple(_event(*each) for each in said["events"]), ""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not _KEPT_BACK.fullmatch(name)}


def _event(begin: str, end: str, summary: str, attendees: list[list[str]]) -> Event:
    return Event(_moment(begin), _moment(end), summary, tuple((name, mail) for name, mail in attendees))


def _moment(written: str) -> datetime | date:
    return date.fromisoformat(written) if _DAY.fullmatch(written) else datetime.fromisoformat(written)
