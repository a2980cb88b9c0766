"""What the daemon tells its operators about itself: a change of state in, the words for their channel out.

Called by `app`, which sends them the way posts go (see `core.deliveries.FollowUp`). Places, codes and sentences only: a
finding's quoted line and its advice may hold a client's words from an example, so both are left out. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.core.diagnostics import Diagnostic, Severity
from engine.core.quotes import clean_line, quote

# So many findings are told; `engine validate` shows all of them.
_SHOWN = 10
_SENTENCE_LIMIT = 200
_SHA_SHOWN = 12
# States of a connection, see `ports.Health`: the good one, and those that pass by themselves.
_ONLINE = "online"
_PASSING = frozenset({"", "linking", "connecting"})


@dataclass(frozen=True, slots=True)
class Notice:
    """A matter, the state it is in, and what is said about it when that is new."""

    # "rules"
    matter: str
    # Equal states are told once.
    state: str
    # With quotes' marks: whatever a lead wrote must neither mention anyone nor break the layout.
    text: str
    # All is well: worth telling only after something was not.
    good: bool


def rules_refused(
    findings: Sequence[Diagnostic], refused: str, in_force: str, *, at_start: bool, published: bool = False
) -> Notice:
    """The files with the hash `refused`, or what was published, cannot be used; the set `in_force` works on."""
    lines = found_lines(findings)
    shown = [f"- {quote(line)}" for line in lines[:_SHOWN]]
    more = [f"- and {len(lines) - _SHOWN} more: `engine validate` shows them"] if len(lines) > _SHOWN else []
    sha = in_force[:_SHA_SHOWN]
    # Which node it is says `engine status` on any of them.
    which = "The published rules cannot be used on one node" if published else "The rules on disk cannot be used"
    head = (
        f"**Started with the last good rules ({sha}).** {which}:"
        if at_start
        else f"**{which}.** The last good ones ({sha}) stay in force:"
    )
    return Notice("rules", f"refused {refused}", "\n".join((head, *shown, *more)), good=False)


def rules_taken(sha: str, *, published: bool = False) -> Notice:
    """The files on disk, or what was published, are in force."""
    which = "The published ones" if published else "The files on disk"
    return Notice("rules", "good", f"**Rules reloaded, {sha[:_SHA_SHOWN]}.** {which} are in force.", good=True)


def connection(name: str, state: str, problem: str) -> Notice | None:
    """A connection that is kept is in another state; None for one that passes by itself."""
    if state in _PASSING:
        return None
    good = state == _ONLINE
    text = f"**{name} is connected.**" if good else f"**{name} is {state.replace('_', ' ')}.** {quote(problem)}"
    return Notice(f"connection {name}", state, text, good=good)


def unclean_end(name: str, lost_at: datetime) -> Notice:
    """A connection ended without handing over all that it had; `lost_at`, in UTC, is when the last of it came."""
    at = f"{lost_at:%Y-%m-%d %H:%M} UTC"
    text = (
        f"**Some WhatsApp messages to {name} may be missing.** The program that holds the connection was ended by "
        f"force (a crash, a kill or a power cut); the last thing that it got came at {at}. Up to 101 messages from "
        "right before that may not be here, although WhatsApp shows them as delivered. Those that left a trace are "
        "posted as messages that could not be read. Please look at the phone for what came in the minutes before."
    )
    return Notice(f"unclean end of {name}", lost_at.isoformat(), text, good=False)


def place(name: str, refusal: str) -> Notice:
    """A channel refuses posts, with the sentence of what to do, or takes them (again) where that is empty."""
    text = (
        f"**{quote(f'~{name}')} takes no posts.** {quote(refusal)}. What is for it waits until that is done."
        if refusal
        else f"**{quote(f'~{name}')} takes posts again.** What waited is being sent."
    )
    return Notice(f"place {name}", refusal or "good", text, good=not refusal)


def services(missing: Sequence[str]) -> Notice:
    """The on-call files call paging services that engine.yaml does not have, or call none such (any more)."""
    names = ", ".join(missing)
    text = (
        f"**The on-call files call a service that engine.yaml does not have: {quote(names)}.** It is left out of every "
        "call. Add it under `services` in engine.yaml and restart, or take it out of the on-call files."
        if missing
        else "**Every service that the on-call files call is there.**"
    )
    return Notice("on-call services", f"missing {names}" if missing else "good", text, good=not missing)


def found_lines(findings: Sequence[Diagnostic]) -> list[str]:
    """Each error on one line: file, line and column, code, sentence."""
    return [
        clean_line(f"{_place(found)} {found.code} {found.message}", _SENTENCE_LIMIT)
        for found in findings
        if found.severity is Severity.ERROR
    ]


def _place(found: Diagnostic) -> str:
    return f"{found.path}:{found.line}:{found.column}" if found.line else found.path
