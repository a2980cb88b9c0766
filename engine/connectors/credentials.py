"""What proves to a webhook that a request is genuine: tokens and signatures, compared in constant time.

Comparisons are between bytes: `hmac.compare_digest` raises on text that is not ASCII, and a header may hold anything.
"""

import hashlib
import hmac
from collections.abc import Mapping

from engine.core.errors import ConfigurationError


def require(connector: str, credential: str, value: str) -> None:
    """Refuse to run with an empty credential, which any request would match (ConfigurationError)."""
    if not value:
        raise ConfigurationError(f"connector {connector}: the {credential} is empty; set a long random one")


def same(given: bytes, expected: str) -> bool:
    """Whether a request shows the expected secret, in time that does not tell how much of it was right."""
    return hmac.compare_digest(given, expected.encode())


def bearer_token(headers: Mapping[str, str]) -> bytes:
    """The token of an `Authorization: Bearer` header (RFC 6750); empty when there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return _raw(token.strip(" ")) if scheme.lower() == "bearer" else b""


def signed(secret: str, body: bytes, header: str) -> bool:
    """Whether `X-Hub-Signature-256` is the HMAC-SHA256 of the raw body under the app secret.

    Source: Meta, "Webhooks: validate payloads".
    """
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return same(_raw(header), f"sha256={digest}")


def _raw(header: str) -> bytes:
    """The header as it came over the wire; ASGI hands it on as latin-1."""
    return header.encode("latin-1", "backslashreplace")
