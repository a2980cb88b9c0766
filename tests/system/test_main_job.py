"""One message through the real process: from Meta's signed webhook to the client and to the engineers."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
import pytest
from standins import graph
from standins.clients import ACKNOWLEDGEMENT, SEED, Meta
from standins.graph import envelope, message_notification, signature, status_notification, text_message
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
# A client has a clock of her own.
NOW = int(datetime.now(UTC).timestamp())  # noqa: TID251 - see above
SEEDED = message_notification(text_message("wamid.HBgMjackson0001", SEED, "254712345678", NOW))
AT = str(NOW)
NO_OBJECT = b'{"entry": []}'
NO_ENTRY = b'{"object": "whatsapp_business_account"}'
POST = f"""\
#### New WhatsApp Client Request
Client: `Jackson` (`+254712345678`)
Issue Summary: 3CX outbound calls failing
Original Message:
```text
{SEED}
```
Action: @oncall please check WhatsApp and respond to the client now.

**{{ticket}}** · high · `whatsapp` `client-support` `3cx`
Status: open · :eyes: take it, :white_check_mark: resolve it"""


@pytest.fixture
def site(build: Callable[..., Site]) -> Site:
    """A running installation, which starts as `engine run` does and is measured."""
    made = build(measured=True)
    made.start()
    return made


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
    listed = json.loads(site.command("deliveries", "list", "--format", "json").stdout)
    assert {delivery["kind"]: delivery["id"] for delivery in listed} == {
        "acknowledgement": sent["key"],
        "escalation": post["props"]["oc"]["delivery"],
    }
    # A run that takes its time sends an older message.
    assert re.sub(r" · since \d+ min", "", post["message"]) == POST.format(ticket=ticket)
    assert post["channel_id"] == site.channel_id("dev-support-escalations")
    assert post["metadata"] == {"priority": {"priority": "important"}}
    assert post["props"]["oc"]["ticket"] == ticket
    (asked,) = [body for what, body in site.mattermost.recorded()["asked"] if what == "POST /api/v4/posts"]
    assert asked["pending_post_id"].endswith(f":{post['props']['oc']['delivery']}")
    assert site.metric("engine_events_accepted_total") == 1
    assert site.metric("engine_events_duplicate_total") == 10
    assert site.metric("engine_decisions_total") == 1
    assert site.metric("engine_deliveries_total") == 2


async def test_meta_verifies_the_address(site: Site) -> None:
    """Meta's verification gets its challenge back; a wrong token gets 403."""
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    right = site.get(f"/webhooks/cloud?{urlencode({**query, 'hub.verify_token': graph.VERIFY_TOKEN})}")
    wrong = site.get(f"/webhooks/cloud?{urlencode({**query, 'hub.verify_token': 'guess'})}")
    assert (right.status_code, right.text) == (200, "1158201444")
    assert wrong.status_code == 403


async def test_what_is_no_notification_of_ours_is_refused_and_leaves_nothing(site: Site) -> None:
    """A bad signature is 401, too large a body 413, a malformed one 400 with the field; none leaves a row."""
    body = json.dumps(SEEDED).encode()
    site.planted |= {"254712345678", "Jackson", "issues with my 3CX"}
    url = f"{site.url}/webhooks/cloud"
    async with httpx.AsyncClient(trust_env=False) as http:
        for wrong in ([], [b"sha256=" + 64 * b"0"], ["sha256=é".encode()]):
            answer = await http.post(url, content=body, headers=[(b"x-hub-signature-256", value) for value in wrong])
            assert answer.status_code == 401
        large = await http.post(url, content=b"x" * 4 * 1024 * 1024)
        assert large.status_code == 413
        for broken, field in (
            (b'{"object": ', None),
            (b'{"object": "page", "entry": []}', "object"),
            (NO_ENTRY, "entry"),
        ):
            answer = await http.post(url, content=broken, headers={"x-hub-signature-256": signature(broken)})
            assert (answer.status_code, answer.json().get("field")) == (400, field)
    assert site.metric("engine_events_refused_total") == 7
    assert site.metric("engine_events_accepted_total") == 0
    assert json.loads(site.command("incidents", "list", "--format", "json").stdout) == []
    assert site.sent() == site.posts() == []


async def test_a_status_of_an_acknowledgement_is_taken_and_changes_nothing(site: Site) -> None:
    """Graph's notification about our own message is answered 200 and sends nothing."""
    async with Meta(site) as meta:
        await meta.deliver(status_notification("wamid.unknown", "0" * 32, "read"))
        await meta.deliver(SEEDED)
    wait_until(
        lambda: site.graph.recorded()["notified"].count(200) == 2, "both statuses of the acknowledgement came in"
    )
    wait_until(lambda: len(site.posts()) == 1, "the post is there")
    assert len(site.sent()) == 1
    assert site.readiness() == {"ready": True, "failing": []}


