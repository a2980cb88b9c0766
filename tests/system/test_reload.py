"""SIGHUP while clients write: broken files change nothing but the log and the metric, good ones the next message."""

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.clients import Meta, Writer, plant, settled
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
OLD, NEW = "calls failing{% if code", "calls broken{% if code"
MESSAGES = 4


def rewrite(path: Path, old: str, new: str) -> None:
    """Change a file the way editors do: the whole new one takes the old one's place."""
    text = path.read_text("utf-8")
    assert old in text
    fresh = path.with_suffix(".new")
    fresh.write_text(text.replace(old, new), "utf-8")
    fresh.replace(path)


async def test_reloads_under_load_lose_and_double_nothing(build: Callable[..., Site]) -> None:
    """At a hundred messages a second a broken file is refused, a good one taken, and every message comes out once."""
    site = build()
    site.start()
    telephony = site.folder / "rules" / "10-telephony.yaml"
    writers = [Writer(number) for number in range(100)]
    before = site.log.stat().st_size
    async with Meta(site) as meta:
        load = asyncio.create_task(meta.converse(writers, MESSAGES, 100))
        await asyncio.sleep(0.5)
        rewrite(telephony, "priority: high", "priority: hihg")
        site.signal(signal.SIGHUP)
        await asyncio.to_thread(wait_until, lambda: site.metric("engine_rules_reload_ok") == 0, "it was refused")
        refused = site.status()["rulesProblem"], site.readiness()
        rewrite(telephony, "priority: hihg", "priority: high")
        rewrite(telephony, OLD, NEW)
        site.signal(signal.SIGHUP)
        await asyncio.to_thread(wait_until, lambda: site.metric("engine_rules_reload_ok") == 1, "it was taken")
        under_load = not load.done()
        last = Writer(100)
        plant(site, [last])
        await meta.deliver(last.notification(0))
        await load
        for message in range(1, MESSAGES):
            await meta.deliver(last.notification(message))
    counted = await asyncio.to_thread(settled, site, [*writers, last], MESSAGES)

    assert counted.faults == ()
    assert under_load
    # Messages are routed all the same, so a load balancer need not know.
    assert refused == (
        "the rule files are broken; the last good set is in force",
        {"ready": True, "failing": []},
    )
    assert site.status()["rulesProblem"] == ""
    # By ticket, which is the order of the decisions; posts of several conversations are sent side by side.
    posts = sorted(site.posts(), key=lambda post: str(post["props"]["oc"]["ticket"]))
    summaries = [found[0] for post in posts if (found := re.search(r"3CX outbound calls \w+", post["message"]))]
    assert summaries[0] == "3CX outbound calls failing"
    # Taken in the order of the reload: no message of a conversation that opened later has the old words.
    assert sorted(summaries, reverse=True) == summaries
    assert summaries[-1] == "3CX outbound calls broken"
    with site.log.open(encoding="utf-8") as log:
        log.seek(before)
        said = log.read()
    assert "10-telephony.yaml:" in said
    assert "hihg" in said


def test_an_operator_learns_what_is_wrong_with_the_rules(site: Site) -> None:
    """`engine reload` exits 1 with every finding while the files are broken and 0 when they are good again."""
    telephony = site.folder / "rules" / "10-telephony.yaml"
    good = site.command("reload")
    rewrite(telephony, "channel: dev-support-escalations", "channel: dev-suport-escalations")
    broken = site.command("reload")
    rewrite(telephony, "channel: dev-suport-escalations", "channel: dev-support-escalations")
    mended = site.command("reload")

    assert (good.returncode, good.stderr) == (0, "")
    assert re.fullmatch(r"Reloaded: [0-9a-f]+ is in force\.\n", good.stdout)
    assert broken.returncode == 1
    assert 'did you mean "dev-support-escalations"?' in broken.stderr
    assert "the rules are broken; the last good set" in broken.stderr
    assert (mended.returncode, mended.stdout) == (0, good.stdout)
