"""What clients send besides words, through the real process and over kill -9."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from standins.clients import Meta, Writer, plant
from standins.graph import media_message, message_notification
from standins.processes import Site, wait_until
from standins.reserve import attach

pytestmark = pytest.mark.system
_VOICE = b"OggS\x00\x02" + bytes(range(256)) * 400
_NAME = "Wanjiru plan of the network.pdf"


def _voice_note(writer: Writer, number: int, media_id: str) -> dict[str, Any]:
    part = {"id": media_id, "mime_type": "audio/ogg; codecs=opus", "sha256": "x", "voice": True}
    return message_notification(media_message(f"wamid.V{number}", "audio", part, writer.wa_id), writer.name)


def _document(writer: Writer, number: int, media_id: str) -> dict[str, Any]:
    part = {"id": media_id, "mime_type": "application/pdf", "filename": _NAME, "caption": "have a look"}
    return message_notification(media_message(f"wamid.D{number}", "document", part, writer.wa_id), writer.name)


def _fetching(build: Callable[..., Site], media: str) -> Site:
    site = build(in_doubt_wait="2s")
    site.write_config("2s", f"media: {media}\n")
    site.graph.order(file={"id": "4711", "content": base64.b64encode(_VOICE).decode(), "type": "audio/ogg"})
    site.planted |= {"4711", _NAME}
    site.start()
    return site


def _attached(site: Site) -> list[dict[str, Any]]:
    return [post for post in site.posts() if post.get("file_ids")]


@pytest.mark.parametrize(
    ("on", "when"),
    [
        pytest.param(None, "", id="undisturbed"),
        pytest.param("POST /api/v4/files", "before", id="killed before the upload"),
        pytest.param("POST /api/v4/files", "after", id="killed between upload and post"),
        pytest.param("POST /api/v4/posts", "after", id="killed while the first post was made"),
    ],
)
async def test_a_voice_note_arrives_in_the_thread_once(build: Callable[..., Site], on: str | None, when: str) -> None:
    """As the client sent it, below the post of its incident, and nowhere else, whenever the daemon died."""
    site = _fetching(build, "{fetch: on}")
    writer = Writer(0)
    plant(site, [writer])
    if on is not None:
        site.mattermost.order(kill={"on": on, "when": when, "pid": site.pid})
    async with Meta(site) as meta:
        await meta.deliver(_voice_note(writer, 1, "4711"))
        if on is not None:
            assert await asyncio.to_thread(site.wait) == -9
            await asyncio.sleep(2.5)
            await asyncio.to_thread(site.start)
        await meta.deliver(_voice_note(writer, 1, "4711"))
        await asyncio.to_thread(wait_until, lambda: bool(_attached(site)), "the voice note is there")
        await asyncio.to_thread(wait_until, site.is_idle, "nothing waits")
    root, reply = site.posts()
    assert (root["root_id"], reply["root_id"]) == ("", root["id"])
    assert reply["message"] == "From the client: voice note"
    shown = [file for file in site.mattermost.recorded()["files"] if file["post_id"]]
    (file,) = shown
    assert [file["id"]] == reply["file_ids"]
    assert (file["name"], file["sha256"]) == ("voice.ogg", hashlib.sha256(_VOICE).hexdigest())
    assert len(site.sent()) == 1


async def test_a_voice_note_through_twilio_arrives_in_the_thread(build: Callable[..., Site]) -> None:
    """From the host that Twilio leads to, which is shown no credentials; a file that is gone is told about."""
    site = build(in_doubt_wait="2s")
    site.write_config("2s", "media: {fetch: on}\n")
    attach(site)
    site.graph.order(files_at=site.graph.url)
    writer = Writer(0)
    plant(site, [writer])
    client = {"text": "", "sender": f"whatsapp:+{writer.wa_id}", "name": writer.name, "media_type": "audio/ogg"}
    site.start()
    site.graph.order(arrive={**client, "sid": "MM1", "file": base64.b64encode(_VOICE).decode()})
    await asyncio.to_thread(wait_until, lambda: bool(_attached(site)), "the voice note is there")
    site.graph.fail("GET /2010-04-01/.*/MM2/.*", "answer", status=404)
    site.graph.order(arrive={**client, "sid": "MM2", "file": base64.b64encode(_VOICE).decode()})
    await asyncio.to_thread(wait_until, lambda: "no longer has it" in site.posts()[-1]["message"], "the other is told")
    await asyncio.to_thread(wait_until, site.is_idle, "nothing waits")
    (shown,) = [file for file in site.mattermost.recorded()["files"] if file["post_id"]]
    assert (shown["name"], shown["sha256"]) == ("voice.ogg", hashlib.sha256(_VOICE).hexdigest())
    assert all("dead" not in states for states in site.status()["deliveries"].values())


async def test_a_file_that_cannot_be_had_is_told_about_in_the_thread(build: Callable[..., Site]) -> None:
    """Too large or gone: one reply each, and nothing is dead; while it is off nothing is said at all."""
    site = _fetching(build, "{fetch: on, max_bytes: 1 KiB}")
    writer = Writer(0)
    plant(site, [writer])
    async with Meta(site) as meta:
        await meta.deliver(_voice_note(writer, 1, "4711"))
        await meta.deliver(_document(writer, 2, "4712"))
        await asyncio.to_thread(wait_until, lambda: len(site.posts()) == 4, "post and replies are there")
        await asyncio.to_thread(wait_until, site.is_idle, "nothing waits")
        site.stop()
        site.write_config("2s")
        await asyncio.to_thread(site.start)
        await meta.deliver(_voice_note(writer, 3, "4711"))
        await asyncio.to_thread(wait_until, lambda: len(site.posts()) == 5, "the further reply is there")
        await asyncio.to_thread(wait_until, site.is_idle, "nothing waits")
    said = [post["message"] for post in site.posts()]
    assert [text for text in said if "not attached" in text] == [
        "The client's voice note is not attached: it is larger than 1 kB. Look at it on the phone.",
        "The client's document is not attached: the network no longer has it. Look at it on the phone.",
    ]
    assert len({post["root_id"] for post in site.posts()} - {""}) == 1
    assert site.mattermost.recorded()["files"] == []
    assert all("dead" not in states for states in site.status()["deliveries"].values())
    listed = site.command("deliveries", "list").stdout
    assert listed.count(" media ") == 2
