"""The reloader on real files: a good set is taken, a broken one changes nothing but what is said about it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from standins.parts import START, write_rules

from engine.core.errors import ConfigurationError
from engine.core.publications import Publication, Published
from engine.metrics import Metrics
from engine.reloader import Reloader
from engine.ruleset import loader, packing
from engine.ruleset.loader import Loaded

GOOD = """\
schema: 1
defaults: {channel: triage, priority: normal, ack: default}
channels:
  triage: {team: support}
rules:
  - id: anything-else
    when: always
    examples:
      match: ["anything"]
"""
BETTER = GOOD.replace("priority: normal", "priority: high")
BROKEN = GOOD.replace("channel: triage,", "channel: tirage,")
TEMPLATES = (
    ("ack/default.j2", "Hello\n"),
    ("escalation/default.j2", "Title\n\nIssue Summary: {{ issue_summary }}\n"),
)


@pytest.fixture
def caplog_lines() -> Iterator[list[str]]:
    """Everything that is logged while a test runs."""
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{message}")
    yield lines
    logger.remove(sink)


class Folder:
    """A rules folder that a test edits, and what the metrics say."""

    def __init__(self, root: Path, rules: str) -> None:
        self.state = root / "state"
        self.rules = write_rules(root / "rules", [("10-all.yaml", rules)])
        self.templates = write_rules(root / "templates", TEMPLATES)
        self.metrics = Metrics()

    def reloader(self) -> Reloader:
        return Reloader(self.rules, self.templates, self.state, self.metrics)

    def write(self, rules: str) -> None:
        write_rules(self.rules, [("10-all.yaml", rules)])

    def reload_ok(self) -> bool:
        page = self.metrics.render()[0].decode()
        return "engine_rules_reload_ok 1.0" in page


def published(rules: str, number: int = 1) -> Published:
    """A publication of these rules."""
    files = {"rules/10-all.yaml": rules.encode(), **{f"templates/{name}": text.encode() for name, text in TEMPLATES}}
    packed = packing.pack(files)
    return Published(Publication(number, loader.load_packed(packed).sha, START, "a"), packed)


async def test_a_good_set_is_swapped_in(tmp_path: Path) -> None:
    """After a reload the next message follows the new files."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    before = reloader.current()
    folder.write(BETTER)
    result = await reloader.reload()
    assert result.ok
    assert reloader.current().sha == result.sha != before.sha
    assert folder.reload_ok()
    assert reloader.problem == ""


async def test_a_broken_set_changes_nothing_but_the_log_and_the_metric(tmp_path: Path) -> None:
    """The old rules keep working, the finding is told, and mending the file heals everything."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    before = reloader.current()
    folder.write(BROKEN)
    result = await reloader.reload()
    assert not result.ok
    assert [found.code for found in result.diagnostics] == ["E112"]
    assert reloader.current() is before
    assert not folder.reload_ok()
    assert reloader.problem == "the rule files are broken; the last good set is in force"
    folder.write(BETTER)
    assert (await reloader.reload()).ok
    assert folder.reload_ok()
    assert reloader.problem == ""


async def test_a_broken_template_is_a_broken_set(tmp_path: Path) -> None:
    """Templates are part of what is reloaded."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    write_rules(folder.templates, [("ack/default.j2", "Hello {% if %}")])
    assert not (await reloader.reload()).ok


async def test_a_cold_start_with_broken_files_uses_the_last_good_set(tmp_path: Path) -> None:
    """A daemon that restarts at night with a broken file still routes."""
    folder = Folder(tmp_path, GOOD)
    first = folder.reloader()
    await first.start()
    folder.write(BROKEN)
    second = folder.reloader()
    await second.start()
    assert second.current().sha == first.current().sha
    assert second.problem
    assert not folder.reload_ok()


async def test_a_first_start_with_broken_files_is_refused(tmp_path: Path) -> None:
    """Without a last good set the daemon says what is wrong and ends 78."""
    folder = Folder(tmp_path, BROKEN)
    with pytest.raises(ConfigurationError) as refused:
        await folder.reloader().start()
    assert 'no channel is named "tirage"' in str(refused.value)
    assert "there is no last good set" in str(refused.value)


async def test_a_state_folder_that_cannot_be_written_does_not_stop_the_rules(tmp_path: Path) -> None:
    """Keeping a copy is a convenience; routing is not."""
    folder = Folder(tmp_path, GOOD)
    folder.state.write_text("a file where the folder should be")
    reloader = folder.reloader()
    await reloader.start()
    assert reloader.current().sha


async def test_the_rules_are_not_there_before_the_start(tmp_path: Path) -> None:
    """Asking too early is an error of ours, never a silent default."""
    with pytest.raises(ConfigurationError):
        Folder(tmp_path, GOOD).reloader().current()


