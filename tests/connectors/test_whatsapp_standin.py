"""The stand-in for WhatsApp Web, proven by the unmodified neonize that talks to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standins.whatsapp import Person, Service, Shown, failure, messages, running
from standins.whatsapp.binary import Node
from standins.whatsapp.driven import Neonize, neonize

pytestmark = pytest.mark.system

_PHONE = "628123456789"
_LID = "55500055500"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """WhatsApp Web on ports of its own, with a paired store beside."""
    async with running(tmp_path) as service:
        service.paired(tmp_path / "wa.db")
        yield service


@pytest.fixture
def ana(service: Service) -> Person:
    """A client whose number is known."""
    return service.person(_PHONE, _LID)


@pytest.fixture
async def client(service: Service, tmp_path: Path) -> AsyncIterator[Neonize]:
    """A connected neonize."""
    async with neonize(service, tmp_path / "wa.db") as client:
        await service.online()
        await client.event("Connected")
        yield client


async def test_a_message_arrives_and_its_answer_can_be_read(service: Service, ana: Person, client: Neonize) -> None:
    """The first message begins a session, the answer ends its introduction, and the third is a short one."""
    first = await ana.write("the line is down")
    message = await client.event("Message", id=first)
    assert (message["text"], message["name"]) == ("the line is down", "Ana")
    assert (message["chat"], message["alt"]) == (ana.jid, ana.lid_jid)
    await service.receipted(first)

    sent = await client.do("send", to=_PHONE, text="we look into it")
    reply = await ana.reply()
    assert (reply.text, reply.message_id) == ("we look into it", sent["id"])

    second = await ana.write("thank you")
    assert (await client.event("Message", id=second))["text"] == "thank you"
    assert [one.kind for one in ana.carried] == ["pkmsg", "msg"]


async def test_we_write_first(service: Service, ana: Person, client: Neonize) -> None:
    """Somebody who never wrote can read what is written to her, and answers in that session."""
    await client.do("send", to=_PHONE, text="are you there?")
    assert (await ana.reply()).text == "are you there?"
    written = await ana.write("yes")
    assert (await client.event("Message", id=written))["text"] == "yes"
    assert ana.unread == []


async def test_answers_in_any_order_can_be_read(service: Service, ana: Person, client: Neonize) -> None:
    """Several conversations and several messages in each keep their keys apart."""
    ben = service.person("628222222222", "55511111111", "Ben")
    for number in range(3):
        for person in (ana, ben):
            written = await person.write(f"{person.name} {number}")
            await client.event("Message", id=written, text=f"{person.name} {number}")
            await client.do("send", to=person.jid, text=f"to {person.name} {number}")
            await client.do("send", to=person.jid, text=f"again to {person.name} {number}")
    for person in (ana, ben):
        texts = [(await person.reply()).text for _ in range(6)]
        assert texts == [f"{how}to {person.name} {number}" for number in range(3) for how in ("", "again ")]


@pytest.mark.parametrize(
    ("shown", "chat", "alternative"),
    [
        (Shown.PHONE, f"{_PHONE}@s.whatsapp.net", f"{_LID}@lid"),
        (Shown.BOTH, f"{_LID}@lid", f"{_PHONE}@s.whatsapp.net"),
        (Shown.LID, f"{_LID}@lid", ""),
    ],
    ids=list(Shown),
)
async def test_a_sender_shows_the_phone_number_or_hides_it(
    service: Service, client: Neonize, shown: Shown, chat: str, alternative: str
) -> None:
    """The address is the phone number or the hidden one, and what is written to that address arrives."""
    person = service.person(_PHONE, _LID, "Ana", shown)
    message = await client.event("Message", id=await person.write("hello"))
    assert (message["chat"], message["sender"], message["alt"]) == (chat, chat, alternative)
    await client.do("send", to=chat, text="hello to you")
    assert (await person.reply()).text == "hello to you"


async def test_a_sender_without_a_name_and_an_old_message(ana: Person, client: Neonize) -> None:
    """A name may be missing, and a message may have waited."""
    message = await client.event("Message", id=await ana.write("late", notify="", t=1_700_000_000, offline="1"))
    assert (message["name"], message["at_ms"]) == ("", 1_700_000_000_000)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (messages.quotation("that one", "A1", "which?", f"{_PHONE}@s.whatsapp.net"), "extendedTextMessage", "that one"),
        (messages.image("a screenshot"), "imageMessage", ""),
        (messages.document("the log", "pbx.log"), "documentMessage", ""),
        (messages.voice(3), "audioMessage", ""),
        (messages.location(1.5, -2.5, "office"), "locationMessage", ""),
        (messages.contact("Ben"), "contactMessage", ""),
        (messages.sticker(), "stickerMessage", ""),
        (messages.disappearing(messages.text("soon gone")), "conversation", "soon gone"),
        (messages.once(messages.image("look")), "imageMessage", ""),
        (messages.timer(86_400), "protocolMessage", ""),
        (b"", "", ""),
    ],
    ids=["quotation", "image", "document", "voice", "location", "contact", "sticker", "disappearing", "once", "timer",
         "empty"],
)  # fmt: skip
async def test_contents_of_every_kind_arrive(
    ana: Person, client: Neonize, content: bytes, kind: str, words: str
) -> None:
    """Wrapped ones arrive unwrapped."""
    message = await client.event("Message", id=await ana.post(content))
    assert (message["kind"], message["text"]) == (kind, words)


async def test_edits_revocations_and_reactions_name_their_message(ana: Person, client: Neonize) -> None:
    """Each is about an earlier message."""
    written = await ana.write("the lien is down")
    edited = await client.event("Message", id=await ana.edit(written, "the line is down"))
    assert (edited["edit"], edited["about"], edited["text"]) == ("1", written, "the line is down")
    revoked = await client.event("Message", id=await ana.revoke(written))
    assert (revoked["edit"], revoked["kind"], revoked["about"]) == ("7", "protocolMessage", written)
    reacted = await client.event("Message", id=await ana.react("OURS", "👍"))
    assert (reacted["kind"], reacted["about"]) == ("reactionMessage", "OURS")


async def test_what_cannot_be_decrypted_is_told(service: Service, ana: Person, client: Neonize) -> None:
    """The client says that it could not read a message, and asks its sender for it again."""
    await client.event("Message", id=await ana.write("readable"))
    unreadable = await ana.write_unreadably()
    await client.event("UndecryptableMessage", id=unreadable)
    await service.until(
        lambda: [node for node in service.stanzas if node.get("type") == "retry" and node.get("id") == unreadable],
        "the request to send it again",
    )


async def test_the_own_phone_groups_and_status_are_told_apart(service: Service, ana: Person, client: Neonize) -> None:
    """What a colleague writes on the phone names the client; what a group or a status brings says so."""
    own = await client.event("Message", id=await service.phone.write_to(ana, "I take this one"))
    assert (own["from_me"], own["chat"], own["text"]) == (True, ana.jid, "I take this one")
    assert own["to"] == ana.jid
    group = await client.event("Message", id=await ana.write_to_group("hello all"))
    assert (group["group"], group["chat"].endswith("@g.us"), group["sender"]) == (True, True, ana.jid)
    status = await client.event("Message", id=await ana.publish_status("on holiday"))
    assert (status["group"], status["chat"]) == (True, "status@broadcast")


async def test_receipts_of_ours_arrive(ana: Person, client: Neonize) -> None:
    """What was sent is delivered, then read."""
    sent = await client.do("send", to=_PHONE, text="hello")
    await ana.receipt(sent["id"])
    await ana.receipt(sent["id"], "read")
    receipts = [await client.event("Receipt", times, ids=[sent["id"]]) for times in (1, 2)]
    assert receipts[0]["type"] != receipts[1]["type"]


async def test_a_repeated_ciphertext_counts_once_and_a_new_one_twice(
    service: Service, ana: Person, client: Neonize
) -> None:
    """The client knows a ciphertext again, and no id."""
    encrypted = ana.encrypt(messages.text("once"))
    await client.event("Message", id=await ana.carry(encrypted, id="A1"))
    await ana.carry(encrypted, id="A1")
    await ana.write("twice", id="A1")
    await client.event("Message", id=await ana.write("after", id="A2"))
    assert [one["text"] for one in client.named("Message")] == ["once", "twice", "after"]


@pytest.mark.parametrize("code", [400, 429, 463, 479])
async def test_an_acknowledgement_may_carry_an_error(service: Service, ana: Person, client: Neonize, code: int) -> None:
    """The send fails with the code, the client gets nothing, and the next one succeeds."""
    service.acknowledging.error = code
    failed = await client.do("send", to=_PHONE, text="refused")
    assert f"server returned error {code}" in failed["error"]
    service.acknowledging.error = None
    await client.do("send", to=_PHONE, text="accepted")
    assert (await ana.reply()).text == "accepted"


async def test_a_held_acknowledgement_holds_the_send(service: Service, ana: Person, client: Neonize) -> None:
    """The client reads the message at once; the send is over when the service says so."""
    service.acknowledging.when = "held"
    await client.begin("send", to=_PHONE, text="slow")
    assert (await ana.reply()).text == "slow"
    assert client.named("done") == []
    await service.release()
    await client.event("done", of="send")


async def test_a_cut_connection_is_made_again(service: Service, ana: Person, client: Neonize) -> None:
    """The client reconnects by itself and goes on in the same sessions."""
    await client.event("Message", id=await ana.write("before"))
    await service.drop()
    await client.event("Disconnected")
    await service.online(2)
    await client.event("Message", id=await ana.write("after"))


async def test_a_send_that_a_cut_interrupts_is_sent_again_under_its_id(
    service: Service, ana: Person, client: Neonize
) -> None:
    """The client's application shows it once."""
    service.acknowledging.when = "lost"
    await client.begin("send", to=_PHONE, text="interrupted")
    await ana.reply()
    service.acknowledging.when = "at once"
    await service.drop()
    await client.event("done", of="send")
    assert len({node.get("id") for node in service.sent()}) == 1
    assert len(service.sent()) == 2
    assert len(ana.replies) == 1


