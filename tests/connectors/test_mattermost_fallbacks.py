"""Posts through an incoming webhook: once, marked as such, calling whom the post calls and nobody else."""

from typing import Any

import pytest
from standins import mattermost as standin
from standins.claims import claim, copy, escalation
from standins.loopback import Loopback, serving

from engine.connectors.mattermost import FallbackWebhook
from engine.core.deliveries import Copy, Fault, Found, Outcome, Rejected, Sent, Unknown
from engine.core.errors import ConfigurationError
from engine.ports import Health

HOSTILE = "<!channel> <@u1> @channel @here\n</code> <!all>"
REFUSED = (
    "Mattermost refuses the fallback webhook: make a new incoming webhook, set mattermost_fallback_url and restart"
)


def webhook(loopback: Loopback, path: str = standin.HOOK, timeout_s: float = 2) -> FallbackWebhook:
    return FallbackWebhook("mattermost.fallback", url=f"{loopback.url}{path}", timeout_s=timeout_s)


async def sent(fallback: FallbackWebhook, copied: Copy | None = None) -> Outcome:
    await fallback.start()
    try:
        return await fallback.send(claim(copied or Copy(escalation())))
    finally:
        await fallback.close()


async def test_a_post_is_said_with_its_channel() -> None:
    """As the post would read, with where it belongs and what it is not; whom it calls is called."""
    server = standin.Mattermost()
    async with serving(server) as loopback:
        fallback = webhook(loopback)
        assert await sent(fallback) == Sent("")
        (post,) = server.posts.values()
        first, *_, last = post["message"].splitlines()
        assert first == "For ~dev-support-escalations"
        assert "#### HIGH · New WhatsApp Client Request" in post["message"]
        assert "Action: @oncall please check WhatsApp" in post["message"]
        assert last == "(sent by the fallback webhook; no thread, not edited)"
        assert {user for user, _ in server.notifications} == {"amina", "otieno"}
        assert fallback.health() == Health(ready=True)
        assert await fallback.reconcile(claim(Copy(escalation()))) is Found.UNDECIDED
        assert "authorization" not in loopback.headers


async def test_a_client_s_words_call_nobody() -> None:
    """The webhook would make mentions out of brackets, also inside of code."""
    server = standin.Mattermost()
    quiet = copy(team="sales").escalation
    words = Copy(escalation(HOSTILE, name="<!here>"))
    async with serving(server) as loopback:
        await sent(webhook(loopback), words)
        await sent(webhook(loopback), Copy(quiet))
        told, other = server.posts.values()
    assert "@channel>" not in told["message"]
    assert "<!" not in told["message"]
    assert {user for user, post in server.notifications if post == told["id"]} == {"amina", "otieno"}
    assert other["message"].startswith("For ~noc of team sales\n")


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param({"status": 404, "body": {"id": "x"}}, Rejected(Fault.MISCONFIGURED, "404", REFUSED), id="gone"),
        pytest.param(
            {"status": 503}, Rejected(Fault.TRANSIENT, "503", "the fallback webhook is in trouble"), id="trouble"
        ),
        pytest.param(
            {"do": "cut_after"},
            Unknown("the connection to the fallback webhook broke before its answer was read"),
            id="nobody knows",
        ),
    ],
)
async def test_a_webhook_that_does_not_take_it_is_told(fault: dict[str, Any], outcome: Outcome) -> None:
    """With what to do; its address is in no sentence. Once something is taken, all is well."""
    async with serving(standin.Mattermost()) as loopback:
        loopback.fail(f"POST {standin.HOOK}", **fault)
        fallback = webhook(loopback)
        assert await sent(fallback) == outcome
        assert isinstance(outcome, Rejected | Unknown)
        assert fallback.health() == Health(ready=False, problem=outcome.reason)
        assert await sent(fallback) == Sent("")
        assert fallback.health() == Health(ready=True)


async def test_other_words_are_not_its_business() -> None:
    """A reply has no thread there."""
    async with serving(standin.Mattermost()) as loopback:
        outcome = await webhook(loopback).send(claim(escalation()))
        assert outcome == Rejected(Fault.PERMANENT, "kind", "the fallback webhook carries posts alone")
        assert loopback.seen == []


@pytest.mark.parametrize(
    "url", ["chat.example.org/hooks/x", "https://chat.example.org", "https://[/hooks/x", "ftp://h/x"]
)
def test_an_address_that_can_be_none_is_not_repeated(url: str) -> None:
    """It is a secret."""
    with pytest.raises(ConfigurationError) as raised:
        FallbackWebhook("mattermost.fallback", url=url)
    assert str(raised.value) == (
        "mattermost_fallback_url is no address of an incoming webhook such as https://chat.example.org/hooks/…"
    )
