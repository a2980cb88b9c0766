"""The same rules told to other engines: a naive loop, a careful one, and peers where they are installed.

Each function takes the rules and gives what takes one message to the names of the rules that match. Peers get the
keywords of the message ready made, as their users would prepare them, so that only their own work is measured.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from bench.workloads import Asked, symptoms, topics

Contestant = Callable[[str], list[str]]
_WORD = re.compile(r"\w+")
# By the name in the table: the package that it needs.
PEERS: Mapping[str, tuple[str, str]] = {
    "rule-engine": ("rule_engine", "5.1"),
    "business-rules": ("business_rules", "1.1"),
    "zen-engine": ("zen", "2.1"),
}


def spellings() -> dict[tuple[str, str], tuple[str, ...]]:
    """The ways to write each product and each symptom, its name among them, in lower case."""
    known = {("product", topic.name): (topic.name, *topic.spellings) for topic in topics()}
    known |= {("symptom", name): (name, *several) for name, several in symptoms().items()}
    return {key: tuple(written.lower() for written in several) for key, several in known.items()}


def naive_loop(asked: Sequence[Asked]) -> Contestant:
    """What one writes first: Python's `re` over every rule in order."""
    known = spellings()
    rules: list[tuple[str, list[re.Pattern[str]], re.Pattern[str] | None]] = []
    for each in asked:
        product = [_any_of(known["product", each.product])] if each.product else []
        some = [_any_of(known["symptom", each.symptom])] if each.symptom else []
        some += [each.pattern] if each.pattern else []
        some = [f"(?:{'|'.join(some)})".replace("?P<code>", "")] if each.either else some
        words = [_any_of(each.words)] if each.words else []
        needed = [re.compile(regex, re.IGNORECASE) for regex in (*product, *some, *words)]
        rules.append((each.name, needed, re.compile(_any_of(each.none), re.IGNORECASE) if each.none else None))

    def matches(text: str) -> list[str]:
        return [
            name
            for name, needed, barred in rules
            if all(regex.search(text) for regex in needed) and not (barred and barred.search(text))
        ]

    return matches


def careful_loop(asked: Sequence[Asked]) -> Contestant:
    """What a careful author writes: words cut once, keywords found once, the cheap questions first."""
    find = keyword_finder(asked)
    rules = [
        (each, [_phrase(phrase) for phrase in each.words], [_phrase(phrase) for phrase in each.none],
         re.compile(each.pattern) if each.pattern else None)
        for each in asked
    ]  # fmt: skip

    def matches(text: str) -> list[str]:
        lower = text.lower()
        line = f" {' '.join(_WORD.findall(lower))} "
        found = find(lower)
        products, wrong = found["product"], found["symptom"]
        names = []
        for each, words, none, pattern in rules:
            if each.product and each.product not in products:
                continue
            if each.either:
                if each.symptom not in wrong and not (pattern and pattern.search(lower)):
                    continue
            elif (each.symptom and each.symptom not in wrong) or (pattern and not pattern.search(lower)):
                continue
            if words and not any(phrase in line for phrase in words):
                continue
            if not any(phrase in line for phrase in none):
                names.append(each.name)
        return names

    return matches


def keyword_finder(asked: Sequence[Asked]) -> Callable[[str], dict[str, list[str]]]:
    """The products and symptoms of a message, by a dictionary over one to three words."""
    used = {("product", each.product) for each in asked} | {("symptom", name) for name in symptoms()}
    by_words: dict[tuple[str, ...], tuple[str, str]] = {}
    for key, several in spellings().items():
        if key in used:
            by_words |= {tuple(_WORD.findall(written)): key for written in several}

    def find(text: str) -> dict[str, list[str]]:
        words = _WORD.findall(text)
        found: dict[str, list[str]] = {"product": [], "symptom": []}
        for start in range(len(words)):
            for end in range(start + 1, min(start + 4, len(words) + 1)):
                if (key := by_words.get(tuple(words[start:end]))) is not None:
                    found[key[0]].append(key[1])
        return found

    return find


def peer(name: str, asked: Sequence[Asked]) -> Contestant | None:
    """A peer by its name, told the same rules; None when it is not installed."""
    if find_spec(PEERS[name][0]) is None:
        return None
    return {"rule-engine": _rule_engine, "business-rules": _business_rules, "zen-engine": _zen_engine}[name](asked)


def _rule_engine(asked: Sequence[Asked]) -> Contestant:
    import rule_engine  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - not a dependency

    find = keyword_finder(asked)
    rules = [
        (
            each.name,
            rule_engine.Rule(_expression(each, "'{name}' in {field}", "text =~~ '{regex}'").replace("\\", "\\\\")),
        )
        for each in asked
    ]

    def matches(text: str) -> list[str]:
        lower = text.lower()
        facts = {**find(lower), "text": lower, "line": f" {' '.join(_WORD.findall(lower))} "}
        return [name for name, rule in rules if rule.matches(facts)]

    return matches


