"""The JSON Schema for editors: it accepts what the engine accepts, and marks what has the wrong shape."""

import json
import re
from functools import cache
from pathlib import Path
from typing import cast

import pytest
import yaml
from jsonschema import Draft7Validator

from engine.ruleset import clauses, editor_schema, outcomes, reader, schema
from engine.ruleset.reader import Scalar
from engine.starter import starter_folder

CASES = Path(__file__).parents[1] / "cases"
GOOD = sorted(
    [
        *(path for path in starter_folder("rules").rglob("*.yaml")),
        *(path for path in (CASES / "good").rglob("*.yaml")),
        *(path for path in (CASES / "base").rglob("*.yaml")),
    ]
)
# Files whose fault is one of shape, which an editor can see without the other files.
MISSHAPEN = [
    "category-that-templates-use",
    "category-with-dash",
    "channel-with-capitals",
    "empty-conditions",
    "id-with-capitals",
    "keys-instead-of-list",
    "list-instead-of-keys",
    "list-instead-of-sections",
    "list-instead-of-text",
    "misspelled-always",
    "neither-true-nor-false",
    "no-schema",
    "rule-without-id-and-when",
    "schema-of-another-version",
    "summary-over-two-lines",
    "text-instead-of-condition",
    "text-instead-of-list",
    "unknown-client-field",
    "unknown-condition",
    "unknown-key-in-channel",
    "unknown-key-in-rule",
    "unknown-priority",
    "unknown-section",
    "unreadable-hours",
    "unreadable-phone",
]


class _EditorLoader(yaml.SafeLoader):
    """YAML 1.2 as editors read it (core schema, section 10.3.2): fewer guesses than 1.1, but some."""


_EditorLoader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _EditorLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), list(_first))


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    return float(int(node.value, 0)) if node.value.startswith("0x") else float(node.value)


_EditorLoader.add_constructor(
    "tag:yaml.org,2002:int", lambda _, node: int(node.value.replace("0o", ""), 0 if "x" in node.value else 10)
)
_EditorLoader.add_constructor("tag:yaml.org,2002:float", _number)


