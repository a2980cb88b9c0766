"""Signatures with a key of Curve25519 (XEdDSA, https://signal.org/docs/specifications/xeddsa, read 2026-11-25).

The arithmetic is Ed25519's (RFC 8032, section 5.1.4) in extended homogeneous coordinates. Slow, some milliseconds a
signature, and open to whoever measures time: nothing here is secret.
"""

import hashlib
import os

from standins.whatsapp.curves import KeyPair

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
# Marks the hash of the nonce, so that it never equals that of a message.
_DOMAIN = b"\xfe" + b"\xff" * 31
_SIGN_BIT = 0x80

# X, Y, Z and T of a point: x = X/Z, y = Y/Z, xy = T/Z.
_Point = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def sign(pair: KeyPair, message: bytes) -> bytes:
    """The 64 bytes that prove that whoever has `pair` signed `message`."""
    secret = int.from_bytes(pair.private, "little")
    public = _compressed(_times(_BASE, secret))
    nonce = _number(_DOMAIN + pair.private + message + os.urandom(64))
    commitment = _compressed(_times(_BASE, nonce))
    answer = (nonce + _number(commitment + public + message) * secret) % _ORDER
    signature = bytearray(commitment + answer.to_bytes(32, "little"))
    # The key of Curve25519 lacks the sign of its point; it travels in a bit that the answer leaves free.
    signature[-1] = signature[-1] & ~_SIGN_BIT | public[-1] & _SIGN_BIT
    return bytes(signature)


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % _ORDER


def _sum(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(point: _Point, factor: int) -> _Point:
    product = _NEUTRAL
    while factor:
        if factor & 1:
            product = _sum(product, point)
        point = _sum(point, point)
        factor >>= 1
    return product


def _compressed(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")
