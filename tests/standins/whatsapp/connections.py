"""One connection of the client: a websocket, the handshake on it, then stanzas in both directions."""

import asyncio

from standins.whatsapp import binary, protobuf
from standins.whatsapp.binary import Jid, Node
from standins.whatsapp.curves import KeyPair
from standins.whatsapp.noise import Greeted, Handshake
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

_PROLOGUE = b"WA"
_PROLOGUE_SIZE = 4
_LENGTH_SIZE = 3
# The name of the question whose answer ends a connection.
LAST_QUESTION = "last-1"
# Fields of a ClientPayload.
_USERNAME, _PAIRING = 1, 19


class Gone(Exception):
    """The client has closed the connection."""


class Connection:
    """Everything between the client's hello and the end."""

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket
        self._buffer = b""
        self._greeted: Greeted | None = None
        self._writing = asyncio.Lock()
        # What the client wants.
        self.payload: dict[int, int | bytes] = {}
        # Whether it was told that its login succeeded.
        self.logged_in = False
        # Whether it has done everything that follows from that.
        self.ready = False
        self.open = True

    async def greet(self, root: KeyPair) -> None:
        """The handshake."""
        prologue = await self._take(_PROLOGUE_SIZE)
        assert prologue.startswith(_PROLOGUE), "this is no client of WhatsApp Web"
        handshake = Handshake(prologue, root)
        await self._write(handshake.hello(await self._frame()))
        self._greeted = handshake.finish(await self._frame())
        self.payload = protobuf.decode(self._greeted.payload)

    @property
    def is_login(self) -> bool:
        """Whether the client has an account; else it wants to be linked."""
        return _USERNAME in self.payload

    @property
    def registration(self) -> dict[int, int | bytes]:
        """The keys of a client that wants to be linked."""
        return protobuf.decode(protobuf.nested(self.payload, _PAIRING))

    async def send(self, node: Node) -> None:
        """One stanza; nothing when the client has gone."""
        assert self._greeted is not None
        async with self._writing:
            try:
                await self._write(self._greeted.outgoing.encrypt(binary.encode(node)))
            except Gone:
                self.open = False

    async def receive(self) -> Node:
        """The client's next stanza.

        Raises:
            Gone: there is none.
        """
        assert self._greeted is not None
        return binary.decode(self._greeted.incoming.decrypt(await self._frame()))

    async def end(self, node: Node) -> None:
        """Say why the connection ends, and ask something: a client that answers has read the reason.

        Whoever receives the answer closes; a client that saw the end first would take it for a fault of the network.
        """
        self.open = False
        await self.send(node)
        ping = {"id": LAST_QUESTION, "from": Jid("s.whatsapp.net"), "type": "get", "xmlns": "urn:xmpp:ping"}
        await self.send(Node("iq", ping, (Node("ping"),)))

    async def close(self) -> None:
        """Close it, without a word to the client's protocol."""
        self.open = False
        await self._websocket.close()

    def abort(self) -> None:
        """Cut it, as a network does."""
        self.open = False
        self._websocket.transport.abort()

    async def _frame(self) -> bytes:
        return await self._take(int.from_bytes(await self._take(_LENGTH_SIZE), "big"))

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                received = await self._websocket.recv()
            except ConnectionClosed as closed:
                raise Gone from closed
            assert isinstance(received, bytes), "the client never writes texts"
            self._buffer += received
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    async def _write(self, frame: bytes) -> None:
        try:
            await self._websocket.send(len(frame).to_bytes(_LENGTH_SIZE, "big") + frame)
        except ConnectionClosed as closed:
            raise Gone from closed