def _with_text_keys(value: object) -> object:
    """What JSON makes of it: every key is a text, as it was written."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(inner) for inner in value]
    return value


def _typed(text: str) -> object:
    """The text as an editor types it."""
    return _with_text_keys(yaml.load(text, Loader=_EditorLoader))  # noqa: S506 - a safe loader


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(cast("dict[str, object]", editor_schema.build()))


def _marked(text: str) -> list[str]:
    """Where the schema says that something is wrong."""
    return ["/".join(map(str, error.absolute_path)) for error in _validator().iter_errors(_typed(text))]


def test_the_file_beside_the_rules_is_the_one_that_the_engine_makes() -> None:
    """Mended by `engine schema > rules/schema.json`."""
    written = (starter_folder("rules") / "schema.json").read_text(encoding="utf-8")
    assert written == editor_schema.show(), "run: engine schema > rules/schema.json"


def test_the_schema_follows_its_own_standard() -> None:
    """Draft 07 accepts it, and it is plain JSON."""
    Draft7Validator.check_schema(cast("dict[str, object]", editor_schema.build()))
    assert json.loads(editor_schema.show())["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_editor_marks_nothing_in_a_file_that_the_engine_accepts(path: Path) -> None:
    """Also not where it guesses a number or a truth value and the engine reads a text."""
    assert _marked(path.read_text(encoding="utf-8-sig")) == []


@pytest.mark.parametrize("case", MISSHAPEN)
def test_an_editor_marks_a_wrong_shape(case: str) -> None:
    """What `engine validate` says about one file alone shows while it is typed."""
    assert _marked((CASES / "bad" / f"{case}.yaml").read_text(encoding="utf-8")) != []


RULE = "schema: 1\nrules:\n  - id: a\n    when: {words: [call]}\n"


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("    priority: critical\n", "rules/0/priority"),
        ("    chanel: a\n", "rules/0"),
        ("    stop: yes\n", "rules/0/stop"),
        ("    ack: false\n", "rules/0/ack"),
        ("    mention: oncall\n", "rules/0/mention"),
        ("    status: off\n", "rules/0/status"),
        ("    enabled: false\n", "rules/0"),
        ("    follow_up: {within: 4}\n", "rules/0/follow_up/within"),
        ("    follow_up: {then: later}\n", "rules/0/follow_up/then"),
        ("    follow_up: {}\n", "rules/0/follow_up"),
        ("    examples: {matches: [a]}\n", "rules/0/examples"),
        ("    tags: voip\n", "rules/0/tags"),
        ("    title:\n      - a\n", "rules/0/title"),
        ("owner: [a]\n", "owner"),
        ("keywords: {product: {any: [a]}}\n", "keywords/product"),
        ("keywords: {product: {Fax: fax}}\n", "keywords/product/Fax"),
        ("hours: {night: {timezone: UTC}}\n", "hours/night"),
        ("hours: {night: {timezone: UTC, weekly: [22:30-06:00]}}\n", "hours/night/weekly/0"),
        ("clients: [{name: A, phones: [0700]}]\n", "clients/0/phones/0"),
    ],
)
def test_the_place_of_a_wrong_shape_is_marked(lines: str, where: str) -> None:
    """One key at a time, at the key or what stands in it."""
    assert _marked(RULE + lines) == [where]


@pytest.mark.parametrize(
    "lines",
    [
        "    stop: true\n    escalate: 'false'\n",
        "    follow_up: {within: 4h, then: append, ack_again_after: 2d}\n",
        "    also: support\n",
        "    also: [support, sales]\n",
        '    mention: "@oncall @lead"\n',
        "    enabled: false\n    reason: until the new trunk works\n",
        "    status: shadow\n",
        "channels: {support: , sales: {team: a}}\n",
        "keywords: {product: {typos: true, 3CX: [3cx], Fax: []}}\n",
        "clients: [{name: A, phones: [+254700000001, '+254700000002'], language: sw}]\n",
    ],
)
def test_a_right_shape_is_not_marked(lines: str) -> None:
    """Every key of the language, in each of its forms."""
    assert _marked(RULE + lines) == []


@pytest.mark.parametrize(
    "condition",
    [
        "always",
        "{hours: night}",
        "{hours: {not: night}}",
        "[{attachment: image}, {attachment: [any]}]",
        "{kind: [message, edit]}",
        "{follow_up: true}",
        "{client: {known: false, tier: [gold, silver], phone: '+2547*'}}",
        "{keywords: {product: any, direction: [outbound, 2]}}",
        "{all: [{any: [{none: [{exact: [3.10, null]}]}]}], words: [a]}",
    ],
)
def test_every_condition_is_known(condition: str) -> None:
    """Alone, in a list and nested."""
    assert _marked(f"schema: 1\nrules: [{{id: a, when: {condition}}}]\n") == []


@pytest.mark.parametrize(
    "condition",
    ["never", "[always]", "{}", "[]", "{word: [a]}", "{words: a}", "{attachment: photo}", "{hours: {no: night}}"],
)
def test_what_is_no_condition_is_marked(condition: str) -> None:
    """An unknown word, an empty group, or the wrong form."""
    assert _marked(f"schema: 1\nrules: [{{id: a, when: {condition}}}]\n") != []


def test_every_key_says_what_it_is_for() -> None:
    """The hover of an editor explains each key in a whole sentence, and completes exactly the keys that are read."""
    built = json.loads(editor_schema.show())
    rule, condition = built["definitions"]["rule"], built["definitions"]["condition"]
    assert tuple(built["properties"]) == schema.SECTIONS
    assert tuple(rule["properties"]) == schema.RULE_KEYS
    assert tuple(condition["properties"]) == clauses.KNOWN
    assert tuple(built["definitions"]["follow_up"]["properties"]) == outcomes.FOLLOW_UP_KEYS
    for described in (built, rule, condition, *built["definitions"].values()):
        for key, value in described.get("properties", {}).items():
            assert re.search(r"[.:?)\"]$|\w$", value["description"]), key


def test_every_starter_file_tells_the_editor_which_schema_it_follows() -> None:
    """In its first line, which the engine reads as a comment before `schema: 1`."""
    rules = starter_folder("rules")
    for path in rules.rglob("*.yaml"):
        first, _ = path.read_text(encoding="utf-8").split("\n", 1)
        up = "../" * (len(path.relative_to(rules).parts) - 1)
        assert first == f"# yaml-language-server: $schema={up}schema.json"


def _snippets(value: object) -> list[dict[str, object]]:
    if isinstance(value, list):
        return [snippet for inner in value for snippet in _snippets(inner)]
    if not isinstance(value, dict):
        return []
    inside = [snippet for key, inner in value.items() if key != "defaultSnippets" for snippet in _snippets(inner)]
    return [*value.get("defaultSnippets", []), *inside]


def test_a_snippet_follows_the_schema_itself() -> None:
    """What an editor puts in for "a new rule" has no findings once its gaps are left as they are."""
    (body,) = {
        json.dumps(found["body"]) for found in _snippets(editor_schema.build()) if found["label"] == "a new rule"
    }
    filled = re.sub(r"\$\{\d+[:|]([^}|,]*)[^}]*\}", r"\1", body)
    rule = json.loads(filled)
    assert list(_validator().iter_errors({"schema": 1, "rules": [rule]})) == []
    node, faults = reader.read("a.yaml", filled.encode())
    assert faults == ()
    assert not isinstance(node, Scalar)
