"""The service that the linked device connects to, and the proxy through which it finds its way here."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from standins.whatsapp import answers, linking, tables
from standins.whatsapp.binary import Attribute, Node
from standins.whatsapp.certificates import HOST, MEDIA_HOST, write_certificates
from standins.whatsapp.connections import LAST_QUESTION, Connection, Gone
from standins.whatsapp.curves import KeyPair
from standins.whatsapp.messages import Reply
from standins.whatsapp.moments import now_s
from standins.whatsapp.pairing_codes import TAG, CodeLink
from standins.whatsapp.people import OwnPhone, Person, Shown
from standins.whatsapp.proxy import Proxy
from standins.whatsapp.sessions import Encrypted, OneTimeKey
from standins.whatsapp.store import LID, PHONE, Account, write_blank, write_paired
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

Found = TypeVar("Found")

_PATIENCE_S = 20.0
_CHAT = "/ws/chat"
_TESTS = Path(__file__).parents[2]


@dataclass(slots=True)
class Acknowledging:
    """What the service does with a message of the account."""

    # With `held` the acknowledgement waits for `Service.release`, with `lost` it never comes.
    when: str = "at once"
    # The code of the error in it, if any.
    error: int | None = None


class Service:
    """WhatsApp Web for one account."""

    def __init__(self, folder: Path) -> None:
        """`folder` gets the certificates."""
        self._authority, self._leaf = folder / "authority.pem", folder / "service.pem"
        write_certificates(self._authority, self._leaf)
        self._root = KeyPair.random()
        self._server: Server | None = None
        self._proxy = Proxy((HOST, MEDIA_HOST), self._changed)
        self._change = asyncio.Event()
        self._people: dict[str, Person] = {}
        self._held: list[Node] = []
        self._code_link: CodeLink | None = None
        self.account: Account | None = None
        self.phone = self._acquainted(OwnPhone(self, PHONE, LID, "Support", Shown.PHONE))
        # Every connection whose handshake succeeded, oldest first.
        self.connections: list[Connection] = []
        # Everything that the client wrote, oldest first.
        self.stanzas: list[Node] = []
        # Messages that the client has not receipted, by their id; they come again after the next login.
        self.unreceipted: dict[str, Node] = {}
        self.acknowledging = Acknowledging()
        # Namespaces of questions that get no answer: "w:p" are the client's pings.
        self.silent: set[str] = set()
        # What the next logins get instead of success.
        self.refusal: Node | None = None
        # Keys that the client has left for people who write to it first, and whether those get them.
        self.one_time_keys: list[OneTimeKey] = []
        self.hands_out_one_time_keys = False
        # What WhatsApp keeps at which path, and how often each was asked for.
        self.files: dict[str, bytes] = {}
        self.asked_for: list[str] = []
        # What comes instead of the next files: a status, or None for half of the file.
        self.file_faults: list[int | None] = []
        # How often wrong characters were typed on a phone.
        self.wrong_codes = 0
        # How many codes a client that wants to be linked may show.
        self.codes = 6

    # What tests are for

    @property
    def proxy_url(self) -> str:
        return f"http://127.0.0.1:{self._proxy.port}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment for a process with neonize in it, complete."""
        inherited = filter(None, [os.environ.get("PYTHONPATH")])
        path = [str(Path(__file__).parent / "patched"), *inherited, str(_TESTS), str(_TESTS.parent)]
        return {
            **os.environ,
            "WHATSAPP_STANDIN_KEY": tables.certificate_key().hex(),
            "WHATSAPP_STANDIN_ROOT": self._root.public.hex(),
            "HTTPS_PROXY": self.proxy_url,
            "PYTHONPATH": os.pathsep.join(path),
            "SSL_CERT_FILE": str(self._authority),
        }

    def paired(self, store: Path) -> Account:
        """Make a store of a device that is linked to the account."""
        self.account = write_paired(store)
        return self.account

    def blank(self, store: Path) -> None:
        """Make a store of a device that is not linked."""
        write_blank(store)

    def person(self, phone: str, lid: str, name: str = "Ana", shown: Shown = Shown.PHONE) -> Person:
        """Somebody new who has WhatsApp."""
        return self._acquainted(Person(self, phone, lid, name, shown))

    async def online(self, times: int = 1) -> None:
        """Wait until the client has finished so many logins, and is still there."""
        await self.until(
            lambda: sum(one.ready for one in self.connections) >= times and self._current is not None,
            f"login number {times}",
        )

    async def until(self, condition: Callable[[], Found | None], what: str, patience_s: float = _PATIENCE_S) -> Found:
        """Wait until the condition, looked at whenever the client does something, is true; what it then is."""
        try:
            async with asyncio.timeout(patience_s):
                while not (found := condition()):
                    await self._change.wait()
                return found
        except TimeoutError:
            last = [f"{node.tag} {dict(node.attributes)}" for node in self.stanzas[-20:]]
            raise AssertionError(f"{what} did not come in {patience_s} s; the client wrote last: {last}") from None

    async def receipted(self, message_id: str) -> None:
        """Wait until the client has receipted a message."""
        await self.until(lambda: message_id not in self.unreceipted, f"the receipt for {message_id}")

    def sent(self) -> list[Node]:
        """The stanzas of the account's messages, also of those that were sent again."""
        return [node for node in self.stanzas if node.tag == "message"]

    def typed(self, person: Person) -> bool:
        """Whether the account was seen typing to that person."""
        return any(
            node.tag == "chatstate" and node.jid("to").bare() in (person.jid, person.lid_jid) for node in self.stanzas
        )

    def read(self) -> set[str]:
        """The ids of the messages that the account has read."""
        receipts = [node for node in self.stanzas if node.tag == "receipt" and node.get("type") == "read"]
        return {part.get("id") for receipt in receipts for part in receipt.walk()}

    def elsewhere(self) -> list[str]:
        """The other places that the client wanted to reach, in vain."""
        return list(self._proxy.refused)

    async def use_up_one_time_keys(self) -> None:
        """Let strangers take every key that is left, and tell the client."""
        self.one_time_keys.clear()
        head: dict[str, Attribute] = {"id": "few-1", "from": answers.SERVER, "type": "encrypt", "t": now_s()}
        await self.send(Node("notification", head, (Node("count", {"value": 0}),)))

    async def release(self) -> None:
        """Send the acknowledgements that were held."""
        held, self._held = self._held, []
        for node in held:
            await self.send(node)

    async def link(self, code: str) -> Account:
        """Do what a phone does with the text of a QR code: link the client to the account."""
        connection = next(one for one in reversed(self.connections) if not one.is_login)
        self.account = await linking.scan(connection, code)
        return self.account

    async def enter(self, code: str) -> None:
        """Type on a phone the characters that the client showed: link the client to the account."""
        assert self._code_link is not None, "no client asked for a code"
        await self._code_link.enter(code)

    async def drop(self) -> None:
        """Cut the connection, as a network does."""
        if (current := self._current) is not None:
            current.abort()

    async def replace(self) -> None:
        """Somebody uses the account's device elsewhere."""
        await self._end(Node("stream:error", {}, (Node("conflict", {"type": "replaced"}),)))

    async def unlink(self) -> None:
        """The device was removed on the phone."""
        await self._end(Node("stream:error", {"code": 401}, (Node("conflict", {"type": "device_removed"}),)))

    async def fail(self, reason: int, **attributes: Attribute) -> None:
        """Cut the connection and refuse the next logins: 402 banned (with code, expire), 403 locked, 405 outdated."""
        self.refusal = failure(reason, **attributes)
        await self.drop()

    def fall_silent(self) -> None:
        """Lose what the open connection carries, without an end; another can be made."""
        self._proxy.fall_silent()

    def ignore_connections(self) -> None:
        """Let the next connections hang: they are made, and nothing ever comes; until they are accepted again."""
        self._proxy.mute = True

    async def ignored(self) -> None:
        """Wait until a connection hangs."""
        await self.until(lambda: self._proxy.unanswered, "a connection to ignore")

    async def refuse_connections(self) -> None:
        """Vanish: connections are cut, and refused from now on."""
        await self._proxy.close()

    async def accept_connections(self) -> None:
        """Come back on the same port."""
        self._proxy.mute = False
        await self._proxy.close()
        await self._proxy.open(self._port)

    # What people and the stand-in's other parts are for

    @property
    def linked(self) -> Account:
        assert self.account is not None, "no device is linked to the account: `paired` or `link` comes first"
        return self.account

    def one_time_key(self) -> OneTimeKey | None:
        """Use up one of the keys that the client has left here, if people are to use them and there is any."""
        return self.one_time_keys.pop(0) if self.hands_out_one_time_keys and self.one_time_keys else None

    def keep(self, path: str, content: bytes) -> None:
        """Keep a file that somebody sends."""
        self.files[path] = content

    async def deliver(self, message: Node) -> None:
        """Bring a message, and again after a reconnection until it is receipted."""
        self.unreceipted[message.get("id")] = message
        if (current := self._current) is not None:
            await current.send(message)

    async def send(self, node: Node) -> None:
        """Bring anything else, once."""
        assert self._current is not None, "the client is not connected"
        await self._current.send(node)

    async def next_reply(self, person: Person) -> Reply:
        """Wait for the next message that the person has not looked at."""
        await self.until(lambda: len(person.replies) > person.looked_at, "a message that the person can read")
        person.looked_at += 1
        return person.replies[person.looked_at - 1]

    async def open(self) -> None:
        """Listen on ports that are free."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._leaf)
        self._server = await serve(
            *(self._converse, "127.0.0.1", 0),
            ssl=context,
            compression=None,
            max_size=None,
            ping_interval=None,
            process_request=self._file,
        )
        await self._proxy.open(self._port)

    async def close(self) -> None:
        """Cut every connection and listen no more."""
        await self._proxy.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def _port(self) -> int:
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def _current(self) -> Connection | None:
        return next((one for one in reversed(self.connections) if one.logged_in and one.open), None)

    def _acquainted(self, person: "SomePerson") -> "SomePerson":
        self._people |= {person.jid: person, person.lid_jid: person}
        return person

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    async def _end(self, node: Node) -> None:
        assert self._current is not None, "the client is not connected"
        await self._current.end(node)

    async def _converse(self, websocket: ServerConnection) -> None:
        connection = Connection(websocket)
        with suppress(Gone):
            await connection.greet(self._root)
            self.connections.append(connection)
            await (self._log_in(connection) if connection.is_login else linking.offer(connection, self.codes))
            self._changed()
            while True:
                node = await connection.receive()
                self.stanzas.append(node)
                await self._take(connection, node)
                self._changed()
        connection.open = False
        self._changed()

    def _file(self, _: ServerConnection, request: Request) -> Response | None:
        """The file that is asked for; None for a websocket, which is at one path."""
        if request.path == _CHAT:
            return None
        path = request.path.partition("&hash=")[0]
        self.asked_for.append(path)
        kept = self.files.get(path)
        fault = self.file_faults.pop(0) if self.file_faults else 200
        status = 404 if kept is None else fault or 200
        body = b"" if kept is None or status != 200 else kept[: len(kept) // 2] if fault is None else kept
        length = len(kept or b"") if fault is None else len(body)
        self._changed()
        return Response(status, "-", Headers({"Content-Length": str(length), "Connection": "close"}), body)

    async def _log_in(self, connection: Connection) -> None:
        if self.refusal is not None:
            await connection.end(self.refusal)
            return
        success: dict[str, Attribute] = {"t": now_s(), "lid": self.linked.lid_jid, "creation": 1, "props": 1}
        await connection.send(Node("success", {**success, "companion_enc_static": "x", "location": "x"}))
        if waiting := len(self.unreceipted):
            counts = {"count": waiting, "message": waiting, "receipt": 0, "notification": 0, "appdata": 0}
            await connection.send(Node("ib", {"from": answers.SERVER}, (Node("offline_preview", counts),)))
        brought: set[str] = set()
        # More may be written meanwhile; whatever comes after the last look is brought at once, and none overtakes.
        while rest := [message for name, message in self.unreceipted.items() if name not in brought]:
            for message in rest:
                brought.add(message.get("id"))
                await connection.send(Node("message", {**message.attributes, "offline": "1"}, message.content))
        connection.logged_in = True
        await connection.send(Node("ib", {"from": answers.SERVER}, (Node("offline", {"count": len(brought)}),)))

    async def _take(self, connection: Connection, node: Node) -> None:
        match node.tag:
            case "iq" if node.get("type") in ("get", "set"):
                await self._answer(connection, node)
            case "iq" if node.get("id") == linking.CONFIRMATION:
                await linking.restart(connection)
            case "iq" if node.get("id") == LAST_QUESTION:
                await connection.close()
            case "receipt" if node.get("type") != "retry":
                for item in (node, *node.walk()):
                    self.unreceipted.pop(item.get("id"), None)
            case "ack" if node.get("class") == "message":
                self.unreceipted.pop(node.get("id"), None)
            case "message":
                await self._take_message(connection, node)

    async def _answer(self, connection: Connection, question: Node) -> None:
        if question.get("xmlns") in self.silent:
            return
        # The last question of a login.
        connection.ready |= question.get("xmlns") == "passive"
        if question.get("xmlns") == "encrypt" and (left := question.child("list")) is not None:
            self.one_time_keys += answers.one_time_keys(left)
        step = question.child(TAG)
        content = answers.answer(question, self._people, self.account, len(self.one_time_keys))
        if step is not None and step.get("stage") == "companion_hello":
            self._code_link = CodeLink(connection, step)
            content = self._code_link.reference()
        head: dict[str, Attribute] = {"id": question.get("id"), "from": answers.SERVER, "type": "result"}
        await connection.send(Node("iq", {**head, "t": now_s()}, content))
        if step is not None and step.get("stage") == "companion_finish" and self._code_link is not None:
            finished = self._code_link.finish(step)
            if finished is None:
                self.wrong_codes += 1
            else:
                self.account = await linking.confirm(connection, *finished)

    async def _take_message(self, connection: Connection, message: Node) -> None:
        head: dict[str, Attribute] = {"id": message.get("id"), "class": "message", "from": message.jid("to")}
        error = self.acknowledging.error
        if error is None:
            self._hand_over(message)
        else:
            head["error"] = error
        ack = Node("ack", {**head, "t": now_s()})
        match self.acknowledging.when:
            case "at once":
                await connection.send(ack)
            case "held":
                self._held.append(ack)

    def _hand_over(self, message: Node) -> None:
        """Give everybody who has a part of the message their part."""
        parts = message.child("participants")
        for to in parts.children if parts else (message,):
            person = self._people.get(to.jid("jid" if parts else "to").bare())
            enc = to.child("enc")
            if person is not None and enc is not None:
                person.take(message.get("id"), Encrypted(enc.get("type"), enc.data))


SomePerson = TypeVar("SomePerson", bound=Person)


def failure(reason: int, **attributes: Attribute) -> Node:
    """A refusal of a login."""
    return Node("failure", {"reason": reason, **attributes})


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Service]:
    """A service that listens while the block runs."""
    service = Service(folder)
    await service.open()
    try:
        yield service
    finally:
        await service.close()
