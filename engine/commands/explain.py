"""`engine explain "TEXT"`: which rule decides about a message, what is said, and why the other rules do not match.

Everything comes from where the daemon gets it: the loader, the compiled rules and the plan. Only the clock, the
conversation and the ticket number are made up, as if the message were the first of a new conversation.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from engine.clocks import SystemClock
from engine.commands.callings import MENTION, Calling, calling, calling_json, calling_lines, duty
from engine.commands.periods import instant
from engine.commands.validate import templates_beside
from engine.core import durations
from engine.core.answers import Circumstances
from engine.core.contracts import decision_json, escalation_json, event_json, incident_json
from engine.core.decisions import Because, Decision, Explanation, FollowUpPolicy, Priority
from engine.core.deliveries import Acknowledgement, Copy, Escalation, with_ticket
from engine.core.diagnostics import Severity, render
from engine.core.events import Address, Client, Event, Inbound, Message
from engine.core.incidents import Incident
from engine.core.plan import plan
from engine.core.quotes import plain
from engine.ruleset.loader import load
from engine.ruleset.matcher import Ruleset

# How many of the rules that did not match are shown, the nearest first.
_SHOWN_MISSES = 5
# How much of an atom, code points; a pattern or a list of phrases can be as long as a page.
_SHOWN_ATOM = 120
_STYLES = {
    Priority.LOW: "dim",
    Priority.NORMAL: "",
    Priority.HIGH: "bold yellow",
    Priority.URGENT: "bold white on red",
}
# What a terminal would obey instead of showing it.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What would be sent; None where nothing would."""

    acknowledgement: Acknowledgement | None
    escalation: Escalation | None
    incident: Incident | None
    copies: tuple[Escalation, ...]
    # Where the rules folder has on-call files, and the post calls by them.
    calling: Calling | None = None


def run(options: argparse.Namespace) -> int:
    """Explain one message: 0, or 1 when the rules have errors. UsageError when `--at` is no time."""
    received_at = instant("--at", options.at) if options.at else _now()
    templates: Path = options.templates or templates_beside(options.rules)
    loaded = load(options.rules, templates, advise=False, now=received_at)
    if loaded.ruleset is None:
        for found in loaded.diagnostics:
            if found.severity is Severity.ERROR:
                sys.stderr.write(f"{render(found)}\n")
        return 1
    event = _event(options, received_at)
    explanation = loaded.ruleset.explain(event)
    outcome = _outcome(event, explanation.decision, loaded.ruleset)
    if options.format == "json":
        sys.stdout.write(_json(event, explanation, outcome, has_roster=loaded.ruleset.roster is not None))
    else:
        _print(event, explanation, outcome, loaded.ruleset)
    return 0


def _now() -> datetime:
    return SystemClock().now()


def _event(options: argparse.Namespace, received_at: datetime) -> Event:
    client = Client(phone=options.phone or None, display_name=options.name or None)
    return Event(options.source, received_at, "explain", client, Message("explain", options.text))


def _outcome(event: Event, decision: Decision, ruleset: Ruleset) -> _Outcome:
    inbound = Inbound("explain", event, Address("explain", "client"))
    circumstances = Circumstances(
        accepted_at=event.received_at,
        incident=None,
        post=None,
        paused=False,
        mention=MENTION,
        duty=duty(ruleset.roster) if ruleset.roster else None,
        escalate_to="mattermost",
    )
    planned = plan(inbound, decision, ruleset, circumstances)
    ticket = f"OC-{event.received_at.year}-…"
    bodies = [with_ticket(delivery.body, ticket) for delivery in planned.deliveries]
    return _Outcome(
        next((body for body in bodies if isinstance(body, Acknowledgement)), None),
        next((body for body in bodies if isinstance(body, Escalation)), None),
        replace(planned.incident, ticket_id=ticket) if planned.incident else None,
        tuple([body.escalation for body in bodies if isinstance(body, Copy)]),
        calling(planned.incident, decision, circumstances),
    )


def _answer_json(answer: Acknowledgement | None) -> dict[str, str] | None:
    if answer is None:
        return None
    return {"text": answer.text} if answer.language is None else {"text": answer.text, "language": answer.language}


def _json(event: Event, explanation: Explanation, outcome: _Outcome, *, has_roster: bool) -> str:
    content: dict[str, object] = {
        "event": event_json(event),
        "decision": decision_json(explanation.decision, explanation.not_matched),
        "acknowledgement": _answer_json(outcome.acknowledgement),
        "escalation": escalation_json(outcome.escalation) if outcome.escalation else None,
        "incident": incident_json(outcome.incident, event.message.text) if outcome.incident else None,
    }
    if outcome.copies:
        content["copies"] = [escalation_json(copy) for copy in outcome.copies]
    if has_roster:
        content["onCall"] = calling_json(outcome.calling)
    return json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode() + "\n"


