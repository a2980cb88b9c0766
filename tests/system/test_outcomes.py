"""What a rule wants beyond its post, through the real process and over kill -9."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from standins.clients import Meta, Writer, plant
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
MAIN, COPY = "dev-support-escalations", "support-triage"


def mentioning_and_copied(build: Callable[..., Site]) -> Site:
    """An installation whose rule for outbound calls sends two copies, one of them to a channel that the bot is not in,
    and calls somebody by name.
    """
    site = build(in_doubt_wait="2s")
    telephony = site.folder / "rules" / "10-telephony.yaml"
    text = telephony.read_text("utf-8")
    ours = f'    channel: {MAIN}\n    also: [{COPY}, support-accounts]\n    mention: "@amina"\n'
    assert f"    channel: {MAIN}\n" in text
    telephony.write_text(text.replace(f"    channel: {MAIN}\n", ours, 1), "utf-8")
    site.mattermost.order(channel={"name": "support-accounts", "member": False})
    site.start()
    return site


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_copy_and_a_mention_arrive_once_over_a_kill(build: Callable[..., Site], when: str) -> None:
    """The daemon dies while Mattermost holds the post or its copy: each channel gets one, and one person is called
    once. A copy that can go nowhere holds up neither the thread nor the other copy.
    """
    site = mentioning_and_copied(build)
    site.mattermost.order(kill={"on": "POST /api/v4/posts", "when": when, "pid": site.pid})
    writer = Writer(0)
    plant(site, [writer])
    async with Meta(site) as meta:
        await meta.deliver(writer.notification(0))
        assert await asyncio.to_thread(site.wait) == -9
        await asyncio.sleep(2.5)
        await asyncio.to_thread(site.start)
        await meta.deliver(writer.notification(1))
    await asyncio.to_thread(wait_until, lambda: len(site.posts()) >= 3, "post, copy and reply are there")
    posts = site.posts()
    assert Counter((post["channel_id"], bool(post["root_id"])) for post in posts) == {
        (site.channel_id(MAIN), False): 1,
        (site.channel_id(MAIN), True): 1,
        (site.channel_id(COPY), False): 1,
    }
    (root,) = [post["id"] for post in posts if post["channel_id"] == site.channel_id(MAIN) and not post["root_id"]]
    assert site.mattermost.recorded()["notifications"] == [["amina", root]]
    (copy,) = [post["message"] for post in posts if post["channel_id"] == site.channel_id(COPY)]
    assert "Copy of OC-" in copy
