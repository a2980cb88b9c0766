"""The systemd unit: whether it is installed and enabled, gives a stop its time, and owns the state folder."""

import pwd
from collections.abc import Mapping
from pathlib import Path

from engine.commands.doctor.findings import Finding, Level
from engine.commands.doctor.installations import Installation
from engine.commands.doctor.programs import ask, properties
from engine.settings import Environment

_SUBJECT = "systemd"
_UNIT = "engine.service"
_BOOTED = Path("/run/systemd/system")
_ASKED = "LoadState,ActiveState,SubState,UnitFileState,TimeoutStopUSec,User,MainPID,Result"
# A stop takes the drain of ten seconds, the doors' five and the connectors' five.
_STOP_S = 20.0
_SPANS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 0.001}


def unit(installation: Installation) -> tuple[Finding, ...]:
    """What there is to say about the unit on this machine."""
    written = ask("systemctl", "show", _UNIT, "-p", _ASKED) if _BOOTED.is_dir() else None
    if written is None:
        return (Finding(_SUBJECT, Level.SKIP, "this machine does not run under systemd, or it does not answer"),)
    shown = properties(written)
    return judge(shown, _uid(shown), installation)


def judge(shown: Mapping[str, str], uid: int | None, installation: Installation) -> tuple[Finding, ...]:
    """What `systemctl show` means; `uid` is the user of the service, None where it has none now."""
    production = installation.settings.environment is Environment.PRODUCTION
    if shown.get("LoadState") != "loaded":
        level = Level.WARN if production else Level.SKIP
        return (Finding(_SUBJECT, level, f"{_UNIT} is not installed", "see deploy/README.md, The service"),)
    enabled, active = shown.get("UnitFileState", ""), shown.get("ActiveState", "")
    found = [Finding(_SUBJECT, Level.OK, f"{_UNIT} is installed")]
    if enabled != "enabled":
        text = f"{_UNIT} is {enabled or 'not enabled'}, and does not come back with the machine"
        found.append(Finding(_SUBJECT, Level.WARN, text, "`systemctl enable engine`"))
    if active != "active":
        text = f"{_UNIT} is {active or 'not active'} ({shown.get('Result', 'unknown')})"
        level = Level.FAIL if active == "failed" or not installation.runs else Level.WARN
        found.append(Finding(_SUBJECT, level, text, "`journalctl -u engine -n 50`, then `systemctl start engine`"))
    else:
        found.append(Finding(_SUBJECT, Level.OK, f"{_UNIT} is active"))
    stop_s = seconds(shown.get("TimeoutStopUSec", ""))
    if stop_s is not None and stop_s < _STOP_S:
        text = f"a stop is cut off after {stop_s:g} s, and may take {_STOP_S:g}"
        found.append(Finding(_SUBJECT, Level.WARN, text, "TimeoutStopSec=30, as in deploy/engine.service"))
    return (*found, *_owner(installation.settings.state, uid))


def seconds(written: str) -> float | None:
    """A span as systemd writes it, e.g. "1min 30s"; None for "infinity" and for what is none."""
    total = 0.0
    for part in written.split():
        digits = part.rstrip("hmins")
        unit_ = part[len(digits) :]
        if not digits.replace(".", "", 1).isdecimal() or unit_ not in _SPANS:
            return None
        total += float(digits) * _SPANS[unit_]
    return total if written.split() else None


def _uid(shown: Mapping[str, str]) -> int | None:
    pid = shown.get("MainPID", "0")
    if pid not in {"", "0"}:
        try:
            return Path("/proc", pid).stat().st_uid
        except OSError:
            return None
    try:
        return pwd.getpwnam(shown.get("User") or "root").pw_uid
    except KeyError:
        # A user that exists only while the service runs.
        return None


def _owner(state: Path, uid: int | None) -> tuple[Finding, ...]:
    try:
        owner = state.stat().st_uid
    except OSError:
        return ()
    if uid is None or owner == uid:
        return ()
    text = f"{state} belongs to user {owner}, and the service runs as user {uid}"
    return (Finding(_SUBJECT, Level.FAIL, text, f"`chown -R {uid} {state}`, or let StateDirectory= make it"),)