# The text as written, and how a post must show it; None: only that there is one.
ODD: tuple[tuple[str, dict[str, object], str | None], ...] = (
    ("no text", {"type": "image", "image": {"mime_type": "image/jpeg", "id": "1"}}, None),
    ("empty text", {"type": "text", "text": {"body": ""}}, None),
    ("100 kB", {"type": "text", "text": {"body": "internet is down " * 6000}}, "internet is down internet is down"),
    ("NUL", {"type": "text", "text": {"body": "no dial\x00 tone"}}, "no dial tone"),
    ("RTL marks", {"type": "text", "text": {"body": "\u202eenot lai\u2069d on\u200f"}}, "enot laid on"),
    ("emoji", {"type": "text", "text": {"body": "😡😡☎️"}}, "😡😡☎️"),
    ("half an emoji", {"type": "text", "text": {"body": "phone \ud83d dead"}}, "phone \ufffd dead"),
    ("unknown type", {"type": "hologram", "hologram": {"depth": 3}}, None),
    ("shapeless", {"type": "text", "text": ["no", "dictionary"]}, None),
    ("mention", {"type": "text", "text": {"body": "@channel ``` @all [x](http://x) outage"}}, "[x](http://x)"),
)


async def test_odd_messages_are_escalated_and_acknowledged(site: Site) -> None:
    """Whatever stands in a message, a person is told of it, the client is answered, and nobody else is called."""
    async with Meta(site) as meta:
        for number, (_, content, _shown) in enumerate(ODD):
            message = {
                "from": f"25473300{number:04d}",
                "id": f"wamid.odd{number}",
                "timestamp": AT,
                **content,
            }
            await meta.deliver(message_notification(message, f"Odhiambo{number}"))
    site.planted |= {"25473300", "Odhiambo", "dial tone", "😡"}
    wait_until(lambda: len(site.sent()) >= len(ODD) and len(site.posts()) >= len(ODD), "all came out")

    sent = {message["peer"]: message["text"] for message in site.sent()}
    posts = {match[0]: post for post in site.posts() if (match := re.search(r"25473300\d{4}", post["message"]))}
    assert len(site.posts()) == len(posts) == len(site.sent()) == len(sent) == len(ODD)
    for number, (name, _, shown) in enumerate(ODD):
        peer = f"25473300{number:04d}"
        assert f"Hello Odhiambo{number}, " in sent[peer], name
        assert shown is None or shown in posts[peer]["message"], name
        assert len(posts[peer]["message"]) < 16_384, name
    # Each post calls the two engineers on call once, and no post of a client's making calls more.
    assert len(site.mattermost.recorded()["notifications"]) == 2 * len(ODD)
    assert site.metric("engine_evaluation_failures_total") == 0


HIDDEN = {"from_user_id": "KE.13491208655302741918", "id": "wamid.hidden1", "timestamp": AT}


async def test_clients_without_name_or_number_are_answered_where_there_is_a_way_back(site: Site) -> None:
    """A client without a name is greeted without one, a hidden number is answered by its user id, and where there is
    no sender at all the post says that nobody was answered."""
    nameless = message_notification(text_message("wamid.nameless1", SEED, "254733000099", NOW), None)
    card = {"user_id": HIDDEN["from_user_id"], "profile": {"name": "Achieng"}}
    message = {**HIDDEN, "type": "text", "text": {"body": SEED}}
    hidden = envelope({"contacts": [card], "messages": [message]})
    unknown = envelope({"messages": [{"id": "wamid.nobody1", "type": "text", "text": {"body": SEED}}]})
    async with Meta(site) as meta:
        for notification in (nameless, hidden, unknown):
            await meta.deliver(notification)
    site.planted |= {"254733000099", "KE.1349120", "Achieng"}
    wait_until(lambda: len(site.sent()) == 2 and len(site.posts()) == 3, "all came out")

    texts = {sent["peer"]: sent["text"] for sent in site.sent()}
    assert texts == {
        "254733000099": ACKNOWLEDGEMENT.format(name="").replace("Hello ,", "Hello,"),
        "KE.13491208655302741918": ACKNOWLEDGEMENT.format(name="Achieng"),
    }
    (asked,) = [body for _, body in site.graph.recorded()["asked"] if "recipient" in body]
    assert "to" not in asked
    said = [post["message"] for post in site.posts()]
    assert sum("Client: `+254733000099`\n" in message for message in said) == 1
    assert sum("Client: `Achieng` (number hidden)\n" in message for message in said) == 1
    assert (
        sum("Note: no acknowledgement could be sent on this way in: answer by hand." in message for message in said)
        == 1
    )