def _zen_engine(asked: Sequence[Asked]) -> Contestant:
    import zen  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - not a dependency

    find = keyword_finder(asked)
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": "when", "name": "when"}],
        "outputs": [{"id": "name", "name": "name", "field": "name"}],
        "rules": [
            {
                "_id": each.name,
                "when": _expression(each, "contains({field}, '{name}')", "matches(text, '{regex}')"),
                "name": f"'{each.name}'",
            }
            for each in asked
        ],
    }
    nodes = [
        {"id": "in", "name": "in", "type": "inputNode"},
        {"id": "table", "name": "table", "type": "decisionTableNode", "content": table},
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    edges = [
        {"id": f"{one}-{other}", "type": "edge", "sourceId": one, "targetId": other}
        for one, other in (("in", "table"), ("table", "out"))
    ]
    content = zen.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges}))
    decision = zen.ZenEngine().create_decision(content)

    def matches(text: str) -> list[str]:
        lower = text.lower()
        facts = {**find(lower), "text": lower, "line": f" {' '.join(_WORD.findall(lower))} "}
        return [found["name"] for found in decision.evaluate(facts)["result"]]

    return matches


def _business_rules(asked: Sequence[Asked]) -> Contestant:
    import business_rules  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - not a dependency
    from business_rules.actions import (  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
        BaseActions,
        rule_action,
    )
    from business_rules.fields import FIELD_TEXT  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from business_rules.variables import (  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
        BaseVariables,
        select_multiple_rule_variable,
        string_rule_variable,
    )

    class Facts(BaseVariables):  # type: ignore[misc,unused-ignore]  # untyped
        def __init__(self, found: Mapping[str, list[str]], lower: str) -> None:
            self.found, self.lower = found, lower
            self.words = f" {' '.join(_WORD.findall(lower))} "

        @select_multiple_rule_variable()  # type: ignore[untyped-decorator,unused-ignore]
        def product(self) -> list[str]:
            return self.found["product"]

        @select_multiple_rule_variable()  # type: ignore[untyped-decorator,unused-ignore]
        def symptom(self) -> list[str]:
            return self.found["symptom"]

        @string_rule_variable()  # type: ignore[untyped-decorator,unused-ignore]
        def text(self) -> str:
            return self.lower

        @string_rule_variable()  # type: ignore[untyped-decorator,unused-ignore]
        def line(self) -> str:
            return self.words

    class Names(BaseActions):  # type: ignore[misc,unused-ignore]  # untyped
        def __init__(self) -> None:
            self.names: list[str] = []

        @rule_action(params={"name": FIELD_TEXT})  # type: ignore[untyped-decorator,unused-ignore]
        def add(self, name: str) -> None:
            self.names.append(name)

    find = keyword_finder(asked)
    rules = [{"conditions": _tree(each), "actions": [{"name": "add", "params": {"name": each.name}}]} for each in asked]

    def matches(text: str) -> list[str]:
        lower = text.lower()
        actions = Names()
        business_rules.run_all(rules, Facts(find(lower), lower), actions, stop_on_first_trigger=False)
        return actions.names

    return matches


def _tree(each: Asked) -> dict[str, Any]:
    def asks(field: str, value: str) -> dict[str, Any]:
        return {"name": field, "operator": "contains_all", "value": [value]}

    def finds(regex: str) -> dict[str, Any]:
        return {"name": "text", "operator": "matches_regex", "value": f".*{regex}"}

    some = [asks("symptom", each.symptom)] if each.symptom else []
    some += [finds(each.pattern)] if each.pattern else []
    needed = [asks("product", each.product)] if each.product else []
    needed += [{"any": some}] if each.either else some
    held = [{"name": "line", "operator": "contains", "value": _phrase(phrase)} for phrase in each.words]
    needed += [{"any": held}] if held else []
    # It has no negation, so guards are left out.
    return {"all": needed}


def _expression(each: Asked, contains: str, finds: str) -> str:
    some = [contains.format(field="symptom", name=each.symptom)] if each.symptom else []
    some += [finds.format(regex=each.pattern.replace("?P<code>", ""))] if each.pattern else []
    needed = [contains.format(field="product", name=each.product)] if each.product else []
    needed += [f"({' or '.join(some)})"] if each.either else some
    words, none = (
        " or ".join(contains.format(field="line", name=_phrase(phrase)) for phrase in phrases)
        for phrases in (each.words, each.none)
    )
    needed += [f"({words})"] if words else []
    needed += [f"not ({none})"] if none else []
    return " and ".join(needed)


def _any_of(phrases: Iterable[str]) -> str:
    return rf"\b(?:{'|'.join(map(re.escape, phrases))})\b"


def _phrase(phrase: str) -> str:
    return f" {' '.join(_WORD.findall(phrase.lower()))} "
