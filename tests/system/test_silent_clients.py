"""Clients who were silent for a day, whom WhatsApp lets us answer with an approved template alone."""

import asyncio
import json
import time
from collections.abc import Callable

import pytest
from standins.clients import SEED, Meta
from standins.graph import message_notification, status_notification, text_message
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
_TEMPLATE = """\
    read_receipts: on
    template: {name: answer_later, language: en, variables: ["{{client_name}}", "{{ticket_id}}"]}
mattermost:"""
_TOO_LATE = (
    "Note: the acknowledgement could not be delivered (131047: the client last wrote more than 24 hours ago, so "
    "WhatsApp takes only a template, and this connector has none in engine.yaml): answer by hand."
)


def _message(number: int, *, fresh: bool) -> dict[str, object]:
    at = int(time.time()) if fresh else 1770891330  # noqa: TID251 - the daemon under test has the machine's clock, too
    return message_notification(text_message(f"wamid.silent{number}", SEED, f"25471234567{number}", at), "Jackson")


def _plant(site: Site) -> None:
    site.planted |= {"25471234567", "Jackson", "issues with my 3CX", "wamid.silent"}


async def test_silent_clients_get_the_template(build: Callable[..., Site]) -> None:
    """Known before, told by WhatsApp at once, or reported later: each gets the template once, with name and ticket and
    without an operator or a note to the engineers, and who wrote within the day gets the text.
    """
    site = build()
    site.config.write_text(site.config.read_text("utf-8").replace("mattermost:", _TEMPLATE, 1), "utf-8")
    site.graph.order(
        templates={"answer_later/en": 2}, silent=["254712345672"], silent_later=["254712345673"], statuses=["delivered"]
    )
    _plant(site)
    site.start()
    async with Meta(site) as meta:
        for number in range(4):
            await meta.deliver(_message(number, fresh=number != 0))
    # The first message came months late; the last text was taken and then reported as failed.
    await asyncio.to_thread(wait_until, lambda: len(site.sent()) == 5 and site.is_idle(), "it is sent as a template")
    assert len(site.posts()) == 4
    assert json.loads(site.command("deliveries", "list", "--state", "dead", "--format", "json").stdout) == []

    said = {(sent["peer"][-1], sent["text"] is None) for sent in site.sent()}
    assert said == {("0", True), ("1", False), ("2", True), ("3", False), ("3", True)}
    templates = [sent["template"]["components"][0]["parameters"] for sent in site.sent() if sent["template"]]
    assert {parameters[0]["text"] for parameters in templates} == {"Jackson"}
    tickets = {
        incident["ticketId"] for incident in json.loads(site.command("incidents", "list", "--format", "json").stdout)
    }
    assert {parameters[1]["text"] for parameters in templates} <= tickets
    assert len({sent["key"] for sent in site.sent()}) == 4
    assert sorted(site.graph.recorded()["read"]) == [[f"wamid.silent{number}", True] for number in (1, 2, 3)]


async def test_engineers_learn_that_a_silent_client_needs_a_template(build: Callable[..., Site]) -> None:
    """Without a template the thread of the post says in one sentence why the client was not answered."""
    site = build()
    site.graph.order(silent=["254712345670"])
    _plant(site)
    site.start()
    async with Meta(site) as meta:
        await meta.deliver(_message(0, fresh=True))
    await asyncio.to_thread(wait_until, lambda: len(site.posts()) == 2 and site.is_idle(), "the note is there")
    assert site.posts()[1]["message"] == _TOO_LATE
    assert site.posts()[1]["root_id"] == site.posts()[0]["id"]
    assert site.sent() == []


async def test_a_reported_failure_settles_what_nobody_knew_the_end_of(build: Callable[..., Site]) -> None:
    """The answer to a send is cut off, and then its failure is reported twice, and that it was sent: the client is not
    written to again, and the thread says once, with Meta's reason, that somebody must answer.
    """
    site = build(in_doubt_wait="60s")
    site.graph.order(silent_later=["254712345670"])
    site.graph.fail("POST /v23.0/.*", "cut_after")
    _plant(site)
    site.start()
    async with Meta(site) as meta:
        await meta.deliver(_message(0, fresh=True))
        await asyncio.to_thread(wait_until, lambda: len(site.posts()) == 2 and site.is_idle(), "the note is there")
        (sent,) = site.sent()
        failed = status_notification(sent["id"], sent["key"], "failed", 131047)
        for notification in (failed, status_notification(sent["id"], sent["key"], "sent"), failed):
            await meta.deliver(notification)
    assert site.posts()[1]["message"] == _TOO_LATE
    listed = json.loads(site.command("deliveries", "list", "--format", "json").stdout)
    states = {delivery["state"] for delivery in listed if delivery["kind"] == "acknowledgement"}
    assert (states, len(site.sent()), len(site.posts())) == ({"dead"}, 1, 2)
