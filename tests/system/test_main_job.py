"""One message through the real process: from Meta's signed webhook to the client and to the engineers."""

import re
from datetime import UTC, datetime

import httpx
import pytest
from standins import graph
from standins.clients import ACKNOWLEDGEMENT, SEED, Meta
from standins.graph import envelope, message_notification, signature, status_notification, text_message
from standins.processes import Site, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
SEEDED = message_notification(text_message("wamid.HBgMjackson0001", SEED, "254712345678"))
POST = f"""\
#### New WhatsApp Client Request
Client: `Jackson` (`+254712345678`)
Issue Summary: 3CX outbound calls failing
Original Message:
```text
{SEED}
```
Action: @oncall please check WhatsApp and respond to the client now.

**{{ticket}}** · high · `whatsapp` `client-support` `3cx`"""


async def test_a_signed_webhook_yields_one_acknowledgement_and_one_post(site: Site) -> None:
    """The seed message comes out once at each network with exactly the agreed texts, however often it comes in."""
    site.planted |= {"254712345678", "Jackson", "issues with my 3CX", "jackson0001"}
    async with Meta(site) as meta:
        answer = await meta.post(SEEDED)
        assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "duplicates": 0})
        for _ in range(10):
            answer = await meta.post(SEEDED)
            assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicates": 1})
    wait_until(lambda: bool(site.sent() and site.posts()), "both networks have something")
    wait_until(lambda: not site.metric("engine_backlog_unrouted"), "everything is decided")

    (sent,), (post,) = site.sent(), site.posts()
    ticket = f"OC-{datetime.now(UTC).year}-0001"  # noqa: TID251 - the daemon under test has the machine's clock, too
    assert (sent["peer"], sent["text"]) == ("254712345678", ACKNOWLEDGEMENT.format(name="Jackson"))
    assert re.fullmatch("[0-9a-f]{32}", sent["key"])
    assert post["message"] == POST.format(ticket=ticket)
    assert post["channel_id"] == site.mattermost.channel("dev-support-escalations")
    assert post["metadata"] == {"priority": {"priority": "important"}}
    assert post["props"]["oc"]["ticket"] == ticket
    # The server keeps the key of a post for itself; the daemon's word for it is in the props, too.
    assert site.mattermost.header_of("POST /api/v4/posts", "pending_post_id").endswith(post["props"]["oc"]["delivery"])
    assert site.metric("engine_events_accepted_total") == 1
    assert site.metric("engine_events_duplicate_total") == 10
    assert site.metric("engine_decisions_total") == 1
    assert site.metric("engine_deliveries_total") == 2
