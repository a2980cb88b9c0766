"""The stand-in for WhatsApp Web, proven by the unmodified neonize that talks to it."""

import http.client
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standins.whatsapp import Person, Service, Shown, failure, messages, running, tables
from standins.whatsapp.background import in_background
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


async def test_a_conversation_may_begin_with_a_one_time_key(service: Service, ana: Person, client: Neonize) -> None:
    """The client leaves keys at the service, and more when it hears that few are left; each is used once."""
    service.hands_out_one_time_keys = True
    left = len(service.one_time_keys)
    assert (await client.event("Message", id=await ana.write("hello")))["text"] == "hello"
    assert len(service.one_time_keys) == left - 1
    await client.do("send", to=_PHONE, text="hello to you")
    assert (await ana.reply()).text == "hello to you"
    await service.use_up_one_time_keys()
    await service.until(lambda: service.one_time_keys, "more keys")


async def test_conversations_keep_their_keys_apart(service: Service, ana: Person, client: Neonize) -> None:
    """Two clients in turn, and two answers to each of their messages."""
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


async def test_a_sender_shows_the_phone_number_or_hides_it(service: Service, client: Neonize) -> None:
    """The address is the phone number or the hidden one, and what is written to that address arrives."""
    for number, shown in enumerate(Shown):
        person = service.person(f"62811111111{number}", f"5550000000{number}", "Ana", shown)
        chat, alternative = {
            Shown.PHONE: (person.jid, person.lid_jid),
            Shown.BOTH: (person.lid_jid, person.jid),
            Shown.LID: (person.lid_jid, ""),
        }[shown]
        message = await client.event("Message", id=await person.write("hello"))
        assert (message["chat"], message["sender"], message["alt"]) == (chat, chat, alternative)
        await client.do("send", to=chat, text="hello to you")
        assert (await person.reply()).text == "hello to you"


async def test_a_sender_without_a_name_and_an_old_message(ana: Person, client: Neonize) -> None:
    """A name may be missing, and a message may have waited."""
    message = await client.event("Message", id=await ana.write("late", notify="", t=1_700_000_000, offline="1"))
    assert (message["name"], message["at_ms"]) == ("", 1_700_000_000_000)


async def test_contents_of_every_kind_arrive(ana: Person, client: Neonize) -> None:
    """Wrapped ones arrive unwrapped."""
    for content, kind, words in (
        (messages.quotation("that one", "A1", "which?", ana.jid), "extendedTextMessage", "that one"),
        (messages.image("a screenshot"), "imageMessage", ""),
        (messages.document("the log", "pbx.log"), "documentMessage", ""),
        (messages.voice(3), "audioMessage", ""),
        (messages.location(1.5, -2.5, "office"), "locationMessage", ""),
        (messages.contact("Ben"), "contactMessage", ""),
        (messages.sticker(), "stickerMessage", ""),
        (messages.disappearing(messages.text("soon gone")), "conversation", "soon gone"),
        (messages.once(messages.image("look")), "imageMessage", ""),
        (messages.timer(86_400), "protocolMessage", ""),
        (messages.text("\u2028 and \0"), "conversation", "\u2028 and \0"),
        (b"", "", ""),
    ):
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
    assert (await client.event("Message", id=await ana.write("again", id=unreadable)))["text"] == "again"


async def test_the_own_phone_groups_and_status_are_told_apart(service: Service, ana: Person, client: Neonize) -> None:
    """What a colleague writes on the phone names the client; what a group or a status brings says so."""
    own = await client.event("Message", id=await service.phone.write_to(ana, "I take this one"))
    assert (own["from_me"], own["chat"], own["text"]) == (True, ana.jid, "I take this one")
    assert own["to"] == ana.jid
    group = await client.event("Message", id=await ana.write_to_group("hello all"))
    assert (group["group"], group["chat"].endswith("@g.us"), group["sender"]) == (True, True, ana.jid)
    status = await client.event("Message", id=await ana.publish_status("on holiday"))
    assert (status["group"], status["chat"]) == (True, "status@broadcast")
    for message in (own, group, status):
        await service.receipted(message["id"])


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


async def test_an_acknowledgement_may_carry_an_error(service: Service, ana: Person, client: Neonize) -> None:
    """The send fails with the code, the client gets nothing, and the next one succeeds."""
    for code in (400, 429, 463, 479):
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


async def test_a_service_that_never_answers_lets_the_client_wait(service: Service, tmp_path: Path) -> None:
    """The dialled connection stands, and nothing comes on it."""
    service.ignore_connections()
    async with neonize(service, tmp_path / "wa.db") as client:
        await service.ignored()
        assert client.events == []
        await service.accept_connections()
        assert "dial" in (await client.event("ended"))["error"]


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


async def test_an_account_may_be_banned_while_it_is_online(service: Service, client: Neonize) -> None:
    """The connection is cut, and the login that follows is refused."""
    await service.fail(402, code=101, expire=3600)
    assert (await client.event("TemporaryBan"))["expire"] == 3600
    assert not service.connections[-1].ready


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


