"""The machine's clock: against Mattermost's, and whether somebody keeps it right."""

from datetime import timedelta

from engine.commands.doctor.findings import Finding, Level
from engine.commands.doctor.programs import ask, properties

_SUBJECT = "clock"
# Leases among nodes allow for twenty seconds, and a Date header tells whole ones.
_APART = timedelta(seconds=5)
_KEEP = "let chrony or systemd-timesyncd keep it right"


def against(apart: timedelta | None) -> tuple[Finding, ...]:
    """By how much this machine's clock is ahead of Mattermost's; None: there was no answer, or it had no time."""
    if apart is None:
        return (Finding(_SUBJECT, Level.SKIP, "there is no answer of Mattermost's to compare it with"),)
    if abs(apart) <= _APART:
        return (Finding(_SUBJECT, Level.OK, "agrees with Mattermost's"),)
    side = "ahead of" if apart > timedelta(0) else "behind"
    text = f"{round(abs(apart).total_seconds())} s {side} Mattermost's"
    return (Finding(_SUBJECT, Level.WARN, text, f"{_KEEP}, on both machines"),)


def kept() -> tuple[Finding, ...]:
    """Whether the clock is being kept right, as systemd knows it."""
    written = ask("timedatectl", "show")
    if written is None:
        return (Finding(_SUBJECT, Level.SKIP, "timedatectl does not tell whether somebody keeps it right"),)
    return judge(properties(written))


def judge(shown: dict[str, str]) -> tuple[Finding, ...]:
    """What `timedatectl show` means."""
    if shown.get("NTPSynchronized") == "yes":
        return (Finding(_SUBJECT, Level.OK, "is being kept right"),)
    return (Finding(_SUBJECT, Level.WARN, "nobody keeps it right", _KEEP),)