async def test_what_was_not_receipted_comes_again(service: Service, ana: Person, tmp_path: Path) -> None:
    """Messages wait for a client that is away, and come as old ones."""
    waiting = [await ana.write(f"message {number}") for number in range(3)]
    async with neonize(service, tmp_path / "wa.db") as client:
        for message_id in waiting:
            await client.event("Message", id=message_id)
            await service.receipted(message_id)
        assert (await client.event("OfflineSyncPreview"))["total"] == 3
        await client.event("OfflineSyncCompleted", count=3)
    assert service.unreceipted == {}


async def test_a_service_that_is_away_comes_back(service: Service, ana: Person, client: Neonize) -> None:
    """Connections are refused for a while; the client tries until one is made."""
    await service.refuse_connections()
    await client.event("Disconnected")
    missed = await ana.write("meanwhile")
    await service.accept_connections()
    await client.event("Message", id=missed)


async def test_another_device_takes_over(service: Service, client: Neonize) -> None:
    """The client is told and does not come back."""
    await service.replace()
    await client.event("StreamReplaced")
    assert len(service.connections) == 1


async def test_the_device_is_removed_on_the_phone(service: Service, client: Neonize) -> None:
    """The client is told and does not come back."""
    await service.unlink()
    await client.event("LoggedOut")
    assert len(service.connections) == 1


