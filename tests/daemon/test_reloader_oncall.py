"""Schedules and policies for on-call are a part of the rules in force: taken over, kept and published with them."""

from datetime import UTC, datetime
from pathlib import Path

from engine.core.publications import Publication, Published
from engine.metrics import Metrics
from engine.reloader import Reloader
from engine.ruleset import loader, packing
from engine.ruleset.snapshots import snapshot

CASES = Path(__file__).parents[1] / "cases"
NOW = datetime(2027, 1, 5, 12, 0, tzinfo=UTC)


class Node:
    """A node with the rules of `cases/base` and the on-call files of `cases/oncall/good`."""

    def __init__(self, root: Path) -> None:
        for source in (CASES / "base", CASES / "oncall/good"):
            for path in sorted(source.rglob("*.*")):
                below = path.relative_to(source) if source.name == "base" else Path("rules/oncall") / path.name
                (root / below).parent.mkdir(parents=True, exist_ok=True)
                (root / below).write_bytes(path.read_bytes())
        self.root = root
        self.noc = root / "rules/oncall/noc.yaml"
        self.reloader = self.start_anew()

    def start_anew(self) -> Reloader:
        return Reloader(self.root / "rules", self.root / "templates", self.root / "state", Metrics(), lambda: NOW)

    def edit(self, before: str, after: str) -> None:
        self.noc.write_text(self.noc.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")

    def on_duty(self, schedule: str = "voip-primary") -> tuple[str, ...]:
        roster = self.reloader.current().roster
        return roster.on_duty(schedule, NOW).people if roster else ()


async def test_a_reload_takes_the_schedules_over(tmp_path: Path) -> None:
    """And a broken file leaves those in force that were; the rules beside it too."""
    node = Node(tmp_path)
    assert (await node.reloader.start()).ok
    assert node.on_duty() == ("alice",)
    assert node.on_duty("voip-imported") == ("alice",)
    node.edit("list: [alice, bob]", "list: [bob, alice]")
    assert (await node.reloader.reload()).ok
    assert node.on_duty() == ("bob",)
    node.edit("list: [bob, alice]", "list: [bop, alice]")
    refused = await node.reloader.reload()
    assert [found.code for found in refused.diagnostics] == ["E268", "E268"]
    assert node.on_duty() == ("bob",)


async def test_a_time_without_anybody_keeps_no_daemon_from_starting(tmp_path: Path) -> None:
    """Only whoever checks the files by hand is told, because tonight somebody is on duty."""
    node = Node(tmp_path)
    node.edit("gaps: allow\n    layers", "gaps: forbid\n    layers")
    assert (await node.reloader.start()).ok
    checked = loader.load(tmp_path / "rules", tmp_path / "templates", now=NOW)
    assert "E272" in [found.code for found in checked.diagnostics]


async def test_the_last_good_set_holds_the_schedules(tmp_path: Path) -> None:
    """Also their calendars: a cold start with broken files knows who is on duty."""
    node = Node(tmp_path)
    await node.reloader.start()
    node.noc.write_text("version: 2\n", encoding="utf-8")
    node.reloader = node.start_anew()
    assert not (await node.reloader.start()).ok
    assert (node.on_duty(), node.on_duty("voip-imported")) == (("alice",), ("alice",))


async def test_what_is_published_brings_its_schedules(tmp_path: Path) -> None:
    """To a node whose own files have none."""
    node = Node(tmp_path)
    packed = packing.pack(snapshot(tmp_path / "rules", tmp_path / "templates").files)
    for path in node.noc.parent.iterdir():
        path.unlink()
    assert (await node.reloader.start()).ok
    assert node.reloader.current().roster is None
    publication = Publication(1, loader.load_packed(packed).sha, NOW, "a")
    assert (await node.reloader.reload(Published(publication, packed))).ok
    assert (node.on_duty(), node.on_duty("voip-imported")) == (("alice",), ("alice",))
