"""`engine test`: what is printed and how it ends."""

import argparse
import io
import json
import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from engine.cli import main
from engine.commands import rehearse
from engine.core.errors import UsageError
from engine.starter import starter_folder

CASES = Path(__file__).parents[1] / "cases"
RULES = """\
schema: 1

rules:
  - id: about-products
    when:
      any:
        - keywords: {product: any}
        - keywords: {direction: any}
    examples:
      match: ["something about 3CX"]

  - id: anything-else
    when: always
"""
BASE = """\
# What the single files of ../../bad and ../../good are loaded together with.
schema: 1

defaults: {channel: support-triage, priority: normal, ack: default, tags: [whatsapp]}

keywords:
  product:
    3CX: [3cx, "3 cx", threecx]
    VoIP: [voip, sip]
  direction:
    outbound: [outbound, outgoing, "dial out"]

channels:
  support-triage: {team: support}
  support-voip: {team: support, purpose: calls and phones}
"""
STORY = """\
schema: 1
scenarios:
  - name: A broken 3CX
    steps:
      - {from: Amina, says: 3CX is dead, expect: {rule: about-products, posts: 1, ack: default}}
      - {after: 5m, attachments: [voice], kind: edit, says: "", expect: {posts: 0}}
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with good rules, templates and a scenario in it."""
    folder = tmp_path / "work"
    shutil.copytree(CASES / "base", folder)
    shutil.rmtree(folder / "rules")
    (folder / "rules" / "tests").mkdir(parents=True)
    (folder / "rules" / "00-base.yaml").write_text(BASE)
    (folder / "rules" / "zz-last.yaml").write_text(RULES)
    (folder / "rules" / "tests" / "a.yaml").write_text(STORY.replace(', says: ""', ""))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return folder


def _options(**others: object) -> argparse.Namespace:
    given: dict[str, object] = {
        "rules": Path("rules"),
        "templates": None,
        "filter": None,
        "format": "text",
        "coverage": False,
        "min": None,
        "mutate": False,
        "verbose": False,
    }
    return argparse.Namespace(**{**given, **others})


def _shown(capsys: pytest.CaptureFixture[str]) -> str:
    return re.sub(r"\(\d+\.\d s\)", "(0.0 s)", capsys.readouterr().out)


def _break(work: Path) -> None:
    """A scenario that expects something else, and an example that fails."""
    wrong = STORY.replace(', says: ""', "").replace("ack: default", "ack: 'Hello Brian, we fix it.'")
    (work / "rules" / "tests" / "a.yaml").write_text(f"{wrong}    expect: {{incidents: 2}}\n")
    rules = work / "rules" / "zz-last.yaml"
    rules.write_text(rules.read_text().replace("something about 3CX", "something about Skype"))
    (work / "templates" / "ack" / "default.j2").write_text("Hello {{ client_name }}, we fix it.\n\nSupport")


