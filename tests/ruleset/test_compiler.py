import dataclasses

import pytest
from standins.documents import always, document, group, pattern, rule, ruleset, text, texts, words

from engine.core.decisions import Priority
from engine.ruleset.compiler import compile_rules
from engine.ruleset.matcher import Rule
from engine.ruleset.syntax import Defaults, Document
from engine.ruleset.templates import Templates


def first(*rules_and_defaults: object, defaults: Defaults | None = None) -> Rule:
    made, _ = Templates.load({}, "templates")
    given = document(*rules_and_defaults, defaults=defaults)  # type: ignore[arg-type]  # the rules of a test
    return compile_rules(given, made, "5ha").rules[0]


def test_a_rule_that_says_nothing_takes_the_defaults() -> None:
    """Channel and acknowledgement come from `defaults:`; the priority stays open for the matcher to decide."""
    defaults = Defaults(channel=text("voip"), priority=Priority.HIGH, ack=text("request"), tags=texts(["t"]))
    compiled = first(rule("bare", always(), line=7), defaults=defaults)
    assert (compiled.channel, compiled.ack, compiled.priority, compiled.escalate) == ("voip", "request", None, True)
    assert (compiled.tags, compiled.summary, compiled.title, compiled.stop) == ((), None, "", False)
    assert compiled.location == "rules/10.yaml:7"


@pytest.mark.parametrize(
    ("said", "defaults", "expected"),
    [
        pytest.param(None, None, "default", id="nothing said anywhere"),
        pytest.param(None, "none", None, id="none by default"),
        pytest.param("none", "default", None, id="none in the rule"),
        pytest.param("urgent", "none", "urgent", id="said in the rule"),
    ],
)
def test_the_acknowledgement_is_resolved(said: str | None, defaults: str | None, expected: str | None) -> None:
    """A rule's own word comes first, then the defaults', then the template named default; `none` means none."""
    given = Defaults(channel=text("triage"), ack=text(defaults) if defaults else None)
    assert first(rule("r", always(), says={"ack": said} if said else {}), defaults=given).ack == expected


def test_a_document_without_defaults_compiles() -> None:
    """Nothing in `defaults:` is required to compile; the checker decides what a lead must say."""
    made, _ = Templates.load({}, "templates")
    compiled = compile_rules(Document(rules=(rule("r", always()),)), made, "5ha")
    assert (compiled.defaults.channel, compiled.defaults.priority, compiled.defaults.ack) == (
        "",
        Priority.NORMAL,
        "default",
    )


def test_channels_carry_their_teams() -> None:
    """Decisions can name every channel of the document, each with its team or engine.yaml's."""
    assert dict(ruleset().channels) == {"triage": "support", "voip": None}


def test_equal_atoms_are_asked_once() -> None:
    """Rules that ask the same thing share an atom, so a message answers it once."""
    compiled = ruleset(
        rule("one", group("all", words("red"), pattern("b+"))),
        rule("two", group("any", words("red"), pattern("b+"), words("red", "blue"))),
    )
    assert compiled.atoms.described == ("always", "words: red", "pattern: b+", "words: red, blue")
    assert len(compiled.atoms.patterns.expressions) == 1


def test_a_compiled_rule_set_cannot_be_changed() -> None:
    """One event sees exactly one rule-set: nothing in it can be replaced while it is used."""
    compiled = ruleset()
    with pytest.raises(dataclasses.FrozenInstanceError):
        compiled.sha = "other"  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        compiled.channels["new"] = None  # type: ignore[index]  # the point of the test
