"""An example is about words: whatever else its rule asks for is taken to be so."""

from datetime import UTC, datetime

import pytest

from engine.core.events import Attachment, Client
from engine.ruleset import reader, schema
from engine.ruleset.circumstances import Circumstances, favourable

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


def _favourable(when: str) -> Circumstances:
    node, _ = reader.read("f.yaml", f"{SECTIONS}  - {{id: x, when: {when}}}\n".encode())
    document, faults = schema.build("f.yaml", node)
    assert faults == ()
    return favourable(document.rules[0], document)


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