async def test_wrong_characters_link_nothing(service: Service, tmp_path: Path) -> None:
    """The phone and the client find no common key."""
    service.blank(tmp_path / "new.db")
    async with neonize(service, tmp_path / "new.db") as client:
        await client.event("QR")
        await client.do("pair", to="628999000111")
        await service.enter("1111-1111")
        await service.until(lambda: service.wrong_codes, "the wrong characters")
        assert client.named("PairStatus") == []


async def test_quotations_edits_and_reactions_of_ours_can_be_read(ana: Person, client: Neonize) -> None:
    """Each is a message that names another."""
    written = await ana.write("the line is down")
    await client.event("Message", id=written)
    quoted = await client.do("reply", text="which line?", about=written)
    reply = await ana.reply()
    assert (reply.text, reply.quoted_id) == ("which line?", written)
    await client.do("edit", to=ana.jid, text="which of the lines?", about=quoted["id"])
    edit = await ana.reply()
    assert (edit.text, edit.edited_id) == ("which of the lines?", quoted["id"])
    await client.do("react", to=ana.jid, text="👀", about=written)
    assert (await ana.reply()).reaction == ("👀", written)


async def test_typing_and_reading_are_seen(service: Service, ana: Person, client: Neonize) -> None:
    """The client's application shows both."""
    written = await ana.write("hello")
    await client.event("Message", id=written)
    await client.do("typing", to=ana.jid)
    await service.until(lambda: service.typed(ana), "the typing")
    await client.do("read", to=ana.jid, about=written)
    await service.until(lambda: written in service.read(), "the receipt for reading")


async def test_a_burst_arrives_whole_and_in_order(service: Service, ana: Person, client: Neonize) -> None:
    """Three hundred messages without a pause."""
    written = [await ana.write(f"message {number}") for number in range(300)]
    await client.event("Message", id=written[-1])
    assert [one["id"] for one in client.named("Message")] == written
    for message_id in written:
        await service.receipted(message_id)


async def test_what_was_written_to_a_killed_client_comes_again(service: Service, ana: Person, tmp_path: Path) -> None:
    """Whatever it has not receipted before SIGKILL, the next process on the store gets."""
    store = tmp_path / "wa.db"
    async with neonize(service, store) as client:
        await service.online()
        await client.event("Message", id=await ana.write("before"))
        client.kill()
    missed = await ana.write("meanwhile")
    async with neonize(service, store) as client:
        assert (await client.event("Message", id=missed))["text"] == "meanwhile"


async def test_an_ordered_end_leaves_nothing_open(service: Service, client: Neonize) -> None:
    """`stop` ends the connection and the call that made it."""
    await client.do("stop")
    assert (await client.event("ended"))["error"] == ""


async def test_a_key_that_is_not_in_the_library_ends_the_process_with_a_sentence(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neonize that the stand-in does not know is found out at its import, before it dials anybody."""
    monkeypatch.setattr(tables, "certificate_key", lambda: bytes(range(100, 132)))
    async with neonize(service, tmp_path / "wa.db") as client:
        with pytest.raises(AssertionError, match="stands 0 times in neonize's library, not once: the stand-in"):
            await client.event("Connected")


def test_missing_tables_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the folder, the script that fetches them and the variable that names another place."""
    monkeypatch.setenv(tables.VARIABLE, str(tmp_path))
    with pytest.raises(AssertionError, match=r"baileys is not in .*: run deploy/test.sh .* WHATSAPP_STANDIN_TABLES"):
        tables.tables.__wrapped__()


def test_the_proxy_leads_nowhere_else(tmp_path: Path) -> None:
    """Another host is refused and noted, so that no test reaches the real one; the service runs in a thread here."""
    with in_background(tmp_path) as background:
        port = int(background.service.proxy_url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5)
        connection.set_tunnel("static.whatsapp.net", 443)
        with pytest.raises(OSError, match="403"):
            connection.connect()
        assert background.look(background.service.elsewhere) == ["static.whatsapp.net:443"]


@pytest.mark.timeout(300)
async def test_pings_without_an_answer_are_told(service: Service, client: Neonize, pytestconfig: pytest.Config) -> None:
    """The connection stands and nothing comes: the client tells after some 37 seconds."""
    if not pytestconfig.getoption("--long"):
        pytest.skip("takes 40 seconds: --long runs it")
    service.silent.add("w:p")
    await client.event("KeepAliveTimeout", patience_s=60)


@pytest.mark.timeout(300)
async def test_a_lost_acknowledgement_is_an_error_in_the_end(
    service: Service, ana: Person, client: Neonize, pytestconfig: pytest.Config
) -> None:
    """The message was read, and the client cannot know: it gives up after 75 seconds."""
    if not pytestconfig.getoption("--long"):
        pytest.skip("takes 75 seconds: --long runs it")
    service.acknowledging.when = "lost"
    await client.begin("send", to=_PHONE, text="heard by her alone")
    assert (await ana.reply()).text == "heard by her alone"
    failed = await client.event("failed", of="send", patience_s=100)
    assert "timed out waiting for message send response" in failed["error"]
