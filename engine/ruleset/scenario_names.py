"""The names in scenarios that lead nowhere: rules, channels, templates, tags and people that do not exist.

Called by `loader` when every file could be read. Whether a scenario comes true is the work of `engine.rehearsals`.
"""

from collections.abc import Iterable, Iterator

from engine.ruleset.shapes import suggest
from engine.ruleset.syntax import Document, Expectation, Fault, Place, Scenario, Text
from engine.ruleset.templates import Templates

# So many names are listed when none looks like the one that was written.
_SHOWN_NAMES = 8


def check(document: Document, templates: Templates) -> Iterator[Fault]:
    """A fault for each name that does not exist, and for each scenario whose name is taken."""
    acks = {name.removeprefix("ack/") for name in templates.names if name.startswith("ack/") and "." not in name}
    rules = {rule.id.value for rule in document.rules}
    channels = {channel.name.value for channel in document.channels}
    tags = {tag.value for rule in document.rules for tag in rule.tags}
    tags.update(tag.value for tag in document.defaults.tags)
    known = {
        "rule": ("E236", "no rule is named", rules),
        "matched": ("E236", "no rule is named", rules),
        "channel": ("E112", "no channel is named", channels),
        "also": ("E112", "no channel is named", channels),
        "tags": ("E237", "no rule adds the tag", tags),
    }
    yield from _given_twice(document.scenarios)
    for scenario in document.scenarios:
        yield from _strangers(scenario, document)
        for step in scenario.steps:
            for expectation in step.expect:
                name = expectation.fact.value
                if name in known:
                    code, message, names = known[name]
                    for value in expectation.values:
                        if value.value not in names:
                            yield _unknown(value, code, message, names)
                elif name == "ack":
                    yield from _unknown_template(expectation, acks)


def _given_twice(scenarios: Iterable[Scenario]) -> Iterator[Fault]:
    first: dict[str, Place] = {}
    for scenario in scenarios:
        name = scenario.name
        if name.value and name.value in first:
            also = ((first[name.value], "the first one stands here"),)
            yield Fault(name.at, "E202", f'a scenario named "{name.value}" exists already', "name one otherwise", also)
        first.setdefault(name.value, name.at)


def _strangers(scenario: Scenario, document: Document) -> Iterator[Fault]:
    """Whoever writes without being introduced; where nobody is, a name alone is a client."""
    if not scenario.clients:
        return
    introduced = {client.handle.value for client in scenario.clients}
    known = introduced | {client.name.value for client in document.clients}
    for sender in dict.fromkeys(step.sender for step in scenario.steps if step.sender):
        if sender.value not in known:
            yield _unknown(sender, "E235", 'neither "clients" here nor the client directory has', introduced)


def _unknown_template(expectation: Expectation, acks: Iterable[str]) -> Iterator[Fault]:
    """A single word can only be the name of a template; anything longer is the text itself."""
    for value in expectation.values if expectation.how == "is" else ():
        if " " not in value.value.strip() and value.value not in acks:
            yield _unknown(value, "E115", "no acknowledgement is named", acks)


def _unknown(name: Text, code: str, message: str, known: Iterable[str]) -> Fault:
    names = sorted(known)
    listed = ", ".join(names[:_SHOWN_NAMES]) + (", …" if len(names) > _SHOWN_NAMES else "")
    hint = suggest(name.value, names) or (f"there are: {listed}" if names else "there is none yet")
    return Fault(name.at, code, f'{message} "{name.value}"', hint)
