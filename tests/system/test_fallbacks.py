"""A post that Mattermost does not take in time: said by the fallback webhook, once, whatever is killed, then posted."""

from collections.abc import Callable
from typing import Any

import pytest
from standins import mattermost
from standins.clients import Meta, Writer, plant
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system


def fallen_back(site: Site) -> list[dict[str, Any]]:
    """What the webhook posted."""
    return [post for post in site.posts() if "fallback webhook" in post["message"]]


async def test_a_post_that_is_not_taken_goes_by_the_webhook_once(build: Callable[..., Site]) -> None:
    """It is due in the journal, so a kill neither loses nor doubles it; the post itself says later how late it is; one
    that is taken in time leaves nothing behind.
    """
    site = build()
    text = site.config.read_text("utf-8")
    site.config.write_text(text.replace("team: support}", "team: support, fallback: on, fallback_after: 2s}"), "utf-8")
    site.environ["ENGINE_MATTERMOST_FALLBACK_URL"] = f"{site.mattermost.url}{mattermost.HOOK}"
    site.planted.add(mattermost.HOOK)
    site.start()
    writers = [Writer(0), Writer(4)]
    plant(site, writers)
    site.mattermost.fail("POST /api/v4/posts", "answer", status=503, body="unavailable", times=-1)
    async with Meta(site) as meta:
        await meta.deliver(writers[0].notification(0))
        site.kill()
        site.start()
        wait_until(lambda: bool(fallen_back(site)), "the webhook posts it")
        site.kill()
        site.mattermost.mend()
        site.start()
        wait_until(lambda: len(site.posts()) == 2 and site.is_idle(), "it is posted")
        await meta.deliver(writers[1].notification(0))
    wait_until(lambda: len(site.posts()) == 3 and site.is_idle(), "another one is posted")
    (fallen,) = fallen_back(site)
    first, second = [post for post in site.posts() if post is not fallen and post["id"] != fallen["id"]]
    assert fallen["message"].startswith("For ~dev-support-escalations of team support\n")
    assert "Status:" not in fallen["message"]
    assert "Delayed by 1 min." in first["message"].splitlines()
    assert "Delayed" not in second["message"]
    assert "dead" not in site.status()["deliveries"].get("mattermost.fallback", {})
