"""What operators do to the running daemon: stop it, pause it, ask it."""

import asyncio
import json
import re
import time
from collections.abc import Callable

import pytest
from standins.clients import ACKNOWLEDGEMENT, SEED, Meta, Writer, plant, settled, tally
from standins.graph import graph_error
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
PAUSED_NOTE = "Note: acknowledgement is paused: answer by hand."


async def test_sigterm_under_load_ends_with_zero_and_loses_nothing(build: Callable[..., Site]) -> None:
    """The daemon finishes what is in flight, exits 0 within its deadline, and the rest comes out after the restart."""
    site = build()
    site.start()
    writers = [Writer(number) for number in range(60)]
    async with Meta(site) as meta:
        load = asyncio.create_task(meta.converse(writers, 4, 60))
        await asyncio.sleep(1.5)
        began = time.monotonic()
        code = await asyncio.to_thread(site.stop)
        took = time.monotonic() - began
        assert not load.done()
        await asyncio.to_thread(site.start)
        await load
    counted = await asyncio.to_thread(settled, site, writers, 4)
    assert code == 0
    assert took < 16
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (60, 240)
    messages = [record["message"] for record in site.records()]
    assert messages.count("stopped") == 1


async def test_the_kill_switch_holds_acknowledgements_and_survives_a_crash(site: Site) -> None:
    """While paused nobody is acknowledged and each post says so, after a kill -9 too, until it is resumed."""
    writers = [Writer(0), Writer(1), Writer(2)]
    plant(site, writers)
    async with Meta(site) as meta:
        paused = await asyncio.to_thread(site.command, "pause")
        await meta.deliver(writers[0].notification(0))
        await asyncio.to_thread(wait_until, lambda: len(site.posts()) == 1, "the first post is there")
        await asyncio.to_thread(site.kill)
        await asyncio.to_thread(site.start)
        assert site.metric("engine_paused") == 1
        await meta.deliver(writers[1].notification(0))
        await asyncio.to_thread(wait_until, lambda: len(site.posts()) == 2, "the second post is there")
        assert all(PAUSED_NOTE in post["message"].splitlines() for post in site.posts())
        assert site.sent() == []
        resumed = await asyncio.to_thread(site.command, "resume")
        await meta.deliver(writers[2].notification(0))
    await asyncio.to_thread(wait_until, lambda: len(site.posts()) == 3 and site.is_idle(), "the third post is there")

    assert (paused.returncode, resumed.returncode) == (0, 0)
    assert PAUSED_NOTE not in site.posts()[2]["message"]
    # Those who wrote meanwhile are answered by hand, as their posts asked.
    assert [sent["peer"] for sent in site.sent()] == [writers[2].wa_id]
    assert tally(site, writers, 1, acknowledged=False).gaps == ()


async def test_a_dropped_delivery_lets_what_waits_behind_it_go(site: Site) -> None:
    """An acknowledgement that the network refuses for good is given up by the operator, who says why."""
    writer = Writer(3)
    plant(site, [writer])
    site.graph.fail("POST /v23.0/.*", "answer", **graph_error(131026))
    async with Meta(site) as meta:
        await meta.deliver(writer.notification(0))
    wait_until(lambda: bool(site.status()["deliveries"].get("cloud", {}).get("dead")), "it is dead")
    listed = json.loads(site.command("deliveries", "list", "--state", "dead", "--format", "json").stdout)
    dropped = site.command("deliveries", "drop", listed[0]["id"], "--reason", "called the client")
    shown = site.command("incidents", "show", listed[0]["ticketId"])
    assert (dropped.returncode, dropped.stderr) == (0, "")
    assert "was dead and is dropped" in dropped.stdout
    assert "reason=called the client" in " ".join(shown.stdout.split())


async def test_the_commands_tell_what_there_is_and_mask_who_it_is(site: Site) -> None:
    """Lists show tickets and states without number, name or text; `show` tells all of one incident; a dead delivery is
    sent when it is redriven."""
    writer = Writer(8)
    plant(site, [writer])
    # "Cannot deliver to this client": never taken, so the delivery is dead at once.
    site.graph.fail("POST /v23.0/.*", "answer", **graph_error(131026))
    async with Meta(site) as meta:
        await meta.deliver(writer.notification(0))
    dead_note = "could not be delivered"
    wait_until(lambda: any(dead_note in post["message"] for post in site.posts()) and site.is_idle(), "engineers know")

    listed = json.loads(site.command("incidents", "list", "--format", "json").stdout)
    (ticket,) = [incident["ticketId"] for incident in listed]
    assert re.fullmatch(r"OC-20\d\d-0001", ticket)
    human = site.command("incidents", "list").stdout
    assert [word in human for word in (ticket, "open", "high", "3CX outbound calls failing", "W…", "+254…56")] == 6 * [
        True
    ]
    assert [word in human for word in (writer.wa_id, writer.name, "qzk", SEED)] == 4 * [False]
    shown = site.command("incidents", "show", ticket).stdout
    assert [word in shown for word in (writer.wa_id, writer.name, SEED, "voip-outbound", "acknowledgement")] == 5 * [
        True
    ]

    dead = json.loads(site.command("deliveries", "list", "--state", "dead", "--format", "json").stdout)
    (delivery,) = [each["id"] for each in dead]
    human = site.command("deliveries", "list").stdout
    assert [word in human for word in (ticket, "dead", "sent", "escalation", "131026")] == 5 * [True]
    assert [word in human for word in (writer.wa_id, writer.name, "qzk", SEED)] == 4 * [False]
    again = site.command("deliveries", "redrive", delivery)
    wait_until(lambda: len(site.sent()) == 1, "the client is acknowledged")
    assert again.stdout == f"{delivery} was dead and is queued again.\n"
    assert site.sent()[0]["text"] == ACKNOWLEDGEMENT.format(name=writer.name)
    twice = site.command("deliveries", "redrive", delivery)
    assert (twice.returncode, "only dead and held ones can be redriven" in twice.stderr) == (2, True)

    wait_until(site.is_idle, "nothing is under way")
    status = site.command("status").stdout
    assert [word in status for word in ("acknowledge", "on", "ready", "cloud", "mattermost")] == 5 * [True]
    assert json.loads(site.command("status", "--format", "json").stdout)["failing"] == []
    missing = site.command("incidents", "show", "OC-2026-9999")
    assert (missing.returncode, missing.stderr) == (
        1,
        'engine: no incident "OC-2026-9999": `engine incidents list` shows the tickets\n',
    )


def test_commands_say_when_no_daemon_runs(site: Site) -> None:
    """A command without a daemon fails with a sentence that says where it looked."""
    site.kill()
    answer = site.command("status")
    assert answer.returncode != 0
    assert f"the daemon does not answer at {site.state}/control.sock" in answer.stderr
    assert "Traceback" not in answer.stderr