def _print(event: Event, explanation: Explanation, outcome: _Outcome, ruleset: Ruleset) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    decision = explanation.decision
    console.print(_marked(event.message.text, decision.because, styled=console.is_terminal))
    console.print()
    language = outcome.acknowledgement.language if outcome.acknowledgement else None
    for fact in _facts(decision, language, ruleset, outcome.calling):
        console.print(fact)
    console.print()
    if outcome.acknowledgement:
        _print_said(console, "The client is told", outcome.acknowledgement.text)
    else:
        console.print("No acknowledgement is sent.\n")
    if outcome.escalation:
        post = outcome.escalation
        _print_said(console, f"Post to {post.channel}", f"{plain(post.title)}\n\n{plain(post.body)}")
        if outcome.copies:
            channels = ", ".join(copy.channel for copy in outcome.copies)
            console.print(f"The same, without calling anybody, as a copy to: {channels}\n")
    else:
        console.print("No engineer is called.\n")
    _print_misses(console, explanation)


def _marked(written: str, because: Iterable[Because], *, styled: bool) -> Text:
    """The message with what the rules found in it: bold on a terminal, between « and » elsewhere."""
    # One character for one, so that the ranges stay right.
    shown = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", written)
    ranges = _merged(sorted((why.start, why.end) for why in because if why.start < why.end))
    if styled:
        text = Text(shown)
        for start, end in ranges:
            text.stylize("bold underline green", start, end)
        return text
    pieces: list[str] = []
    done = 0
    for start, end in ranges:
        pieces += [shown[done:start], "«", shown[start:end], "»"]
        done = end
    return Text("".join((*pieces, shown[done:])) or "(no text)")


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ordered ranges with those that overlap joined."""
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _facts(decision: Decision, language: str | None, ruleset: Ruleset, called: Calling | None) -> Iterable[Text]:
    title = next((rule.title for rule in ruleset.rules if rule.id == decision.rule), "")
    team = f" (team {decision.team})" if decision.team else ""
    keywords = "; ".join(f"{category}: {', '.join(names)}" for category, names in decision.keywords)
    yield _fact("rule", Text(decision.rule, style="bold").append(f"  {decision.location}", style="dim"))
    if title:
        yield _fact("", Text(title))
    yield _fact("priority", Text(decision.priority.word, style=_STYLES[decision.priority]))
    yield _fact("tags", Text(", ".join(decision.tags) or "none"))
    yield _fact("channel", Text(f"{decision.channel}{team}"))
    yield _fact("summary", Text(plain(decision.summary)))
    yield _fact("keywords", Text(keywords or "none"))
    for label, whom in calling_lines(called) if called else ():
        yield _fact(label, Text(whom))
    if decision.mention and not called:
        yield _fact("calls", Text(decision.mention))
    if language:
        yield _fact("answered", Text(f"in {language}: ack/{decision.ack}.{language}.j2"))
    if policy := _policy(decision.follow_up):
        yield _fact("then", Text(policy))
    for number, rule in enumerate(decision.matched):
        for line, why in enumerate(_evidence(decision, rule)):
            head = Text("") if number == 0 else Text(f"{rule}  ", style="bold")
            label = ("because" if number == 0 else "also") if line == 0 else ""
            yield _fact(label, head.append(why) if line == 0 else Text(" " * len(head) + why))
    for shadow in decision.shadow:
        would = "would decide" if shadow.decides else "matches too"
        yield _fact("on trial", Text(shadow.rule, style="bold").append(f" {would}, if it were live", style="dim"))


def _policy(policy: FollowUpPolicy) -> str:
    """What a rule says about further messages; empty when it says nothing."""
    parts = []
    if policy.new:
        parts.append("each further message opens an incident of its own")
    elif policy.within:
        parts.append(f"further messages join for {durations.written(policy.within)}")
    if policy.ack_again_after and not policy.new:
        parts.append(f"are acknowledged again after {durations.written(policy.ack_again_after)}")
    return " and ".join(parts)


def _fact(label: str, value: Text) -> Text:
    return Text.assemble((f"{label:<10}", "dim"), value)


def _evidence(decision: Decision, rule: str) -> list[str]:
    """What speaks for a rule, one atom a line."""
    return [
        f'"{_shown(why.text)}"  {_cut(why.atom)}' if why.text else _cut(why.atom)
        for why in decision.because
        if why.rule == rule
    ]


def _shown(written: str) -> str:
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", written).replace("\n", " ")


def _cut(description: str) -> str:
    return description if len(description) <= _SHOWN_ATOM else f"{description[: _SHOWN_ATOM - 1]}…"


def _print_said(console: Console, heading: str, said: str) -> None:
    console.print(Text(heading, style="bold"))
    for line in said.split("\n"):
        console.print(Text(f"  {_shown(line)}".rstrip()))
    console.print()


def _print_misses(console: Console, explanation: Explanation) -> None:
    misses = explanation.not_matched
    if not misses:
        return
    console.print(Text("Why not another rule, the nearest first", style="bold"))
    shown = misses[:_SHOWN_MISSES]
    width = max(len(missed.rule) for missed in shown)
    for missed in shown:
        console.print(Text(f"  {missed.rule:<{width}}  ").append(_cut(_shown(missed.missing)), style="dim"))
    if len(misses) > _SHOWN_MISSES:
        console.print(Text(f"  and {len(misses) - _SHOWN_MISSES} more: --format json lists them all", style="dim"))
