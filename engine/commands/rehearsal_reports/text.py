"""A Report as people read it in a terminal: each test that failed with its place, what was expected, what came and why.

Colours come only where the console has them; without them the text says the same.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rich.text import Text

from engine.commands.rehearsal_reports import Report, percent, share, shown_percent, summary
from engine.core.diagnostics import render
from engine.core.quotes import plain
from engine.rehearsals import differences
from engine.rehearsals.cases import Kind, Result
from engine.rehearsals.coverage import Atom
from engine.rehearsals.differences import Side
from engine.rehearsals.mutants import Outcome
from engine.rehearsals.plays import Seen
from engine.rehearsals.verdicts import Mismatch
from engine.ruleset.syntax import Place

# How many of one rule are listed before the rest is only counted.
_LISTED = 5
# How much of a message is shown in a heading, code points.
_SHOWN = 100
_SHOWN_REASON = 240
# Where what was expected and what came begin.
_INDENT = 20
# From here on, in percent, a share is not red.
_FAIR = 50.0
# What a terminal would obey instead of showing it.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

T = TypeVar("T")


def show(report: Report, *, coloured: bool, verbose: bool) -> Iterator[Text]:
    """The report line by line."""
    if report.broken:
        for finding in report.broken:
            yield Text(render(finding))
        yield Text("")
        yield Text("the rules have errors, so nothing was tested: mend them first", style="red")
        return
    for result in report.results:
        if not result.passed:
            yield from _failed(result, coloured=coloured)
        elif verbose:
            yield from _passed(result)
    if report.atoms is not None:
        yield from _coverage(report, report.atoms, verbose=verbose)
    if report.mutation is not None:
        yield from _mutation(report.mutation, verbose=verbose)
    yield Text(summary(report), style="red" if report.exit_code else "green")


def _passed(result: Result) -> Iterator[Text]:
    yield Text.assemble(("ok    ", "green"), (f"{_place(result.at)}  ", "dim"), _cut(result.title))
    for seen in result.seen:
        yield Text(f"        {_heading(seen)}")
        yield Text(f"          {_came(seen)}", style="dim")


def _failed(result: Result, *, coloured: bool) -> Iterator[Text]:
    yield Text.assemble(("FAIL  ", "bold red"), (f"{_place(result.at)}  ", "bold"), (_cut(result.title), "bold"))
    step: Seen | None = None
    for mismatch in result.mismatches:
        if mismatch.seen is not None and mismatch.seen is not step:
            yield Text(f"      {_heading(mismatch.seen)}")
        elif mismatch.seen is None and result.kind is Kind.SCENARIO:
            yield Text("      over all steps")
        step = mismatch.seen
        yield from _mismatch(mismatch, coloured=coloured)
    yield Text("")


def _mismatch(mismatch: Mismatch, *, coloured: bool) -> Iterator[Text]:
    if mismatch.fact != "example":
        yield Text(f"        {mismatch.fact}  ").append(_place(mismatch.at), style="dim")
    yield Text.assemble("          expected  ", (_indented(mismatch.wanted), "green"))
    yield Text.assemble("          came      ", (_indented(mismatch.found), "red"))
    if mismatch.texts:
        yield _difference(mismatch, coloured=coloured)
    for why in mismatch.why:
        yield Text(f"          {_cut(why, _SHOWN_REASON)}", style="dim")


def _difference(mismatch: Mismatch, *, coloured: bool) -> Text:
    """Both texts as one: struck out in red what was expected and did not come, in green what came instead."""
    line = Text("          that is   ")
    for part in differences.compare(_visible(mismatch.wanted), _visible(mismatch.found)):
        match part.side:
            case Side.BOTH:
                line.append(part.text)
            case Side.WANTED:
                line.append(part.text if coloured else f"[-{part.text}-]", style="strike red")
            case Side.FOUND:
                line.append(part.text if coloured else f"{{+{part.text}+}}", style="bold green")
    return line


def _heading(seen: Seen) -> str:
    event = seen.event
    said = f'"{_cut(_visible(event.message.text))}"' if event.message.text else ""
    came = " and ".join(attachment.kind for attachment in event.message.attachments)
    message = f"{said} with {came}" if said and came else said or f"({came or 'nothing'})"
    kind = "" if event.message.kind == "message" else f", {event.message.kind}"
    who = seen.step.sender.value if seen.step.sender else ""
    return f"step {seen.number}, {event.received_at:%Y-%m-%d %H:%M}, {who}{kind}: {message}"


def _came(seen: Seen) -> str:
    decision = seen.decision
    parts = [f"{decision.rule}, {decision.priority.word}"]
    if seen.post is not None:
        parts.append(f"post to {seen.post.channel}: {plain(decision.summary)}")
    if seen.reply is not None:
        parts.append("reply in the thread" + (", post edited" if seen.edits else ""))
    parts.append(f"the client is told: {_cut(seen.ack)}" if seen.ack is not None else "the client is told nothing")
    return "; ".join(_visible(part) for part in parts)


def _coverage(report: Report, atoms: Sequence[Atom], *, verbose: bool) -> Iterator[Text]:
    yield Text("Coverage: the atoms of the rules that no test reaches", style="bold")
    for path, of_file in _grouped(atoms, lambda atom: atom.at.path):
        yield Text.assemble((f"{path}  ", "bold"), _share(*share(of_file)))
        for rule, of_rule in _grouped(of_file, lambda atom: atom.rule or atom.label.partition(":")[0]):
            missed = [atom for atom in of_rule if not atom.covered]
            if missed or verbose:
                yield Text.assemble(f"  {rule}  ", _share(*share(of_rule)))
            shown = missed if verbose else missed[:_LISTED]
            for atom in shown:
                advice = f'{atom.advice}, e.g. "{_visible(atom.example)}"' if atom.example else atom.advice
                yield Text.assemble((f"    {_place(atom.at)}  ", "dim"), _cut(atom.label))
                yield Text(f"      {advice}", style="cyan")
            yield from _rest(len(missed) - len(shown))
    reached, total = share(atoms)
    line = f"coverage: {reached} of {total} atoms ({shown_percent(reached, total)})"
    if report.minimum:
        line += f"; wanted are {report.minimum} %"
    yield Text(line, style="red" if report.too_little else "")


def _share(reached: int, total: int) -> tuple[str, str]:
    part = percent(reached, total)
    style = "green" if reached == total else "yellow" if part >= _FAIR else "red"
    return f"{reached}/{total}  {shown_percent(reached, total)}", style


def _mutation(outcome: Outcome, *, verbose: bool) -> Iterator[Text]:
    yield Text("Mutation: the changes of the rules that no test notices", style="bold")
    for path, of_file in _grouped(outcome.survivors, lambda survivor: survivor.at.path):
        yield Text(path, style="bold")
        for rule, of_rule in _grouped(of_file, lambda survivor: survivor.rule or "keywords"):
            yield Text(f"  {rule}")
            shown = of_rule if verbose else of_rule[:_LISTED]
            for survivor in shown:
                yield Text.assemble((f"    {_place(survivor.at)}  ", "dim"), _cut(survivor.change))
                yield Text(f"      {survivor.advice}", style="cyan")
            yield from _rest(len(of_rule) - len(shown))
    yield Text(
        f"mutation: {outcome.noticed} of {outcome.mutants} changes are noticed "
        f"({shown_percent(outcome.noticed, outcome.mutants)})"
    )


def _rest(number: int) -> Iterator[Text]:
    if number > 0:
        yield Text(f"    and {number} more: --verbose lists them", style="dim")


def _grouped(items: Iterable[T], key: Callable[[T], str]) -> Iterator[tuple[str, list[T]]]:
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    yield from groups.items()


def _visible(text: str) -> str:
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _place(at: Place) -> str:
    return f"{at.path}:{at.line}:{at.column}"


def _indented(text: str) -> str:
    """Lines after the first stand below its beginning."""
    return f"\n{' ' * _INDENT}".join(_visible(text).splitlines())


def _cut(text: str, limit: int = _SHOWN) -> str:
    line = " ".join(_visible(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