@pytest.mark.parametrize(
    ("refusal", "event", "fields"),
    [
        (failure(402, code=101, expire=3600), "TemporaryBan", {"expire": 3600}),
        (failure(403), "LoggedOut", {}),
        (failure(405), "ClientOutdated", {}),
        (failure(401), "LoggedOut", {}),
    ],
    ids=["banned", "locked", "outdated", "removed"],
)
async def test_a_login_may_be_refused(
    service: Service, tmp_path: Path, refusal: Node, event: str, fields: dict[str, int]
) -> None:
    """The client is told why."""
    service.refusal = refusal
    async with neonize(service, tmp_path / "wa.db") as client:
        told = await client.event(event)
        assert fields.items() <= told.items()


@pytest.mark.parametrize(
    ("reason", "attributes", "event"),
    [(402, {"code": 101, "expire": 3600}, "TemporaryBan"), (403, {}, "LoggedOut"), (405, {}, "ClientOutdated")],
    ids=["banned", "locked", "outdated"],
)
async def test_a_connection_may_be_closed_for_a_reason(
    service: Service, client: Neonize, reason: int, attributes: dict[str, int], event: str
) -> None:
    """The client is told why."""
    await service.fail(reason, **attributes)
    await client.event(event)


async def test_a_round_trip_shows_that_the_service_answers(service: Service, ana: Person, client: Neonize) -> None:
    """Our own number and a client's are known, a stranger's is not."""
    for phone, found in ((service.linked.phone, True), (_PHONE, True), ("628999999999", False)):
        assert (await client.do("exists", to=phone))["found"] == [found]


async def test_a_number_without_whatsapp_cannot_be_written_to(client: Neonize) -> None:
    """The send fails and says so."""
    assert "no LID found" in (await client.do("send", to="628999999999", text="hello"))["error"]


async def test_a_device_is_linked_by_its_qr_code(service: Service, ana: Person, tmp_path: Path) -> None:
    """The code is scanned, the stream begins anew with a login, and messages go both ways."""
    service.blank(tmp_path / "new.db")
    async with neonize(service, tmp_path / "new.db") as client:
        code = await client.event("QR")
        account = await service.link(code["code"])
        await client.event("Connected")
        assert (await client.do("me"))["me"] == account.phone
        await client.event("Message", id=await ana.write("hello"))
        await client.do("send", to=_PHONE, text="hello to you")
        assert (await ana.reply()).text == "hello to you"


async def test_a_device_is_linked_by_the_characters_it_shows(service: Service, ana: Person, tmp_path: Path) -> None:
    """They are typed on the phone, and everything else is as with a QR code."""
    service.blank(tmp_path / "new.db")
    async with neonize(service, tmp_path / "new.db") as client:
        await client.event("QR")
        shown = await client.do("pair", to="628999000111")
        await service.enter(shown["code"])
        await client.event("Connected")
        assert (await client.do("me"))["me"] == service.linked.phone
        await client.event("Message", id=await ana.write("hello"))