async def test_the_log_tells_places_and_sentences_and_no_line_of_a_file(
    tmp_path: Path, caplog_lines: list[str]
) -> None:
    """An example may hold a client's words, and a log is kept for longer than they are."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    folder.write(GOOD.replace('match: ["anything"]', 'no_match: ["my number is 12345"]'))
    result = await reloader.reload()
    assert [found.code for found in result.diagnostics] == ["E206"]
    assert "12345" in result.diagnostics[0].source
    logged = "\n".join(caplog_lines)
    assert "E206" in logged
    assert "12345" not in logged
    assert "12345" not in result.notice.text


async def test_a_message_under_way_keeps_the_rules_that_it_began_with(tmp_path: Path) -> None:
    """The set that was replaced is taken apart only when nobody uses it."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    used = reloader.current()
    filed = dict(used.filed)
    folder.write(BETTER)
    assert (await reloader.reload()).ok
    assert used.filed == filed
    del used
    folder.write(GOOD)
    assert (await reloader.reload()).ok
    assert len(reloader.current().rules) == 1


async def test_rules_are_loaded_outside_of_the_event_loops_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages are answered while ten thousand rules are read."""
    threads = []
    load = loader.load

    def watched(*given: Any, **named: Any) -> Loaded:
        threads.append(threading.current_thread())
        return load(*given, **named)

    monkeypatch.setattr(loader, "load", watched)
    reloader = Folder(tmp_path, GOOD).reloader()
    await reloader.start()
    await reloader.reload()
    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_what_is_published_wins_over_the_files(tmp_path: Path, caplog_lines: list[str]) -> None:
    """At a start, and at a reload, whose log says so; without it the files are in force again."""
    folder = Folder(tmp_path, GOOD)
    own = loader.load(folder.rules, folder.templates).sha
    reloader = folder.reloader()
    better = published(BETTER)
    started = await reloader.start(better)
    assert (started.ok, reloader.current().sha) == (True, better.publication.sha)
    assert started.notice.text.endswith("The published ones are in force.")
    assert (await reloader.reload(better)).sha == better.publication.sha
    assert caplog_lines == ["published rules loaded; the files do not count\n"]
    assert reloader.publication == better.publication
    assert (await reloader.reload()).sha == own != better.publication.sha
    assert reloader.publication is None


async def test_a_published_set_that_does_not_work_here_changes_nothing_and_is_told(tmp_path: Path) -> None:
    """The rules in force stay; what is wrong stands in one sentence until something good is published."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    before = reloader.current()
    result = await reloader.reload(published(BROKEN))
    assert (result.ok, result.sha, reloader.current()) == (False, before.sha, before)
    assert not folder.reload_ok()
    assert reloader.problem == (
        "the published rules cannot be used here, others are in force: "
        'rules/10-all.yaml:2:21 E112 no channel is named "tirage"'
    )
    assert result.notice.text.startswith("**The published rules cannot be used on one node.**")
    assert (await reloader.reload(published(BETTER, 2))).ok
    assert (reloader.problem, folder.reload_ok()) == ("", True)


async def test_a_start_without_working_published_rules_uses_what_worked_last(
    tmp_path: Path, caplog_lines: list[str]
) -> None:
    """First the last good rules, then the files of this node; only when nothing works the daemon does not start."""
    folder = Folder(tmp_path, GOOD)
    first = folder.reloader()
    assert not (await first.start(published(BROKEN))).ok
    own = loader.load(folder.rules, folder.templates).sha
    assert first.current().sha == own
    assert f"STARTED WITH THE RULES IN {folder.rules}: the published ones cannot be used" in "".join(caplog_lines)
    better = published(BETTER)
    await first.reload(better)
    second = folder.reloader()
    assert not (await second.start(published(BROKEN, 2))).ok
    assert second.current().sha == better.publication.sha
    assert second.problem
    assert "STARTED WITH THE LAST GOOD RULES: the published ones cannot be used" in "".join(caplog_lines)


async def test_a_start_with_nothing_that_works_says_what_to_do(tmp_path: Path) -> None:
    """Published rules, files and last good rules are all named."""
    folder = Folder(tmp_path, BROKEN)
    with pytest.raises(ConfigurationError) as refused:
        await folder.reloader().start(published(BROKEN))
    assert 'no channel is named "tirage"' in str(refused.value)
    assert str(refused.value).endswith(
        f"the published rules cannot be used, the rules in {folder.rules} neither, and there is no last good set in "
        f"{folder.state}/last-good: make the rules in {folder.rules} work (`engine validate`), start again, and "
        "publish rules anew"
    )


async def test_rules_are_examined_without_any_effect(tmp_path: Path) -> None:
    """What is to be published is tried first; only then it is taken, without being loaded a second time."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    before = reloader.current()
    broken = await reloader.examine(published(BROKEN).files.encode())
    assert [found.code for found in broken.diagnostics] == ["E112"]
    better = published(BETTER)
    loaded = await reloader.examine(better.files.encode())
    assert (reloader.current(), reloader.publication, reloader.problem) == (before, None, "")
    assert loaded.ruleset is not None
    result = await reloader.take(loaded, loaded.ruleset, better.publication)
    assert (result.ok, reloader.current(), reloader.publication) == (True, loaded.ruleset, better.publication)


async def test_the_same_rules_published_are_not_loaded_again(tmp_path: Path) -> None:
    """What is in force is already what was published, whatever was wrong with the files before."""
    folder = Folder(tmp_path, GOOD)
    reloader = folder.reloader()
    await reloader.start()
    before = reloader.current()
    folder.write(BROKEN)
    await reloader.reload()
    result = reloader.adopt(published(GOOD).publication)
    assert (result.ok, result.sha, reloader.current()) == (True, before.sha, before)
    assert (reloader.problem, folder.reload_ok()) == ("", True)
