"""An example is about words: whatever else its rule asks for is taken to be so."""

from datetime import UTC, datetime

import pytest

from engine.core.events import Attachment, Client
from engine.ruleset import reader, schema
from engine.ruleset.circumstances import Circumstances, favourable, necessary
from engine.ruleset.syntax import Document, Rule

SECTIONS = """\
schema: 1
hours:
  business: {timezone: UTC, weekly: ["Mon-Fri 08:00-17:00"]}
  night: {timezone: UTC, weekly: ["Mon-Sun 22:00-06:00"]}
clients:
  - {name: Acme, phones: ["+254700000001"], tier: gold}
  - {name: Bolt, phones: ["+254700000002"], tier: silver, tags: [vip]}
rules:
"""
MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
EXAMPLE = Client("+100", "Example")


def _rule(when: str) -> tuple[Rule, Document]:
    node, _ = reader.read("f.yaml", f"{SECTIONS}  - {{id: x, when: {when}}}\n".encode())
    document, faults = schema.build("f.yaml", node)
    assert faults == ()
    return document.rules[0], document


def _favourable(when: str) -> Circumstances:
    return favourable(*_rule(when))


def test_a_rule_that_asks_for_words_only_gets_an_ordinary_message() -> None:
    """A stranger's WhatsApp message on a Monday morning, without attachments, the first of its conversation."""
    usual = Circumstances("whatsapp", MONDAY, EXAMPLE, "message", (), follow_up=False)
    assert _favourable("{words: [call]}") == usual
    event = usual.event("call me")
    assert (event.message.text, event.client, event.received_at) == ("call me", EXAMPLE, MONDAY)


@pytest.mark.parametrize(
    ("when", "moment"),
    [
        pytest.param("{hours: business}", MONDAY, id="inside"),
        pytest.param("{hours: {not: business}}", datetime(2026, 1, 5, 17, 0, tzinfo=UTC), id="outside"),
        pytest.param("{hours: night}", datetime(2026, 1, 5, 22, 0, tzinfo=UTC), id="night"),
        pytest.param("{none: [{hours: business}]}", datetime(2026, 1, 5, 17, 0, tzinfo=UTC), id="under-none"),
        pytest.param(
            "[{hours: {not: business}}, {hours: {not: night}}]", datetime(2026, 1, 5, 17, 0, tzinfo=UTC), id="two"
        ),
        pytest.param("{hours: unknown}", MONDAY, id="unknown"),
    ],
)
def test_the_time_is_one_that_the_hours_allow(when: str, moment: datetime) -> None:
    """The first quarter of an hour from that Monday on at which the most of them are as they should be."""
    assert _favourable(when).received_at == moment


@pytest.mark.parametrize(
    ("when", "client"),
    [
        pytest.param("{client: {tier: gold}}", Client("+254700000001", "Acme"), id="tier"),
        pytest.param("{client: {tier: [gold, silver], tags: vip}}", Client("+254700000002", "Bolt"), id="two-fields"),
        pytest.param("{client: {known: false}}", EXAMPLE, id="stranger"),
        pytest.param("{none: [{client: {known: true}}]}", EXAMPLE, id="nobody-known"),
        pytest.param("{client: {phone: '+2557*'}}", Client("+2557700000", "Example"), id="number"),
        pytest.param("{client: {phone: '+25470*'}}", Client("+254700000001", "Acme"), id="number-of-a-client"),
    ],
)
def test_the_client_is_one_that_the_rule_asks_for(when: str, client: Client) -> None:
    """Somebody in the directory, a stranger, or a number made up to fit."""
    assert _favourable(when).client == client


def test_every_other_fact_is_as_the_rule_asks() -> None:
    """Network, kind, attachments and the open incident; of what a `none` names the opposite."""
    found = _favourable("[{source: [desk]}, {kind: edit}, {attachment: any}, {attachment: [voice]}, {follow_up: true}]")
    assert (found.source, found.kind, found.follow_up) == ("desk", "edit", True)
    assert found.attachments == (Attachment("image"), Attachment("voice"))
    guarded = _favourable("{none: [{source: [desk]}, {attachment: any}, {follow_up: false}]}")
    assert (guarded.source, guarded.attachments, guarded.follow_up) == ("whatsapp", (), True)
    assert not _favourable("{follow_up: false}").follow_up


@pytest.mark.parametrize(
    ("when", "client", "follow_up"),
    [
        pytest.param("[{client: {tier: gold}}, {words: [call]}]", "Acme", False, id="needed"),
        pytest.param("{any: [{client: {tier: gold}}, {words: [call]}]}", "Example", False, id="alternative"),
        pytest.param("{any: [{all: [{client: {tier: gold}}, {words: [call]}]}]}", "Acme", False, id="only-one"),
        pytest.param("{words: [call], none: [{client: {known: false}}, {words: [a]}]}", "Acme", False, id="forbidden"),
        pytest.param(
            "{words: [call], none: [{all: [{client: {known: false}}, {follow_up: false}]}]}",
            "Example",
            False,
            id="not-both",
        ),
        pytest.param(
            "{words: [call], none: [{none: [{client: {known: true}}, {follow_up: true}]}]}",
            "Example",
            False,
            id="not-none",
        ),
        pytest.param("{words: [call], none: [{any: [{follow_up: false}]}]}", "Example", True, id="not-any"),
        pytest.param("{client: {tier: gold}}", "Example", False, id="no-words"),
    ],
)
def test_only_what_a_rule_cannot_do_without_is_necessary(when: str, client: str, *, follow_up: bool) -> None:
    """Where words are one of several alternatives, the others are not the case: else the words would go untested."""
    found = necessary(*_rule(when))
    assert (found.client.display_name, found.follow_up) == (client, follow_up)