def test_when_all_pass_one_line_says_so(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code is 0."""
    assert work.is_dir()
    assert main(["test"]) == 0
    assert _shown(capsys) == "2 rules · 1 example · 1 scenario: all pass (0.0 s)\n"


def test_a_failure_says_where_what_and_why(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The place, the step, what was expected, what came, and the words that decided; the exit code is 1."""
    _break(work)
    assert rehearse.run(_options()) == 1
    assert _shown(capsys) == (
        'FAIL  rules/zz-last.yaml:10:15  about-products: "something about Skype"\n'
        "          expected  the rule matches\n"
        "          came      the rule does not match\n"
        '          "about-products" does not match this example\n'
        "          any of: keywords product: any; keywords direction: any\n"
        "\n"
        "FAIL  rules/tests/a.yaml:3:11  A broken 3CX\n"
        '      step 1, 2026-01-05 09:00, Amina: "3CX is dead"\n'
        "        ack  rules/tests/a.yaml:5:83\n"
        "          expected  Hello Brian, we fix it.\n"
        "          came      Hello Amina, we fix it.\n"
        "                    \n"
        "                    Support\n"
        "          that is   Hello [-Brian-]{+Amina+}, we fix it.{+ Support+}\n"
        "          this is the first message of an incident\n"
        '          decided by about-products (rules/zz-last.yaml:4) because of "3CX" (keywords product: any)\n'
        "          also matching: anything-else\n"
        "      over all steps\n"
        "        incidents  rules/tests/a.yaml:7:14\n"
        "          expected  2\n"
        "          came      1\n"
        "          step 1: 1\n"
        "\n"
        "2 rules · 1 example · 1 scenario: 2 fail (0.0 s)\n"
    )


def test_verbose_tells_what_passed(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each test, and what came of each message of a scenario."""
    assert work.is_dir()
    assert rehearse.run(_options(verbose=True)) == 0
    *lines, _ = _shown(capsys).splitlines()
    assert lines[:3] == [
        'ok    rules/zz-last.yaml:10:15  about-products: "something about 3CX"',
        "ok    rules/tests/a.yaml:3:11  A broken 3CX",
        '        step 1, 2026-01-05 09:00, Amina: "3CX is dead"',
    ]
    assert lines[3].startswith("          about-products, normal; post to support-triage: ")
    assert lines[4:] == [
        "        step 2, 2026-01-05 09:05, Amina, edit: (voice)",
        "          anything-else, normal; reply in the thread; the client is told nothing",
    ]


def test_coverage_lists_what_no_test_reaches(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By file and rule, with a message to add; --min fails below its share."""
    assert work.is_dir()
    assert rehearse.run(_options(coverage=True)) == 0
    shown = _shown(capsys)
    assert "rules/zz-last.yaml  1/2  50 %\n  about-products  1/2  50 %\n" in shown
    assert (
        '    rules/zz-last.yaml:8:22  keywords direction: any\n      add to match a message with it, e.g. "outbound"\n'
    ) in shown
    assert "coverage: 2 of 10 atoms (20 %)\n" in shown
    assert rehearse.run(_options(min=20)) == 0
    capsys.readouterr()
    assert rehearse.run(_options(min=21)) == 1
    assert _shown(capsys).endswith(
        "coverage: 2 of 10 atoms (20 %); wanted are 21 %\n"
        "2 rules · 1 example · 1 scenario: all pass; coverage is below 21 % (0.0 s)\n"
    )


def test_long_lists_are_cut(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--verbose lists all of it."""
    (work / "rules" / "20-more.yaml").write_text(
        "schema: 1\nrules:\n  - id: words\n    when: {words: [aaa, bbb, ccc, ddd, eee, fff, ggg]}\n"
        "    examples: {match: [aaa]}\n"
    )
    assert rehearse.run(_options(coverage=True, mutate=True)) == 0
    assert _shown(capsys).count("and 1 more: --verbose lists them") == 2
    assert rehearse.run(_options(coverage=True, mutate=True, verbose=True)) == 0
    assert "more: --verbose" not in _shown(capsys)


def test_mutate_lists_what_no_test_misses(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the place of what could be deleted, and a score; it does not fail."""
    assert work.is_dir()
    assert rehearse.run(_options(mutate=True)) == 0
    shown = _shown(capsys)
    assert (
        "rules/zz-last.yaml\n  about-products\n    rules/zz-last.yaml:8:22  without keywords direction: any\n"
        "      add a match that nothing else makes match, or delete it\n"
    ) in shown
    assert re.search(r"mutation: \d of \d changes are noticed \(\d+ %\)\n", shown)


@pytest.mark.parametrize("broken", [False, True])
def test_json_holds_everything_that_the_text_says(
    work: Path,
    capsys: pytest.CaptureFixture[str],
    broken: bool,  # noqa: FBT001 - a table
) -> None:
    """For scripts."""
    if broken:
        _break(work)
    assert rehearse.run(_options(format="json", mutate=True, min=1)) == int(broken)
    content = json.loads(capsys.readouterr().out)
    assert content["ok"] is not broken
    assert (content["rules"], content["examples"], content["scenarios"]) == (2, 1, 1)
    assert content["failed"] == (2 if broken else 0)
    example, scenario = content["tests"]
    assert (example["kind"], example["rule"], example["passed"]) == ("example", "about-products", not broken)
    assert (scenario["kind"], scenario["path"], scenario["line"]) == ("scenario", "rules/tests/a.yaml", 3)
    assert [failure["step"] for failure in scenario["failures"]] == ([1, None] if broken else [])
    assert content["coverage"]["total"] == 10
    assert content["coverage"]["minimum"] == 1
    assert content["coverage"]["uncovered"][0]["path"].startswith("rules/")
    assert content["mutation"]["noticed"] == 7 - len(content["mutation"]["survivors"])


def test_junit_has_a_case_for_each_test(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Well-formed, with the failures in words; too little coverage is a failure too."""
    assert rehearse.run(_options(format="junit", min=90)) == 1
    root = ET.fromstring(capsys.readouterr().out)  # noqa: S314 - our own output
    assert [(suite.get("name"), suite.get("failures")) for suite in root] == [
        ("rules/zz-last.yaml", "0"),
        ("rules/tests/a.yaml", "0"),
        ("coverage", "1"),
    ]
    _break(work)
    assert rehearse.run(_options(format="junit", min=0)) == 1
    root = ET.fromstring(capsys.readouterr().out)  # noqa: S314 - our own output
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "2", "0")
    failure = root.find(".//testsuite[@name='rules/tests/a.yaml']/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "ack: expected Hello Brian, we fix it., came Hello Amina, we fix it.\n\nSupport"
    assert failure.text is not None
    assert failure.text.startswith("rules/tests/a.yaml:5:83  step 1: ack\n  expected  Hello Brian, we fix it.\n")


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_rules_with_errors_are_not_tested(work: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """The findings are shown in every form, and the exit code is 1."""
    shutil.copy(CASES / "bad" / "unknown-channel.yaml", work / "rules")
    assert rehearse.run(_options(format=form)) == 1
    shown = capsys.readouterr().out
    assert "E112" in shown
    assert 'did you mean "support-voip"?' in shown or 'did you mean \\"support-voip\\"?' in shown
    if form == "text":
        assert shown.endswith("the rules have errors, so nothing was tested: mend them first\n")


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"rules": Path("ruls")}, "ruls does not exist"),
        ({"rules": Path("rules/zz-last.yaml")}, "rules/zz-last.yaml is a file: name the folder that it stands in"),
        ({"min": 101}, "--min 101 is no share in percent: write 0 to 100"),
        ({"filter": "nothing"}, 'no test has "nothing" in its rule, its name or its file'),
    ],
)
def test_a_wrong_option_is_a_question_of_usage(work: Path, others: dict[str, object], message: str) -> None:
    """Exit 2."""
    assert work.is_dir()
    with pytest.raises(UsageError) as caught:
        rehearse.run(_options(**others))
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colours_and_progress(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences are struck out and coloured there; the bar goes to the other stream and away again."""
    _break(work)
    out, err = _Terminal(), _Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    rehearse.run(_options(mutate=True))
    assert "\x1b[" in out.getvalue()
    assert "[-Brian-]" not in out.getvalue()
    assert "changing the rules, one atom at a time" in err.getvalue()


def test_the_starter_rules_pass_their_tests() -> None:
    """Every example and scenario that `engine init` writes."""
    rules, templates = starter_folder("rules"), starter_folder("templates")
    assert main(["test", str(rules), "--templates", str(templates)]) == 0
