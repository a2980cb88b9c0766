"""Buttons below a post, pressed in the chat while the daemon runs, is killed and comes back."""

from collections.abc import Callable
from typing import Any

import pytest
from standins import pressed
from standins.clients import Meta, Writer, plant
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system


def _press(site: Site, post: str, action: str, **forged: Any) -> str:
    """What somebody reads who presses a button."""
    site.mattermost.order(click={"post": post, "user": "amina", "action": action, **forged})
    return str(site.mattermost.recorded()["clicks"][-1]["read"])


def _buttons(site: Site, post: str) -> list[str]:
    (found,) = [one for one in site.posts() if one["id"] == post]
    return list(pressed.actions(found))


async def test_a_click_counts_once_whatever_is_killed(build: Callable[..., Site]) -> None:
    """It is on disk before it is answered; what is pressed while nobody is there is an error for the one who pressed;
    the buttons that were made before a restart work after it.
    """
    site = build()
    text = site.config.read_text("utf-8")
    ours = f"team: support, buttons: on, actions_url: {site.url}}}"
    site.config.write_text(text.replace("team: support}", ours), "utf-8")
    site.start()
    writer = Writer(0)
    plant(site, [writer])
    async with Meta(site) as meta:
        await meta.deliver(writer.notification(0))
    wait_until(lambda: len(site.posts()) == 1 and site.is_idle(), "it is posted")
    (root,) = [post["id"] for post in site.posts()]
    assert _buttons(site, root) == ["claim", "resolve", "snooze"]
    assert _press(site, root, "claim", context={"action": "resolve"}).startswith("Nothing was done: ")
    site.kill()
    assert _press(site, root, "claim") == "Action integration error."
    site.start()
    ticket = _press(site, root, "claim").removeprefix("You have ").removesuffix(".")
    site.kill()
    site.start()
    wait_until(lambda: _buttons(site, root) == ["resolve", "release"] and site.is_idle(), "the post follows")
    assert _press(site, root, "resolve") == f"{ticket} is resolved."
    wait_until(lambda: _buttons(site, root) == ["reopen"] and site.is_idle(), "the post follows again")
    said = [post["message"].splitlines()[0] for post in site.posts() if post["root_id"] == root]
    assert said == [f"`amina` has taken {ticket}.", f"`amina` has resolved {ticket} after under a minute"]
    told = site.command("incidents", "show", ticket).stdout
    assert (told.count("claimed"), told.count("resolved")) >= (1, 1)
    assert [one["status"] for one in site.mattermost.recorded()["clicks"]] == [200, 0, 200, 200]
