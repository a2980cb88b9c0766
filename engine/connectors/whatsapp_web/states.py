"""The state of the connection to WhatsApp: which happening leads where, what comes back by itself, what a person must
do. Pure; `connector` keeps one `Standing`.

Named after what neonize does (0.5.2, measured 2026-11): a dropped connection it makes again itself; one that WhatsApp
ended for good it leaves open and silent, so that only the event tells.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """As `ports.Health.state` has it."""

    UNLINKED = "unlinked"
    LINKING = "linking"
    CONNECTING = "connecting"
    ONLINE = "online"
    DEGRADED = "degraded"
    REPLACED = "replaced"
    BANNED = "banned"
    OUTDATED = "outdated"
    LOGGED_OUT = "logged_out"


class Happening(StrEnum):
    """What the gateway tells, or what becomes of it."""

    # A gateway starts, to connect or to link a phone.
    STARTED = "started"
    LINKING = "linking"
    NO_DEVICE = "no_device"
    PAIRED = "paired"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    # WhatsApp answers no ping of the library's or no question of the gateway's; it does again.
    SILENT = "silent"
    RESTORED = "restored"
    # The first connection could not be made, WhatsApp refused a later one for the moment, or it answered no question
    # twice in a row.
    UNREACHABLE = "unreachable"
    # The process ended without being told to, or was killed because it did not answer.
    ENDED = "ended"
    REPLACED = "replaced"
    BANNED = "banned"
    OUTDATED = "outdated"
    LOGGED_OUT = "logged_out"


# The only states in which something is sent.
OPEN = frozenset({State.ONLINE, State.DEGRADED})
# The gateway comes back by itself from these; from every other a person has to bring it.
_BY_ITSELF = frozenset({State.CONNECTING, State.ONLINE, State.DEGRADED})
# Wherever it was, this is where it is now.
_ALWAYS: dict[Happening, State] = {
    Happening.STARTED: State.CONNECTING,
    Happening.LINKING: State.LINKING,
    Happening.NO_DEVICE: State.UNLINKED,
    Happening.CONNECTED: State.ONLINE,
    Happening.REPLACED: State.REPLACED,
    Happening.BANNED: State.BANNED,
    Happening.OUTDATED: State.OUTDATED,
    Happening.LOGGED_OUT: State.LOGGED_OUT,
}
# The rest depends; a pair that is absent changes nothing, e.g. the end of a process that was replaced.
_TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.LINKING, Happening.PAIRED): State.CONNECTING,
    (State.LINKING, Happening.ENDED): State.UNLINKED,
    (State.LINKING, Happening.UNREACHABLE): State.UNLINKED,
    (State.CONNECTING, Happening.UNREACHABLE): State.CONNECTING,
    (State.CONNECTING, Happening.ENDED): State.CONNECTING,
    (State.ONLINE, Happening.DISCONNECTED): State.CONNECTING,
    (State.ONLINE, Happening.UNREACHABLE): State.CONNECTING,
    (State.ONLINE, Happening.SILENT): State.DEGRADED,
    (State.ONLINE, Happening.ENDED): State.CONNECTING,
    (State.DEGRADED, Happening.RESTORED): State.ONLINE,
    (State.DEGRADED, Happening.UNREACHABLE): State.CONNECTING,
    (State.DEGRADED, Happening.DISCONNECTED): State.CONNECTING,
    (State.DEGRADED, Happening.ENDED): State.CONNECTING,
}
_FAILURES = frozenset({Happening.UNREACHABLE, Happening.ENDED})

# The first pause before a gateway is started again, and the longest.
_BASE = timedelta(seconds=1)
_CAP = timedelta(minutes=2)
# After the end of a ban: clocks differ.
_AFTER_BAN = timedelta(seconds=30)
# Where WhatsApp names no end.
_UNKNOWN_BAN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """The state with what led to it."""

    state: State
    since: datetime
    # The end of a ban.
    until: datetime | None = None
    # Gateways in a row that failed before they were online.
    failures: int = 0


def follow(standing: Standing, happening: Happening, now: datetime, expires_in: timedelta | None = None) -> Standing:
    """The standing after a happening; the very same when it changes nothing. `expires_in` is that of a ban."""
    state = _ALWAYS.get(happening) or _TRANSITIONS.get((standing.state, happening))
    if state is None:
        return standing
    failures = 0 if state in OPEN else standing.failures + (happening in _FAILURES)
    until = now + (expires_in or _UNKNOWN_BAN) if state is State.BANNED else None
    same = state is standing.state and state is not State.BANNED
    return Standing(state, standing.since if same else now, until, failures)


def pause(standing: Standing, now: datetime, chance: float) -> timedelta | None:
    """How long to wait before a gateway is started again; None where a person has to do something first.

    Half of the doubled base is fixed and half is chance, so that a fault of all gateways does not bring all of them
    back at once. `chance` lies in [0, 1).
    """
    if standing.state is State.BANNED and standing.until is not None:
        return max(timedelta(0), standing.until - now) + _AFTER_BAN
    if standing.state not in _BY_ITSELF:
        return None
    doubled: int = 2 ** min(max(standing.failures - 1, 0), 20)
    ceiling = min(_CAP, _BASE * doubled)
    return ceiling * (0.5 + chance / 2)


_PROBLEMS: dict[State, str] = {
    State.ONLINE: "",
    State.UNLINKED: "no phone is linked: stop the daemon and run `engine whatsapp link --connector {name}`",
    State.LINKING: "a phone is being linked",
    State.CONNECTING: "the connection to WhatsApp is being made ({failures} failures so far)",
    State.DEGRADED: "WhatsApp does not answer on the open connection; if it stays so, the gateway is replaced within a "
    "minute",
    State.REPLACED: "another program has taken over this linked device: stop it, then restart the daemon",
    State.BANNED: "WhatsApp has banned the number until {until}: answer clients by other means; then it is tried again",
    State.OUTDATED: "WhatsApp refuses this version of neonize: install a newer version of the engine",
    State.LOGGED_OUT: (
        "the phone has unlinked this device: stop the daemon and run `engine whatsapp link --connector {name}`"
    ),
}


def problem(standing: Standing, name: str) -> str:
    """What is wrong and what to do about it, in one sentence for a person; empty when all is well."""
    until = f"{standing.until:%Y-%m-%d %H:%M} UTC" if standing.until else ""
    return _PROBLEMS[standing.state].format(name=name, until=until, failures=standing.failures)
