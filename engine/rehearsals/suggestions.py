"""A message that would reach an atom: one of the tests' own with a few words exchanged, tried before it is proposed.

Called by `coverage`. The first that does it is taken; where none does, nothing is proposed.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from engine.core import text as texts
from engine.rehearsals.trials import Table, Trial, spelling_key
from engine.rehearsals.units import Cut, Part, Unit
from engine.ruleset import conditions
from engine.ruleset.circumstances import favourable, necessary
from engine.ruleset.syntax import Keyword, KeywordIs, Text, Words

# How many messages are tried for one atom.
_ATTEMPTS = 8
_CATEGORY = re.compile(r"\$(\w+)")


def for_unit(cut: Cut, part: Part, unit: Unit, table: Table) -> str:
    """A message that matches by a unit or, where it is a guard, is kept from matching by it; empty: none is known."""
    written = _written(unit, table)
    if not written:
        return ""
    examples = [trial for trial in table.trials if trial.rule == cut.rule.id.value and trial.matches]
    around = necessary(cut.rule, table.document) if part.guard else favourable(cut.rule, table.document)
    for message in islice(_messages(examples, part, written), _ATTEMPTS):
        met = table.probe.meet(around.event(message), follow_up=around.follow_up)
        hits = table.hits(cut, met)
        holds = conditions.holds(cut.condition, hits)
        decides = conditions.holds(cut.condition, hits - part.numbers) is not holds
        if unit.number in hits and (decides if part.guard else holds):
            return message
    return ""


def for_spelling(keyword: Keyword, text: Text, table: Table) -> str:
    """A message in which a keyword is written so: one of a rule that asks for it; empty: none is known."""
    category, name = keyword.category.value, keyword.name.value
    key = spelling_key(category, text.value)
    # Whoever asks for the keyword by its name has messages that are about it.
    for asked in (("keyword", category, name), ("keyword", category)):
        rules = table.asking.get(asked, {})
        examples = (trial for trial in table.meeting(asked) if trial.matches and trial.rule in rules)
        for trial in islice(examples, _ATTEMPTS):
            rule = rules[trial.rule]
            message = _with(trial.event.message.text, *trial.met[asked], text.value)
            around = favourable(rule.rule, table.document)
            met = table.probe.meet(around.event(message), follow_up=around.follow_up)
            if key in met and table.holds(rule, met):
                return message
    return ""


def _written(unit: Unit, table: Table) -> str:
    """The words of a unit as a client may write them; empty for a pattern."""
    match unit.atom:
        case Words(phrases=phrases):
            plain = phrases[0].value.replace("*", "")
            return _CATEGORY.sub(lambda found: _spelling(found[1], "", table), plain)
        case KeywordIs(category=category, names=names):
            return _spelling(category.value, names[0].value if names else "", table)
        case _:
            return ""


def _spelling(category: str, name: str, table: Table) -> str:
    """The first way of writing a keyword of a category."""
    return next(
        (keyword.spellings or (keyword.name,))[0].value
        for keyword in table.document.keywords
        if keyword.category.value == category and name in {"", keyword.name.value}
    )


def _messages(examples: Iterable[Trial], part: Part, written: str) -> Iterator[str]:
    """Examples in which what met the same atom is exchanged, then the words alone, then both together."""
    listed = tuple(examples)
    if not part.guard:
        for trial in listed:
            for unit in part.units:
                if unit.key in trial.met:
                    yield _with(trial.event.message.text, *trial.met[unit.key], written)
        yield written
    for trial in listed:
        yield f"{trial.event.message.text.rstrip()} {written}"


def _with(message: str, start: int, end: int, written: str) -> str:
    """The message with other words in a range; a capital stays one where it began with it."""
    if message[start:end].istitle() and texts.words(written):
        written = written[:1].upper() + written[1:]
    return f"{message[:start]}{written}{message[end:]}"
