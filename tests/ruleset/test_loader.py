"""Folders on disk into a rule-set, whatever the disk and the files hold."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.diagnostics import render
from engine.core.events import Client, Event, Message
from engine.ruleset import loader, snapshots
from engine.ruleset.loader import Loaded
from engine.ruleset.snapshots import Snapshot

RULES = """\
schema: 1
defaults: {channel: triage, ack: default}
channels: {triage: {}}
rules:
  - {id: calls, when: {words: [call]}, examples: {match: [call], no_match: [mail]}}
  - {id: last, when: always}
"""
ESCALATION = "Title\n\nText: {{ issue_summary }}\n"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    rules, templates = tmp_path / "rules", tmp_path / "templates"
    for folder in (rules, templates / "ack", templates / "escalation"):
        folder.mkdir(parents=True)
    (rules / "10-all.yaml").write_text(RULES)
    (templates / "ack" / "default.j2").write_text("Hello")
    (templates / "escalation" / "default.j2").write_text(ESCALATION)
    return rules, templates


def _shown(loaded: Loaded) -> list[str]:
    return [render(found) for found in loaded.diagnostics]


def test_good_folders_become_a_ruleset(folders: tuple[Path, Path]) -> None:
    """The set decides, carries the hash of its files, and the caller gets the bytes for a copy."""
    loaded = loader.load(*folders)
    assert loaded.diagnostics == ()
    assert loaded.ruleset is not None
    assert loaded.ruleset.sha == loaded.sha == snapshots.fingerprint(loaded.files)
    assert (loaded.rules, loaded.examples) == (2, 2)
    assert loaded.files == {
        "rules/10-all.yaml": RULES.encode(),
        "templates/ack/default.j2": b"Hello",
        "templates/escalation/default.j2": ESCALATION.encode(),
    }
    event = Event("whatsapp", datetime(2026, 1, 5, tzinfo=UTC), "c", Client(), Message("m", "please call"))
    assert loaded.ruleset.evaluate(event).matched == ("calls", "last")


def test_the_hash_is_of_names_and_bytes_and_nothing_else(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Another place gives the same hash; another byte, another name or a moved border another one."""
    rules, templates = folders
    before = loader.load(rules, templates).sha
    moved = tmp_path / "elsewhere"
    rules.rename(moved)
    assert loader.load(moved, templates).sha == before
    (moved / "10-all.yaml").write_text(f"{RULES}# comment\n")
    changed = loader.load(moved, templates).sha
    (moved / "10-all.yaml").rename(moved / "11-all.yaml")
    renamed = loader.load(moved, templates).sha
    assert len({before, changed, renamed}) == 3
    assert snapshots.fingerprint({"ab": b"c"}) != snapshots.fingerprint({"a": b"bc"})
    assert snapshots.fingerprint({"a": b"1", "b": b"2"}) == snapshots.fingerprint({"b": b"2", "a": b"1"})


def test_only_files_that_count_are_read(folders: tuple[Path, Path]) -> None:
    """Notes, hidden files, folders below the rules and other files among the templates change nothing."""
    rules, templates = folders
    before = loader.load(rules, templates)
    (rules / "README.md").write_text("notes")
    (rules / ".#10-all.yaml").symlink_to("somebody@host")
    (rules / "tests").mkdir()
    (rules / "tests" / "x.yaml").write_text("no rules")
    (templates / "notes.txt").write_text("notes")
    (templates / ".git").mkdir()
    (templates / ".git" / "x.j2").write_text("{{")
    after = loader.load(rules, templates)
    assert (after.files, after.diagnostics, after.sha) == (before.files, before.diagnostics, before.sha)


