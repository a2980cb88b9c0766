"""Every journal: one set of rules is published for all nodes, and each node's word about its rules is kept."""

from datetime import timedelta

from journal.faults import writing
from journal.samples import NOW, Restart, later

from engine.core.publications import NodeReport, Publication, Published
from engine.journal.journals import StoredJournal
from engine.ports import Journal

FILES = '["rules/10-all.yaml", "schema: 1\\n"]\n["templates/ack/default.j2", "caf\\u00e9 \\u0000"]'


def _report(node: str, seconds: float = 0, *, sha: str = "aa", problem: str = "") -> NodeReport:
    return NodeReport(node, sha, 1, NOW, later(seconds), problem)


async def test_nothing_is_published_at_first(journal: Journal) -> None:
    """Every node runs its own files, and there is nothing to withdraw."""
    assert await journal.publication() is None
    assert await journal.published() is None
    assert await journal.withdraw(NOW) is None


async def test_what_is_published_comes_back_as_it_was_after_a_restart(restart: Restart) -> None:
    """The newest set counts, with the node that published it, whichever node asks."""
    journal = await restart("node-a")
    first = await journal.publish("aa", "{}", NOW)
    second = await journal.publish("bb", FILES, later(1))
    journal = await restart("node-b")
    assert second == Publication(first.number + 1, "bb", later(1), "node-a")
    assert await journal.publication() == second
    assert await journal.published() == Published(second, FILES)


async def test_a_withdrawn_set_leaves_no_earlier_one_in_force(journal: Journal) -> None:
    """Back to the files, not to the publication before; the next publication is a new one all the same."""
    await journal.publish("aa", "{}", NOW)
    second = await journal.publish("bb", "{}", NOW)
    assert await journal.withdraw(later(1)) == second
    assert await journal.publication() is None
    assert await journal.withdraw(later(2)) is None
    third = await journal.publish("aa", "{}", later(3))
    assert third.number > second.number
    assert await journal.publication() == third


async def test_a_node_s_newest_word_is_kept(journal: Journal) -> None:
    """Every node has one row; whoever was silent for too long is not told of."""
    await journal.report(_report("node-b", problem="the published rules cannot be used \ud83d"))
    await journal.report(_report("node-a", 5))
    await journal.report(_report("node-b", 70, sha="bb"))
    assert await journal.nodes(NOW) == (_report("node-a", 5), _report("node-b", 70, sha="bb"))
    assert await journal.nodes(later(6)) == (_report("node-b", 70, sha="bb"),)


async def test_a_problem_is_kept_whatever_it_quotes(journal: Journal) -> None:
    """Half of a character would be no text for a database."""
    await journal.report(_report("node-a", problem="half \ud83d"))
    assert (await journal.nodes(NOW))[0].problem == "half \N{REPLACEMENT CHARACTER}"


async def test_a_node_that_stops_is_forgotten_and_one_that_never_comes_back_too(journal: Journal) -> None:
    """A name that nobody has any more does not stay for ever."""
    for node in ("node-a", "node-b"):
        await journal.report(_report(node))
    await journal.forget_node("node-b")
    assert [one.node for one in await journal.nodes(NOW)] == ["node-a"]
    await journal.report(_report("node-c", timedelta(days=1, seconds=1).total_seconds()))
    assert [one.node for one in await journal.nodes(NOW - timedelta(days=9))] == ["node-c"]


async def test_only_the_newest_five_sets_are_kept(sqlite_journal: StoredJournal) -> None:
    """A journal does not grow with every publication; a withdrawn set is one like the others."""
    for number in range(1, 8):
        await sqlite_journal.publish(f"sha-{number}", "{}", NOW)
    await sqlite_journal.withdraw(NOW)
    await sqlite_journal.publish("sha-8", "{}", NOW)
    kept = writing(sqlite_journal).execute("SELECT sha FROM rulesets ORDER BY seq").fetchall()
    assert kept == [("sha-4",), ("sha-5",), ("sha-6",), ("sha-7",), ("sha-8",)]


async def test_the_audit_tells_what_was_published_and_withdrawn(sqlite_journal: StoredJournal) -> None:
    """Number, hash and node: enough to find the set in git."""
    await sqlite_journal.publish("aa", FILES, NOW)
    await sqlite_journal.withdraw(later(1))
    rows = writing(sqlite_journal).execute("SELECT kind, details FROM audit ORDER BY seq").fetchall()
    details = '{"number":"1","ruleset":"aa","node":"node-a"}'
    assert rows == [("published", details), ("withdrawn", details)]
