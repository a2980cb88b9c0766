"""In which language a client is answered."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins.parts import START

from engine.core.events import Client, Event, Message
from engine.ruleset import languages, loader
from engine.ruleset.snapshots import Snapshot

RULES = """\
schema: 1
channels: {triage: {}}
clients:
  - {name: One, phones: ["+254700000001"], language: sw}
  - {name: Two, phones: ["+254700000002"], language: en}
  - {name: Three, phones: ["+254700000003"], language: fr}
  - {name: Four, phones: ["+254700000004"]}
rules:
  - id: last
    when: always
    channel: triage
    ack: ACK
"""
TEMPLATES = {
    "templates/ack/default.j2": b"Hello",
    "templates/ack/default.sw.j2": b"Habari {{ client_name }}",
    "templates/ack/plain.j2": b"Hello",
    "templates/escalation/default.j2": b"Title\n\n{{ raw_text }}",
}
CASES = Path(__file__).parents[1] / "cases" / "languages" / "support-messages.tsv"
SWAHILI = frozenset({"sw"})


def labelled() -> list[tuple[str, str]]:
    """(label, message): en, sw, mixed of both, none (names, numbers, signs) or other (a third language)."""
    lines = CASES.read_text("utf-8").splitlines()
    return [(label, text) for label, text in (line.split("\t", 1) for line in lines)]


def load(ack: str = "default") -> loader.Loaded:
    """Rules with a client directory and one template that has a Swahili variant."""
    files = {"rules/00.yaml": RULES.replace("ACK", ack).encode(), **TEMPLATES}
    return loader.check(Snapshot(files), "rules", "templates")


def answered_in(phone: str | None, text: str, ack: str = "default") -> str | None:
    """The variant of an acknowledgement for a message from this number."""
    ruleset = load(ack).ruleset
    assert ruleset is not None
    return ruleset.language(Event("whatsapp", START, "wa-1", Client(phone), Message("m1", text)), ack)


@pytest.mark.parametrize("label", ["en", "none", "other"])
def test_nobody_else_is_answered_in_swahili(label: str) -> None:
    """English messages, names, numbers, signs and third languages get the template that all can read."""
    wrong = [text for found, text in labelled() if found == label and languages.detect(text, SWAHILI)]
    assert wrong == []


def test_swahili_is_told_from_few_words() -> None:
    """Only single words that could be anything are not enough: where it is unsure, the answer is in English."""
    missed = [text for label, text in labelled() if label == "sw" and languages.detect(text, SWAHILI) != "sw"]
    assert missed == ["sawa", "ndiyo", "Poa"]


def test_of_several_languages_the_right_one_is_chosen() -> None:
    """What the templates offer is told apart, and what they do not offer is not answered in."""
    offered = frozenset({"sw", "fr"})
    assert languages.detect("Bonjour, mon téléphone ne fonctionne pas", offered) == "fr"
    assert languages.detect("Simu zetu zote hazipatikani tangu asubuhi", offered) == "sw"
    assert languages.detect("The phones are down since this morning", offered) is None
    assert languages.detect("Bonjour, mon téléphone ne fonctionne pas", SWAHILI) is None


def test_a_language_that_cannot_be_told_is_never_found() -> None:
    """A variant in a language that the library does not know serves the client directory only."""
    assert languages.detect("Ia ora na", frozenset({"ty"})) is None


@given(st.text(st.characters(), max_size=50))
def test_any_text_has_a_language_or_none(text: str) -> None:
    """Whatever a client writes, lone surrogates included, the answer is the same each time and no exception."""
    assert languages.detect(text, SWAHILI) == languages.detect(text, SWAHILI)


def test_a_long_message_is_told_by_its_beginning() -> None:
    """The time does not grow with the length."""
    assert languages.detect("Simu zetu zote hazipatikani. " * 20 + "The phones are down. " * 5000, SWAHILI) == "sw"


@pytest.mark.parametrize(
    ("phone", "text", "language"),
    [
        pytest.param("+254700000001", "no dial tone since morning", "sw", id="the directory says Swahili"),
        pytest.param("+254 700 000 002", "Simu zetu zote hazipatikani", None, id="the directory says English"),
        pytest.param(
            "+254700000003", "Simu zetu zote hazipatikani", None, id="the directory says what no template has"
        ),
        pytest.param("+254700000004", "Simu zetu zote hazipatikani", "sw", id="the directory says nothing"),
        pytest.param("+254700000009", "Simu zetu zote hazipatikani", "sw", id="a stranger"),
        pytest.param(None, "no dial tone since morning", None, id="hidden number"),
    ],
)
def test_the_client_directory_goes_before_the_message(phone: str | None, text: str, language: str | None) -> None:
    """A client whose language is known is answered in it, whatever the message is written in."""
    assert answered_in(phone, text) == language


def test_an_acknowledgement_without_variants_has_no_language() -> None:
    """Nothing is guessed where nothing can be chosen: the template itself is used."""
    assert answered_in("+254700000001", "Simu hazipatikani", ack="plain") is None


def test_a_variant_is_checked_like_its_template() -> None:
    """A variable that a message may lack is a warning in each language."""
    found = [(finding.code, finding.message) for finding in load().diagnostics]
    assert ("W503", 'the acknowledgement "default" can be sent without `client_name`') in found
    assert "W503" not in [finding.code for finding in load("plain").diagnostics]


def test_a_variant_is_rendered_by_its_name() -> None:
    """The wording knows the variant under the name that the plan asks for."""
    ruleset = load().ruleset
    assert ruleset is not None
    ruleset.prepare()
    assert ruleset.acknowledgement("default.sw", {"client_name": "Wanjiru"}) == "Habari Wanjiru"
    assert ruleset.acknowledgement("default", {}) == "Hello"
