"""Rules that match far too many messages, found by trying every rule on messages that clients write every day.

Called by `advice` with a compiled set. What is tried is every example of the set, so that a large set speaks for
itself, and the messages of `everyday.txt`: invented, in English and Swahili, about all that a support team hears, so
that a small set is not judged by the examples of its one topic. A rule that some fact about the event makes narrow (a
client, a time, an attachment) is not judged by words.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from engine.core.quotes import clean_line
from engine.ruleset.advice import witnesses
from engine.ruleset.advice.comparisons import Comparison
from engine.ruleset.circumstances import USUAL
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Always, Document, Fault

# The broadest topic of a support team is a fifth to a quarter of what it hears; what matches nearly half of everything
# is a word of everyday language. Of fewer messages than the least, chance may be the cause.
SHARE = 0.4
LEAST = 20
# So many examples are tried, evenly taken from all of them.
EXAMPLES_LIMIT = 2000

_SHOWN = 60


def check(comparison: Comparison, document: Document, ruleset: Ruleset) -> Iterator[Fault]:
    """A finding for each rule that matches too many messages, in the order of the rules."""
    messages = corpus(document)
    matched: dict[str, list[str]] = {}
    for message in messages:
        for name in witnesses.met(USUAL.event(message), USUAL.follow_up, ruleset):
            matched.setdefault(name, []).append(message)
    for subject in comparison.subjects:
        rule = subject.rule
        found = matched.get(rule.id.value, [])
        narrowed = any(not witnesses.is_of_text(clause) for case in subject.possible for clause in case.required)
        if narrowed or isinstance(rule.when, Always) or len(found) < max(LEAST, SHARE * len(messages)):
            continue
        shown = " and ".join(f'"{clean_line(message, _SHOWN)}"' for message in (found[0], found[len(found) // 2]))
        share = f"{100 * len(found) // len(messages)} % of everyday messages ({len(found)} of {len(messages)})"
        message = f'"{rule.id.value}" matches {share}, e.g. {shown}'
        yield Fault(rule.id.at, "W515", message, "ask for something more under all, or for a longer phrase")


def corpus(document: Document) -> Sequence[str]:
    """The messages that rules are judged by, each once."""
    examples = dict.fromkeys(
        example.value for rule in document.rules for example in (*rule.examples.match, *rule.examples.no_match)
    )
    step = max(1, -(-len(examples) // EXAMPLES_LIMIT))
    return tuple(dict.fromkeys((*everyday(), *list(examples)[::step])))


@cache
def everyday() -> Sequence[str]:
    """The messages that ship with the engine."""
    written = Path(__file__).with_name("everyday.txt").read_text(encoding="utf-8")
    return tuple(line for line in written.splitlines() if line)
