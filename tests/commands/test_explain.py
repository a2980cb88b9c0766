import argparse
import json
from pathlib import Path

import pytest
from rich.console import Console

from engine.commands import explain
from engine.core.decisions import Because
from engine.core.errors import UsageError

ROOT = Path(__file__).parents[2]
SEED = "I have issues with my 3CX, I can't make outbound calls"
RULES = """\
schema: 1
defaults: {channel: triage, ack: default, tags: [whatsapp]}
channels:
  triage: {team: support}
  voip: {}
keywords:
  product:
    3CX: ["3 cx"]
rules:
  - id: outbound
    title: Outbound calls failing
    when:
      all:
        - keywords: {product: 3CX}
        - words: [call]
      none:
        - words: ["working again"]
    priority: urgent
    channel: voip
    summary: "{{ product }} calls failing"
    examples: {match: ["3CX call"], no_match: [hello]}
  - id: calls
    when:
      - words: [call]
    tags: [calls]
    examples: {match: [call], no_match: [hello]}
  - id: thanks
    when:
      - words: [asante]
    ack: none
    escalate: false
    stop: true
    examples: {match: [asante], no_match: [hello]}
  - id: last
    when: always
    examples: {match: [hello]}
"""


def options(text: str, **given: object) -> argparse.Namespace:
    """The options as the command line gives them, with a fixed time and the starter rules."""
    usual: dict[str, object] = {
        "rules": ROOT / "rules",
        "templates": ROOT / "templates",
        "name": "Jackson",
        "phone": "+254712345678",
        "at": "2026-02-12T10:15:30Z",
        "source": "whatsapp",
        "format": "text",
    }
    return argparse.Namespace(text=text, **(usual | given))


@pytest.fixture
def folder(tmp_path: Path) -> dict[str, Path]:
    """A small rules folder with its templates."""
    for name, text in {
        "rules/10.yaml": RULES,
        "templates/ack/default.j2": "Hello{% if client_name is defined %} {{ client_name }}{% endif %}.",
        "templates/escalation/default.j2": (
            "New request {{ ticket_id }}\n\nIssue: {{ issue_summary }}\n{{ oncall }}: {{ raw_text }}"
        ),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {"rules": tmp_path / "rules", "templates": tmp_path / "templates"}


def test_the_seed_message_gives_what_the_rule_language_promises(capsys: pytest.CaptureFixture[str]) -> None:
    """The first example of the rule language, through the starter rules, in the JSON contract."""
    assert explain.run(options(SEED, format="json")) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"event", "decision", "acknowledgement", "escalation", "incident"}
    decision = answer["decision"]
    assert (decision["rule"], decision["priority"], decision["channel"]) == (
        "voip-outbound",
        "high",
        "dev-support-escalations",
    )
    assert decision["tags"] == ["whatsapp", "client-support", "3cx"]
    assert decision["summary"] == "3CX outbound calls failing"
    assert decision["keywords"]["product"] == ["3CX"]
    assert {
        "rule": "voip-outbound",
        "atom": "keywords product: 3CX",
        "text": "3CX",
        "start": 22,
        "end": 25,
    } in decision["because"]
    assert {"rule": "sip-trunk", "missing": "keywords equipment: trunk"} in decision["notMatched"]
    assert len(decision["rulesetSha"]) == 64
    assert answer["event"]["receivedAt"] == "2026-02-12T10:15:30Z"
    assert answer["acknowledgement"] == {
        "text": "Hello Jackson, I am sorry for what you are facing at the moment. Please note that we have received "
        "your request, and one of our engineers will get back to you shortly."
    }
    assert answer["escalation"] == {
        "channel": "dev-support-escalations",
        "title": "New WhatsApp Client Request",
        "body": "Client: Jackson (+254712345678)\nIssue Summary: 3CX outbound calls failing\n"
        f'Original Message: "{SEED}"\nAction: @oncall please check WhatsApp and respond to the client now.',
        "tags": ["whatsapp", "client-support", "3cx"],
    }
    assert (answer["incident"]["ticketId"], answer["incident"]["clientName"]) == ("OC-2026-…", "Jackson")


