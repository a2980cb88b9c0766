"""The `scenarios:` section as values; every fault of it is pinned among the cases."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from engine.ruleset import reader, schema
from engine.ruleset.syntax import Document, Scenario

NAIROBI = ZoneInfo("Africa/Nairobi")


def _document(text: str, *, tests: bool = True) -> Document:
    node, unread = reader.read("a.yaml", text.encode())
    document, faults = schema.build("a.yaml", node, tests=tests)
    assert (unread, faults) == ((), ())
    return document


def _scenario(rest: str) -> Scenario:
    (scenario,) = _document(f"schema: 1\nscenarios:\n  - name: S\n{rest}").scenarios
    return scenario


@pytest.mark.parametrize(
    ("head", "moment"),
    [
        ("", datetime(2026, 1, 5, 9, 0, tzinfo=UTC)),
        ("    at: 2026-02-12 22:15\n", datetime(2026, 2, 12, 22, 15, tzinfo=UTC)),
        ("    at: '2026-02-12T22:15:30'\n", datetime(2026, 2, 12, 22, 15, 30, tzinfo=UTC)),
        ("    at: '2026-02-12 22:15 +03:00'\n", datetime(2026, 2, 12, 22, 15, tzinfo=timezone(timedelta(hours=3)))),
        ("    at: 2026-02-12T22:15Z\n", datetime(2026, 2, 12, 22, 15, tzinfo=UTC)),
        (
            "    at: '2026-02-12 22:15'\n    timezone: Africa/Nairobi\n",
            datetime(2026, 2, 12, 22, 15, tzinfo=NAIROBI),
        ),
        ("    timezone: Africa/Nairobi\n", datetime(2026, 1, 5, 12, 0, tzinfo=NAIROBI)),
    ],
)
def test_a_scenario_begins_on_the_clock_of_its_zone(head: str, moment: datetime) -> None:
    """Or on a Monday morning, which no scenario has to know."""
    assert _scenario(f"{head}    steps: [{{from: A, says: hello}}]\n").begins_at == moment


def test_whoever_wrote_before_writes_on() -> None:
    """`from` may be left out for the only client and for the same one again."""
    scenario = _scenario(
        "    clients: {amina: {name: Amina}}\n    steps:\n"
        "      - says: hello\n      - {from: Acme, says: hello}\n      - {wait: 5h}\n      - {after: 5m, says: more}\n"
    )
    assert [step.sender.value if step.sender else None for step in scenario.steps] == ["amina", "Acme", None, "Acme"]
    assert [step.after for step in scenario.steps[2:]] == [timedelta(hours=5), timedelta(minutes=5)]


def test_a_client_may_be_a_name_or_a_number() -> None:
    """Or keys with both."""
    scenario = _scenario(
        "    clients: {a: Amina, b: '+254700000108', c: {name: Carol, phone: '+254700000109'}, d: {}}\n"
        "    steps: [{from: a, says: hello}]\n"
    )
    shown = [
        (client.handle.value, client.name and client.name.value, client.phone and client.phone.value)
        for client in scenario.clients
    ]
    assert shown == [
        ("a", "Amina", None),
        ("b", None, "+254700000108"),
        ("c", "Carol", "+254700000109"),
        ("d", None, None),
    ]


@pytest.mark.parametrize(
    ("written", "how", "values"),
    [
        ("rule: calls", "is", ["calls"]),
        ("posts: 2", "is", ["2"]),
        ("follow_up: true", "is", ["true"]),
        ("tags: a", "contains", ["a"]),
        ("tags: [a, b]", "contains", ["a", "b"]),
        ("tags: []", "exactly", []),
        ("tags: {exactly: [a]}", "exactly", ["a"]),
        ("ack: none", "none", ["none"]),
        ("summary: none", "is", ["none"]),
        ("ack: Hello you", "is", ["Hello you"]),
        ("ack: {contains: Hello}", "contains", ["Hello"]),
        ("ack: {contains: [Hello, you]}", "contains", ["Hello", "you"]),
    ],
)
def test_what_is_expected_may_be_written_in_several_forms(written: str, how: str, values: list[str]) -> None:
    """A list must be among what came, `exactly` allows no more; of a text a part is enough with `contains`."""
    scenario = _scenario(f"    steps: [{{from: A, says: hello, expect: {{{written}}}}}]\n")
    (expectation,) = scenario.steps[0].expect
    assert (expectation.fact.value, expectation.how) == (written.partition(":")[0], how)
    assert [value.value for value in expectation.values] == values


def test_scenarios_may_stand_in_any_rules_file() -> None:
    """And those of several files come one after the other."""
    story = "schema: 1\nscenarios:\n  - {name: S, steps: [{from: A, attachments: image, kind: edit}]}\n"
    document = _document(story, tests=False)
    assert document.scenarios[0].steps[0].attachments == ("image",)
    merged, faults = schema.merge([document, document])
    assert (len(merged.scenarios), faults) == (2, ())
