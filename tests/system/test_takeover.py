"""A person answers a client by hand: the daemon steps back, and everybody sees who has the request."""

import json
import time

import pytest
from standins.clients import Meta, Writer, plant
from standins.graph import echo_notification
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system


async def test_a_reply_by_hand_claims_the_incident(site: Site) -> None:
    """The incident is claimed once, the thread says so, nothing typed is taken for a client's words, and the time until
    a person answered is measured.
    """
    writer, other = Writer(0), Writer(4)
    plant(site, [writer, other])
    async with Meta(site) as meta:
        for one in (writer, other):
            await meta.deliver(one.notification(0))
        wait_until(lambda: site.is_idle() and len(site.posts()) == 2, "both requests are posted")
        for _ in range(2):
            typed = echo_notification("wamid.typed-1", f"+{writer.wa_id}", text={"body": "I am on it"})
            # In whole seconds, and an answer before the question is none.
            (told,) = typed["entry"][0]["changes"][0]["value"]["message_echoes"]
            told["timestamp"] = str(int(time.time()) + 1)  # noqa: TID251 - a person has a clock of her own
            await meta.deliver(typed)
        wait_until(lambda: site.is_idle() and len(site.posts()) == 3, "the thread says who answered")
        await meta.deliver(writer.notification(1))
    wait_until(lambda: site.is_idle() and len(site.posts()) == 4, "the client's next message is in the thread")

    root, _, told, again = site.posts()
    assert "Somebody answered the client on WhatsApp" in told["message"]
    assert told["root_id"] == again["root_id"] == root["id"]
    assert len(site.sent()) == 2
    incidents = json.loads(site.command("incidents", "list", "--format", "json").stdout)
    assert sorted(one["status"] for one in incidents) == ["claimed", "open"]
    assert site.metric("engine_first_answer_seconds_count") == 1
    found = site.command("audit", "search", "--kind", "answered")
    assert "by=whatsapp, claimed=yes" in found.stdout
    assert "on it" not in site.logged()