def test_a_folder_that_does_not_exist_is_a_finding(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Both folders are looked for, and a missing one is named as the user named it."""
    rules, templates = folders
    nowhere = tmp_path / "nowhere"
    hint = "\n      name the folder that holds the"
    assert _shown(loader.load(nowhere, templates)) == [
        f"{nowhere}  error  E210  this folder cannot be read: it does not exist{hint} rules"
    ]
    assert _shown(loader.load(rules, rules / "10-all.yaml")) == [
        f"{rules}/10-all.yaml  error  E210  this folder cannot be read: it is a file{hint} templates"
    ]


def test_a_file_that_cannot_be_read_is_a_finding(folders: tuple[Path, Path]) -> None:
    """A link that leads nowhere, one that leads to itself, a folder and a pipe: each is named, none is waited for."""
    rules, templates = folders
    (rules / "20-nowhere.yaml").symlink_to(rules / "gone")
    (rules / "30-itself.yaml").symlink_to(rules / "30-itself.yaml")
    (rules / "40-folder.yaml").mkdir()
    os.mkfifo(rules / "50-pipe.yaml")
    hint = "\n      let the user who runs the engine read it"
    assert _shown(loader.load(rules, templates)) == [
        f"{rules}/20-nowhere.yaml  error  E211  this file cannot be read: it does not exist{hint}",
        f"{rules}/30-itself.yaml  error  E211  this file cannot be read: too many levels of symbolic links{hint}",
        f"{rules}/40-folder.yaml  error  E211  this is no file\n      give it another name",
        f"{rules}/50-pipe.yaml  error  E211  this is no file\n      give it another name",
    ]


def test_a_file_with_the_other_ending_is_a_finding(folders: tuple[Path, Path]) -> None:
    """Rules that would be left out silently are not."""
    rules, templates = folders
    (rules / "20-more.yml").write_text(RULES)
    assert _shown(loader.load(rules, templates)) == [
        f'{rules}/20-more.yml  error  E212  a file that ends in .yml is not read\n      call it "20-more.yaml"'
    ]


def test_a_template_that_is_no_text_is_a_finding(folders: tuple[Path, Path]) -> None:
    """And no rule is blamed for naming it."""
    rules, templates = folders
    (templates / "ack" / "default.j2").write_bytes(b"Caf\xe9")
    (shown,) = _shown(loader.load(rules, templates))
    assert shown.split("\n") == [
        f"{templates}/ack/default.j2:1:4  error  E101  the file is not in UTF-8 from here on",
        "    1 | Caf\ufffd",
        '      |    ^ save it as "UTF-8"',
    ]


def test_a_long_line_is_cut_around_the_mark(folders: tuple[Path, Path]) -> None:
    """What is wrong is in sight, and the advice does not repeat a long text."""
    rules, templates = folders
    (rules / "20-long.yaml").write_text(f"schema: 1\nowner: {'x' * 1000}: y\n")
    (shown,) = _shown(loader.load(rules, templates))
    assert shown == (
        f"{rules}/20-long.yaml:2:8  error  E117  a text with a colon and a space in it needs quotes\n"
        f"    2 | owner: {'x' * 111}…\n"
        f"      |        {'^' * 111} put quotes around all of it"
    )


def test_a_line_without_end_is_not_quoted(folders: tuple[Path, Path]) -> None:
    """A thousand findings of one endless line would fill the memory; each stands alone, with its place."""
    rules, templates = folders
    (rules / "20-long.yaml").write_text(f"schema: 1\nowner: {'x' * 20_000}: y\n")
    (shown,) = _shown(loader.load(rules, templates))
    assert shown == (
        f"{rules}/20-long.yaml:2:8  error  E117  a text with a colon and a space in it needs quotes\n"
        "      put quotes around all of it"
    )


def test_a_name_that_is_no_text_can_be_shown(folders: tuple[Path, Path]) -> None:
    """File names are bytes; what is printed is text."""
    rules, templates = folders
    (rules / os.fsdecode(b"caf\xe9.yaml")).write_text("schema: 2\n")
    (shown,) = _shown(loader.load(rules, templates))
    assert shown.encode().startswith(f"{rules}/caf\ufffd.yaml:1:9  error  E130  ".encode())


class _Edited(type(Path())):  # type: ignore[misc] # the class behind Path differs by platform until Python 3.12
    """A folder in which somebody saves a second file while the first one is being read."""

    edits = 0

    def open(self, mode: str = "r") -> BinaryIO:
        if type(self).edits:
            type(self).edits -= 1
            later = Path(self).parent / "20-later.yaml"
            later.write_text("schema: 1\n" + "# saved again\n" * type(self).edits)
        return Path(self).open("rb") if mode == "rb" else NotImplemented


def test_folders_that_change_while_they_are_read_are_read_again(folders: tuple[Path, Path]) -> None:
    """What is used was there at one moment."""
    rules, templates = folders
    _Edited.edits = 2
    taken = snapshots.snapshot(_Edited(rules), templates)
    assert _Edited.edits == 0
    assert taken.files["rules/20-later.yaml"] == b"schema: 1\n"


def test_a_file_that_never_rests_is_a_finding(folders: tuple[Path, Path]) -> None:
    """After a few attempts the load ends, and names the file that cannot be trusted."""
    rules, templates = folders
    _Edited.edits = 1000
    loaded = loader.load(_Edited(rules), templates)
    _Edited.edits = 0
    assert loaded.ruleset is None
    assert f"{rules}/20-later.yaml  error  E216  this file keeps changing while it is read" in _shown(loaded)[-1]


def test_a_file_that_an_editor_has_just_emptied_is_read_when_it_is_full_again(folders: tuple[Path, Path]) -> None:
    """Saving takes two steps: the file is cut to nothing, then written."""
    rules, templates = folders
    edited = rules / "10-all.yaml"
    edited.write_text("")

    def settle() -> None:
        if not edited.stat().st_size:
            edited.write_text(RULES)

    loaded = loader.load(rules, templates, settle=settle)
    assert loaded.diagnostics == ()
    assert loaded.files["rules/10-all.yaml"] == RULES.encode()


@pytest.mark.parametrize("step", ["renamed over", "deleted"])
def test_a_file_that_is_replaced_or_deleted_meanwhile_is_read_again(folders: tuple[Path, Path], step: str) -> None:
    """A new file under the old name is another file, though its size is the same."""
    rules, templates = folders
    (rules / "20-more.yaml").write_text("schema: 1\nowner: a\n")
    steps = [step]

    def settle() -> None:
        if not steps:
            return
        if steps.pop() == "deleted":
            (rules / "20-more.yaml").unlink()
            return
        (rules / ".20-more.yaml.tmp").write_text("schema: 1\nowner: b\n")
        (rules / ".20-more.yaml.tmp").rename(rules / "20-more.yaml")

    taken = snapshots.snapshot(rules, templates, settle)
    assert taken.faults == ()
    assert taken.files.get("rules/20-more.yaml") == (None if step == "deleted" else b"schema: 1\nowner: b\n")


def test_a_rule_that_asks_for_a_source_gets_its_examples_from_there() -> None:
    """An example says only the text, so the rest is taken from what the rule asks for."""
    rules = (
        "schema: 1\ndefaults: {channel: triage, ack: none}\nchannels: {triage: {}}\nrules:\n"
        "  - id: desk\n    when: [{words: [call]}, {any: [{source: [http]}, {words: [desk]}]}]\n"
        "    examples: {match: [call]}\n"
        "  - {id: other, when: {words: [call], none: [{source: [http]}]}, examples: {match: [call]}}\n"
        "  - {id: last, when: always}\n"
    )
    files = {"rules/a.yaml": rules.encode(), "templates/escalation/default.j2": ESCALATION.encode()}
    assert _shown(loader.check(Snapshot(files), "rules", "templates", advise=False)) == []


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_no_bytes_make_the_loader_raise(rules: bytes, template: bytes) -> None:
    """Any file gives a rule-set or findings."""
    files = {"rules/x.yaml": rules, "templates/ack/default.j2": template}
    loaded = loader.check(Snapshot(files), "rules", "templates")
    assert loaded.ruleset is None
    assert loaded.diagnostics


_LINES = st.sampled_from(
    [*RULES.splitlines(keepends=True), "  - {id: x, when: {pattern: '(?P<a>b)'}, summary: '{{ a }}'}\n"]
)


@given(st.lists(_LINES, max_size=12).map("".join), st.integers(0, 400), st.text(max_size=3))
def test_no_edit_makes_the_loader_raise(rules: str, at: int, typed: str) -> None:
    """Lines in any order with something typed into them give a rule-set or an error, never both or neither."""
    text = f"schema: 1\n{rules[:at]}{typed}{rules[at:]}"
    files = {
        "rules/x.yaml": text.encode("utf-8", "replace"),
        "templates/ack/default.j2": b"Hello",
        "templates/escalation/default.j2": ESCALATION.encode(),
    }
    loaded = loader.check(Snapshot(files), "rules", "templates")
    errors = [found for found in loaded.diagnostics if found.severity == "error"]
    assert (loaded.ruleset is None) == bool(errors)


def test_templates_are_whole_although_an_example_fails(folders: tuple[Path, Path]) -> None:
    """The rules are let go of, and whoever looks closer can still compile them."""
    rules, templates = folders
    (rules / "10-all.yaml").write_text(RULES.replace("match: [call]", "match: [mail]"))
    loaded = loader.load(rules, templates)
    assert loaded.ruleset is None
    assert loaded.templates is not None
    assert loaded.templates.acknowledgement("default", {}) == "Hello"
    title, body = loaded.templates.escalation({"issue_summary": "Calls fail"})
    assert (title, body) == ("Title", "Text: Calls fail")


def test_tests_are_read_by_whoever_asks_and_change_no_hash(folders: tuple[Path, Path]) -> None:
    """The daemon does not ask, so that no test can change or stop what is decided."""
    rules, templates = folders
    before = loader.load(rules, templates, tests=True)
    (rules / "tests").mkdir()
    story = "schema: 1\nscenarios:\n  - {name: S, steps: [{from: A, says: call, expect: {rule: calls}}]}\n"
    (rules / "tests" / "a.yaml").write_text(story)
    after = loader.load(rules, templates, tests=True)
    assert [scenario.name.value for scenario in after.document.scenarios] == ["S"]
    assert after.sha == before.sha
    assert after.files["rules/tests/a.yaml"] == story.encode()
    assert loader.load(rules, templates).document.scenarios == ()
    (rules / "tests" / "a.yaml").write_text("broken: [")
    (rules / "tests" / "b.yml").write_text("")
    assert loader.load(rules, templates).ruleset is not None
    assert {found.code for found in loader.load(rules, templates, tests=True).diagnostics} == {"E105", "E212"}
