"""As much of Protocol Buffers as the stand-in needs: numbered fields, without a schema.

Written by hand, so that a mistake in the client's own generated code shows.
"""

import struct
from collections.abc import Iterator

_VARINT, _FIXED64, _LENGTH = 0, 1, 2

# Whole numbers of zero or more, floating-point numbers, bytes and texts; a message is the bytes that `encode` made.
Value = int | float | bytes | str


def encode(*fields: tuple[int, Value]) -> bytes:
    """The bytes of a message with these fields, numbers first."""
    return b"".join(_field(number, value) for number, value in fields)


def decode(data: bytes) -> dict[int, int | bytes]:
    """The fields by number, the last one of each."""
    return dict(_fields(data))


def nested(fields: dict[int, int | bytes], *path: int) -> bytes:
    """The bytes at the end of a path of messages in messages; empty when it ends early."""
    *above, last = path
    for number in above:
        fields = decode(nested(fields, number))
    found = fields.get(last, b"")
    return found if isinstance(found, bytes) else b""


def number(fields: dict[int, int | bytes], which: int) -> int:
    """A whole number, or 0."""
    found = fields.get(which, 0)
    return found if isinstance(found, int) else 0


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | _FIXED64) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _LENGTH) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        match key & 7:
            case 0:
                value, at = _read_varint(data, at)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 5:
                size = 4
            case 2:
                size, at = _read_varint(data, at)
            case kind:
                raise ValueError(f"a field of kind {kind} is none of Protocol Buffers'")
        yield key >> 3, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
