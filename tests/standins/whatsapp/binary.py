"""Stanzas and their bytes: the binary XML of WhatsApp Web.

What the client writes is read in every form that it knows, words from the tables included; what the service writes
spells every word out, which the client must read too.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from standins.whatsapp.tables import tables

_EMPTY, _DICTIONARIES = 0, range(236, 240)
_DEVICE_JID, _LIST_8, _LIST_16, _JID, _HEX, _BYTES_8, _BYTES_20, _BYTES_32, _NIBBLES = 247, *range(248, 256)
_COMPRESSED = 2
_DOMAINS = {0: "s.whatsapp.net", 1: "lid"}


class Jid(str):
    """An address: `user@server` or `user:device@server`; written in another way than a text."""

    __slots__ = ()

    @property
    def user(self) -> str:
        return self.rpartition("@")[0].partition(":")[0]

    @property
    def device(self) -> int:
        return int(self.rpartition("@")[0].partition(":")[2] or "0")

    @property
    def server(self) -> str:
        return self.rpartition("@")[2]

    def bare(self) -> "Jid":
        """The user without a device."""
        return Jid(f"{self.user}@{self.server}")


Attribute = str | int
Content = Sequence["Node"] | bytes | str | None


@dataclass(frozen=True, slots=True)
class Node:
    """An element with attributes and either elements or bytes in it."""

    tag: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    content: Content = None

    @property
    def children(self) -> tuple["Node", ...]:
        """The elements in it; none when there are bytes."""
        return () if self.content is None or isinstance(self.content, bytes | str) else tuple(self.content)

    @property
    def data(self) -> bytes:
        """The bytes in it; none when there are elements."""
        if isinstance(self.content, str):
            return self.content.encode()
        return self.content if isinstance(self.content, bytes) else b""

    def child(self, *path: str) -> "Node | None":
        """The first element at the end of a path of names."""
        found: Node | None = self
        for tag in path:
            found = next((child for child in found.children if child.tag == tag), None) if found else None
        return found

    def get(self, name: str) -> str:
        """An attribute, or an empty text."""
        return str(self.attributes.get(name, ""))

    def jid(self, name: str) -> Jid:
        """An attribute that is an address."""
        return Jid(self.get(name))

    def walk(self) -> Iterator["Node"]:
        """This element and every one below."""
        yield self
        for child in self.children:
            yield from child.walk()


def encode(node: Node) -> bytes:
    """The bytes of a stanza, not compressed."""
    return b"\0" + _element(node)


def decode(data: bytes) -> Node:
    """The stanza in these bytes."""
    body = zlib.decompress(data[1:]) if data[0] & _COMPRESSED else data[1:]
    return _Reader(body).element()


def _element(node: Node) -> bytes:
    size = 1 + 2 * len(node.attributes) + (node.content is not None)
    written = bytes([_LIST_8, size]) + _literal(node.tag)
    for name, value in node.attributes.items():
        written += _literal(name) + (_address(value) if isinstance(value, Jid) else _literal(str(value)))
    if node.content is None:
        return written
    if isinstance(node.content, bytes | str):
        return written + _literal(node.content)
    inner = b"".join(map(_element, node.content))
    return written + bytes([_LIST_16]) + len(node.content).to_bytes(2, "big") + inner


def _literal(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    if len(data) < 256:
        return bytes([_BYTES_8, len(data)]) + data
    return bytes([_BYTES_32]) + len(data).to_bytes(4, "big") + data


def _address(jid: Jid) -> bytes:
    if ":" in jid:
        return bytes([_DEVICE_JID, jid.server == "lid", jid.device]) + _literal(jid.user)
    user = _literal(jid.user) if "@" in jid else bytes([_EMPTY])
    return bytes([_JID]) + user + _literal(jid.server)


class _Reader:
    """Reads one stanza from the first byte on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def element(self) -> Node:
        size = self._size(self._number())
        tag = self._text()
        attributes = {}
        for _ in range((size - 1) // 2):
            name = self._text()
            attributes[name] = self._text()
        return Node(tag, attributes, self._content() if size % 2 == 0 else None)

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        assert len(taken) == size, "the stanza is cut short"
        self._at += size
        return taken

    def _number(self, size: int = 1) -> int:
        return int.from_bytes(self._take(size), "big")

    def _size(self, kind: int) -> int:
        match kind:
            case 0:
                return 0
            case 248:
                return self._number()
            case 249:
                return self._number(2)
        raise ValueError(f"a list cannot begin with {kind}")

    def _content(self) -> Content:
        kind = self._number()
        if kind in (_LIST_8, _LIST_16):
            return tuple(self.element() for _ in range(self._size(kind)))
        found = self._bytes(kind)
        return self._word(kind) if found is None else found

    def _text(self) -> str:
        kind = self._number()
        found = self._bytes(kind)
        return self._word(kind) if found is None else found.decode("utf-8", "replace")

    def _bytes(self, kind: int) -> bytes | None:
        sizes = {_BYTES_8: 1, _BYTES_20: 3, _BYTES_32: 4}
        return self._take(self._number(sizes[kind])) if kind in sizes else None

    def _word(self, kind: int) -> str:
        if kind == _EMPTY:
            return ""
        if kind in _DICTIONARIES:
            return tables().double[kind - _DICTIONARIES.start][self._number()]
        if kind == _JID:
            user = self._text()
            server = self._text()
            return Jid(f"{user}@{server}" if user else server)
        if kind == _DEVICE_JID:
            domain, device = self._number(), self._number()
            return Jid(f"{self._text()}:{device}@{_DOMAINS[domain]}")
        if kind in (_HEX, _NIBBLES):
            return self._packed("0123456789ABCDEF" if kind == _HEX else "0123456789-.")
        return tables().single[kind]

    def _packed(self, alphabet: str) -> str:
        head = self._number()
        halves = [half for byte in self._take(head & 0x7F) for half in (byte >> 4, byte & 15)]
        # The first bit says that the last half is only there to fill a byte.
        return "".join(alphabet[half] for half in (halves[:-1] if head & 0x80 else halves))
