"""Rules that are published through one node and followed by another, on one journal."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from standins.parts import SetClock, write_rules

from engine.core.errors import JournalUnavailable, NotFound
from engine.core.objects import Json
from engine.core.publications import Reload
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.publisher import Publisher
from engine.reloader import Reloader
from engine.ruleset import loader, packing

RULES = """\
schema: 1
defaults: {{channel: triage, priority: {priority}, ack: default}}
channels:
  triage: {{team: support}}
rules:
  - id: anything-else
    when: always
    examples:
      match: ["anything"]
"""
NORMAL, HIGH, LOW, BROKEN = (RULES.format(priority=word) for word in ("normal", "high", "low", "hihg"))
TEMPLATES = {
    "ack/default.j2": "Hello\n",
    "escalation/default.j2": "Title\n\nIssue Summary: {{ issue_summary }}\n",
}


def packed(rules: str) -> bytes:
    """A set as a command sends it."""
    texts = {"rules/10-all.yaml": rules, **{f"templates/{name}": text for name, text in TEMPLATES.items()}}
    return packing.pack({name: text.encode() for name, text in texts.items()}).encode()


def sha(rules: str) -> str:
    return loader.load_packed(packed(rules)).sha


class Node:
    """One node with its own files, and what it was told about its rules."""

    def __init__(self, root: Path, name: str, journal: StoredJournal, clock: SetClock, *, shared: bool = True) -> None:
        self.rules = write_rules(root / name / "rules", [("10-all.yaml", NORMAL)])
        templates = write_rules(root / name / "templates", TEMPLATES.items())
        self.reloader = Reloader(self.rules, templates, root / name / "state", Metrics())
        self.told: list[tuple[str, bool, str]] = []
        self.publisher = Publisher(
            journal,
            self.reloader,
            clock,
            name,
            shared=shared,
            tell=self._tell,
            handovers=lambda result: [{"after": result.sha}],
        )

    async def _tell(self, before: str, result: Reload) -> None:
        self.told.append((before, result.ok, result.sha))

    @staticmethod
    def _handovers(result: Reload) -> list[dict[str, object]]:
        return [{"after": result.sha}]

    def write(self, rules: str) -> None:
        write_rules(self.rules, [("10-all.yaml", rules)])

    @property
    def sha(self) -> str:
        return self.reloader.current().sha


class Site:
    """A journal and its nodes; all of its writing goes by the name of a."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = SetClock()
        self.journal = StoredJournal(SqliteStore(root / "journal.db"))

    async def node(self, name: str, *, shared: bool = True) -> Node:
        node = Node(self.root, name, self.journal, self.clock, shared=shared)
        await node.publisher.start()
        return node


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.journal.open("a", site.clock.now())
    yield site
    await site.journal.close()


def seen(nodes: list[Json]) -> list[tuple[Any, ...]]:
    """Of each node: its name, what it runs, whether that is marked, the publication that it follows."""
    return [(one["node"], one["rulesetSha"], one["differs"], one["publication"]) for one in nodes]


async def test_what_one_node_publishes_the_others_take_over(site: Site) -> None:
    """Until then they are marked; afterwards all say the same, and each has told its own reload."""
    a, b = await site.node("a"), await site.node("b")
    answer = await a.publisher.publish(packed(HIGH))
    on_call = [{"after": sha(HIGH)}]
    assert answer == {"ok": True, "sha": sha(HIGH), "findings": "", "number": 1, "onCall": on_call}
    assert seen(await a.publisher.nodes()) == [("a", sha(HIGH), False, 1), ("b", sha(NORMAL), True, None)]
    await b.publisher.follow()
    assert seen(await a.publisher.nodes()) == [("a", sha(HIGH), False, 1), ("b", sha(HIGH), False, 1)]
    assert seen(await b.publisher.nodes()) == seen(await a.publisher.nodes())
    assert a.told == b.told == [(sha(NORMAL), True, sha(HIGH))]
    await a.publisher.follow()
    await b.publisher.follow()
    assert len(a.told) == len(b.told) == 1


async def test_where_a_set_came_from_is_told(site: Site) -> None:
    """Number, hash, time and node; nothing while the files are in force."""
    a, b = await site.node("a"), await site.node("b")
    assert a.publisher.published() is None
    await a.publisher.publish(packed(HIGH))
    await b.publisher.follow()
    told = {"number": 1, "sha": sha(HIGH), "at": "2026-02-12T10:15:30Z", "node": "a"}
    assert a.publisher.published() == b.publisher.published() == told


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        pytest.param(packed(BROKEN), "rules/10-all.yaml:2:39", id="broken rules"),
        pytest.param(b"[]", "this is no set of rules files", id="no rules"),
    ],
)
async def test_a_set_that_does_not_work_is_not_published(site: Site, given: bytes, finding: str) -> None:
    """Nothing changes anywhere; whoever asked gets the findings."""
    a = await site.node("a")
    answer = await a.publisher.publish(given)
    assert (answer["ok"], answer["sha"]) == (False, sha(NORMAL))
    assert finding in answer["findings"]
    assert (a.sha, a.told, await site.journal.publication()) == (sha(NORMAL), [], None)


async def test_a_set_that_the_journal_does_not_take_is_not_in_force_either(site: Site) -> None:
    """Published and taken over, or neither."""
    a = await site.node("a")
    await site.journal.close()
    with pytest.raises(JournalUnavailable):
        await a.publisher.publish(packed(HIGH))
    assert (a.sha, a.told) == (sha(NORMAL), [])


