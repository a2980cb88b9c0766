"""Rules tried on what the running daemon has decided, through its control socket and from a file."""

import json
import re

import pytest
from standins.clients import SEED, Meta, Writer, plant
from standins.processes import Site, engine, wait_until

pytestmark = pytest.mark.system


async def test_a_change_is_tried_on_the_past_while_the_daemon_works(site: Site) -> None:
    """A backtest names what would change and nobody who wrote; statistics count; an export is read without a daemon."""
    writers = [Writer(0), Writer(4), Writer(1)]
    plant(site, writers)
    async with Meta(site) as meta:
        for writer in writers:
            await meta.deliver(writer.notification(0))
        await meta.deliver(writers[0].notification(1))
    wait_until(lambda: site.is_idle() and len(site.posts()) == 4, "every message is decided and posted")

    same = site.command("backtest", "--since", "1h")
    assert (same.returncode, same.stdout.partition(" (")[0]) == (0, "4 messages, none changes")
    telephony = site.folder / "rules" / "10-telephony.yaml"
    text = telephony.read_text("utf-8")
    telephony.write_text(re.sub("priority: high", "priority: urgent", text, count=1), "utf-8")

    changed = site.command("backtest", "--since", "1h")
    assert "4 messages, 3 change (what was decided" in changed.stdout
    assert "3 messages: voip-outbound decides as before\n    priority high → urgent\n" in changed.stdout
    asked = site.command("backtest", "--since", "1h", "--show-text")
    assert f'"{SEED} qzk' in asked.stdout
    stats = json.loads(site.command("rules", "stats", "--format", "json").stdout)
    assert stats["messages"] == 4
    assert {each["rule"]: each["decided"] for each in stats["rules"]}["voip-outbound"] == 3

    export = site.folder / "past.jsonl"
    assert site.command("backtest", "--export", str(export)).returncode == 0
    lines = [json.loads(line) for line in export.read_text("utf-8").splitlines()]
    assert [line["followUp"] for line in lines] == [True, False, False, False]
    site.kill()
    alone = engine("backtest", "--from", str(export), "--rules", str(site.folder / "rules"))
    assert (alone.returncode, alone.stdout.split(" (")[0]) == (0, "4 messages, 3 change")
    without = site.command("backtest")
    assert (without.returncode, "--from FILE.jsonl" in without.stderr) == (1, True)
    shown = "".join(done.stdout + done.stderr for done in (same, changed, alone, without))
    assert [writer.wa_id in shown or writer.name in shown for writer in writers] == 3 * [False]