EXPLAINED = """\
My «3-CX»: «calls» fail

rule      outbound  {rules}/10.yaml:10
          Outbound calls failing
priority  urgent
tags      whatsapp, calls
channel   voip
summary   3CX calls failing
keywords  product: 3CX
because   "3-CX"  keywords product: 3CX
          "calls"  words: call
also      calls  "calls"  words: call
also      last  always

The client is told
  Hello Jackson.

Post to voip
  New request OC-2026-…

  Issue: 3CX calls failing
  @oncall: My 3-CX: calls fail

Why not another rule, the nearest first
  thanks  words: asante
"""


def test_a_person_sees_what_matched_and_what_is_sent(
    folder: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole page for a message that several rules match."""
    assert explain.run(options("My 3-CX: calls fail", **folder)) == 0
    assert capsys.readouterr().out == EXPLAINED.format(rules=folder["rules"])


SILENT = """\
«Asante»

rule      thanks  {rules}/10.yaml:27
priority  normal
tags      whatsapp
channel   triage (team support)
summary   Asante
keywords  none
because   "Asante"  words: asante

No acknowledgement is sent.

No engineer is called.

Why not another rule, the nearest first
  outbound  keywords product: 3CX
  calls     words: call
  last      not asked: thanks ends the search
"""


def test_a_person_sees_that_nothing_is_sent(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The whole page for a message that calls for nothing."""
    assert explain.run(options("Asante", **folder)) == 0
    assert capsys.readouterr().out == SILENT.format(rules=folder["rules"])


def test_nothing_sent_is_null_in_json(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing would be sent the contract says null, not an empty text."""
    assert explain.run(options("Asante \ud800", format="json", **folder)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["acknowledgement"], answer["escalation"], answer["incident"]) == (None, None, None)


def test_a_message_without_words_is_shown(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """An empty message has a page too, and terminal controls in one are shown instead of obeyed."""
    assert explain.run(options("", **folder)) == 0
    assert capsys.readouterr().out.startswith("(no text)\n\nrule      last")
    assert explain.run(options("\x1b[31mcall\x1b[0m", **folder)) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert printed.startswith("\N{REPLACEMENT CHARACTER}[31mcall\N{REPLACEMENT CHARACTER}[0m\n")


def test_without_another_rule_there_is_nothing_to_explain(
    folder: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where every rule matches there is no list of those that did not."""
    head, _, _ = RULES.partition("  - id: outbound")
    (folder["rules"] / "10.yaml").write_text(f"{head}  - {{id: last, when: always}}\n", encoding="utf-8")
    assert explain.run(options("hello", **folder)) == 0
    assert "Why not" not in capsys.readouterr().out


def test_many_misses_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees the five nearest rules, and that there are more; long lists are cut."""
    assert explain.run(options(SEED)) == 0
    misses = capsys.readouterr().out.split("the nearest first\n")[1].splitlines()
    assert len(misses) == 6
    assert misses[0] == '  calls-outbound   none of: "3CX" stands in the message'
    assert misses[5].endswith("more: --format json lists them all")
    assert any(line.endswith("…") for line in misses)
    assert max(map(len, misses)) < 150


def test_a_terminal_gets_colours(
    folder: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the matched words are marked by style, not by characters."""
    monkeypatch.setattr(
        explain, "Console", lambda **given: Console(force_terminal=True, color_system="standard", **given)
    )
    assert explain.run(options("calls, calls", **folder)) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "\x1b[1;4;32mcalls\x1b[0m, calls"


@pytest.mark.parametrize(
    ("because", "expected"),
    [([(0, 3), (2, 5)], "«abcde»f"), ([(0, 1), (1, 2)], "«a»«b»cdef"), ([(0, 6), (2, 3)], "«abcdef»"), ([], "abcdef")],
    ids=["overlapping", "adjacent", "inside", "none"],
)
def test_marks_never_overlap(because: list[tuple[int, int]], expected: str) -> None:
    """Words that two atoms found are marked once."""
    given = [Because("r", "a", "abcdef"[start:end], start, end) for start, end in because]
    assert explain._marked("abcdef", given, styled=False).plain == expected


def test_rules_with_errors_are_not_explained(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Broken rules give their errors on stderr, warnings left out, and exit code 1."""
    broken = RULES.replace("channel: voip", "channel: viop").replace("words: [asante]", "words: [ab]")
    (folder["rules"] / "10.yaml").write_text(broken, encoding="utf-8")
    assert explain.run(options("calls", **folder)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert 'no channel is named "viop"' in captured.err
    assert "warning" not in captured.err


@pytest.mark.parametrize("at", ["tomorrow", "2026-02-12T10:15:30", "10:15"])
def test_a_time_must_be_a_time_with_a_zone(at: str) -> None:
    """A wrong `--at` is a usage error with the form to write."""
    with pytest.raises(UsageError) as caught:
        explain.run(options("x", at=at))
    assert str(caught.value) == f'--at "{at}" is no time with a zone: write it as 2026-02-12T22:15:00+03:00'
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "at",
    ["9999-12-31T23:59+00:00", "9999-12-31T23:59-12:00", "2100-01-01T00:00+00:00", "0001-01-01T00:00:00+14:00"],
)
def test_a_time_lies_in_this_century(at: str) -> None:
    """The ends of the calendar overflow as soon as a span is added to them."""
    with pytest.raises(UsageError) as caught:
        explain.run(options("x", at=at))
    assert str(caught.value) == f'--at "{at}" must lie between the years 2000 and 2100'


def test_without_a_time_it_is_now(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The clock of the daemon says when the message is received."""
    assert explain.run(options("x", at=None, format="json", **folder)) == 0
    assert json.loads(capsys.readouterr().out)["event"]["receivedAt"].endswith("Z")


def test_templates_are_looked_for_beside_the_rules(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--templates` the folder beside the rules is taken, and a hidden client is greeted without a name."""
    assert explain.run(options("call", rules=folder["rules"], templates=None, name=None, phone=None)) == 0
    assert "  Hello.\n" in capsys.readouterr().out


def test_a_rule_on_trial_is_shown_apart(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """It changes nothing, and a lead sees what it would do."""
    rules = folder["rules"] / "10.yaml"
    first, second = "  - id: calls\n", "  - id: thanks\n"
    text = (
        rules.read_text()
        .replace(first, f"{first}    status: shadow\n")
        .replace(second, f"{second}    status: shadow\n")
    )
    rules.write_text(text)
    assert explain.run(options("asante, 3-CX call", **folder)) == 0
    shown = capsys.readouterr().out
    assert "on trial  calls matches too, if it were live\n" in shown
    assert explain.run(options("asante", **folder)) == 0
    shown = capsys.readouterr().out
    assert "on trial  thanks would decide, if it were live\n" in shown
    assert "rule      last" in shown


OUTCOMES = """\
schema: 1
channels: {triage: {}, noc: {}, management: {}}
rules:
  - id: outage
    when: {words: [down]}
    channel: triage
    also: [noc, management]
    mention: "@network-team"
    follow_up: {within: 90m, ack_again_after: 12h}
    examples: {match: [down]}
  - id: single
    when: {words: [single]}
    channel: triage
    follow_up: {then: new}
    examples: {match: [single]}
  - id: last
    when: always
    channel: triage
"""


def test_everything_that_follows_from_a_rule_is_shown(
    folder: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Copies, whom the post calls, the language of the answer, and what becomes of further messages."""
    (folder["rules"] / "10.yaml").write_text(OUTCOMES, "utf-8")
    (folder["templates"] / "ack/default.sw.j2").write_text("Habari.", "utf-8")
    assert explain.run(options("Mtandao uko down, simu hazifanyi kazi", **folder)) == 0
    shown = capsys.readouterr().out
    assert (
        "calls     @network-team\n"
        "answered  in sw: ack/default.sw.j2\n"
        "then      further messages join for 90m and are acknowledged again after 12h\n"
    ) in shown
    assert "The client is told\n  Habari.\n" in shown
    assert "  @network-team: Mtandao" in shown
    assert "The same, without calling anybody, as a copy to: noc, management\n" in shown
    assert explain.run(options("a single one", **folder)) == 0
    assert "then      each further message opens an incident of its own\n" in capsys.readouterr().out


def test_copies_stand_in_the_json(folder: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """As posts like the first one, each with its channel; where there are none, nothing is said of them."""
    (folder["rules"] / "10.yaml").write_text(OUTCOMES, "utf-8")
    assert explain.run(options("all is down", format="json", **folder)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [copy["channel"] for copy in answer["copies"]] == ["noc", "management"]
    assert answer["copies"][0]["body"].startswith("Copy of OC-2026-… in ~triage\n")
    assert (answer["decision"]["also"], answer["decision"]["mention"]) == (["noc", "management"], "@network-team")