async def test_after_a_restart_what_was_published_is_in_force_whatever_the_files_say(site: Site) -> None:
    """Neither a start nor a reload looks at the files of a node."""
    a = await site.node("a")
    await a.publisher.publish(packed(HIGH))
    again = await site.node("a")
    assert again.sha == sha(HIGH)
    again.write(BROKEN)
    result = await again.publisher.reload()
    assert (result.ok, again.sha, again.reloader.problem) == (True, sha(HIGH), "")


async def test_after_a_withdrawal_each_node_runs_its_own_files(site: Site) -> None:
    """They may differ, and those that do are marked."""
    a, b = await site.node("a"), await site.node("b")
    await a.publisher.publish(packed(HIGH))
    await b.publisher.follow()
    b.write(LOW)
    on_call = [{"after": sha(NORMAL)}]
    assert await a.publisher.withdraw() == {"ok": True, "sha": sha(HIGH), "number": 1, "onCall": on_call}
    await b.publisher.follow()
    assert seen(await a.publisher.nodes()) == [("a", sha(NORMAL), False, None), ("b", sha(LOW), True, None)]
    with pytest.raises(NotFound) as refused:
        await b.publisher.withdraw()
    assert str(refused.value) == "no rules are published: every node runs its own files already"


async def test_a_set_that_does_not_work_on_another_node_is_tried_once_there_and_told(site: Site) -> None:
    """An older version may not know what the rules use: it goes on with what it has until something else comes."""
    a, b = await site.node("a"), await site.node("b")
    await site.journal.publish(sha(BROKEN), packed(BROKEN).decode(), site.clock.now())
    await b.publisher.follow()
    await b.publisher.follow()
    assert b.told == [(sha(NORMAL), False, sha(NORMAL))]
    told = next(one for one in await a.publisher.nodes() if one["node"] == "b")
    assert (told["rulesetSha"], told["publication"]) == (sha(NORMAL), 1)
    assert told["problem"].startswith("the published rules cannot be used here, others are in force: rules/10-all.yaml")
    await a.publisher.publish(packed(HIGH))
    await b.publisher.follow()
    assert (b.sha, b.reloader.problem) == (sha(HIGH), "")


async def test_rules_that_a_node_runs_already_are_only_noted(site: Site) -> None:
    """The usual case where the files of a node were published: nothing is loaded, and `since` stays."""
    a, b = await site.node("a"), await site.node("b")
    before = b.reloader.current()
    site.clock.advance(seconds=5)
    await a.publisher.publish(packed(NORMAL))
    await b.publisher.follow()
    assert b.reloader.current() is before
    assert {one["since"] for one in await b.publisher.nodes()} == {"2026-02-12T10:15:30Z"}
    assert [one["publication"] for one in await b.publisher.nodes()] == [1, 1]


async def test_a_node_says_every_ten_seconds_what_it_runs_and_counts_for_a_minute(site: Site) -> None:
    """One that is killed is missing a minute later, one that stops at once."""
    a, b = await site.node("a"), await site.node("b")
    site.clock.advance(seconds=9)
    await b.publisher.follow()
    assert [one["seenAt"][-3:-1] for one in await a.publisher.nodes()] == ["39", "30"]
    site.clock.advance(seconds=1)
    await b.publisher.follow()
    assert [one["seenAt"][-3:-1] for one in await a.publisher.nodes()] == ["40", "40"]
    site.clock.advance(seconds=61)
    assert [one["node"] for one in await a.publisher.nodes()] == ["a"]
    await b.publisher.follow()
    assert [one["node"] for one in await a.publisher.nodes()] == ["a", "b"]
    await b.publisher.leave()
    assert [one["node"] for one in await a.publisher.nodes()] == ["a"]


async def test_a_journal_that_is_away_changes_nothing_and_is_told_once(site: Site, log: io.StringIO) -> None:
    """The rules in force stay; without a publication a reload needs no journal, with one it says why it cannot be."""
    a = await site.node("a")
    await site.journal.close()
    for _ in range(3):
        await a.publisher.follow()
    assert log.getvalue().count("what is published is as it was last known: the journal is closed") == 1
    a.write(HIGH)
    assert (await a.publisher.reload()).sha == sha(HIGH)
    assert "the other nodes do not learn what this one runs: the journal is closed" in log.getvalue()
    await a.publisher.leave()

    await site.journal.open("a", site.clock.now())
    await a.publisher.follow()
    await a.publisher.publish(packed(LOW))
    await site.journal.close()
    with pytest.raises(JournalUnavailable):
        await a.publisher.reload()
    await a.publisher.follow()
    assert a.sha == sha(LOW)
    assert log.getvalue().count("what is published is as it was last known") == 2


async def test_a_daemon_that_shares_its_journal_with_nobody_publishes_all_the_same(site: Site) -> None:
    """It is the only node, and tells nobody what it runs."""
    a = await site.node("a", shared=False)
    await a.publisher.publish(packed(HIGH))
    assert seen(await a.publisher.nodes()) == [("a", sha(HIGH), False, 1)]
    assert await site.journal.nodes(site.clock.now()) == ()
    await a.publisher.leave()
    assert (await site.node("a", shared=False)).sha == sha(HIGH)
