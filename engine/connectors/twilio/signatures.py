"""Whether a request comes from Twilio: `X-Twilio-Signature` over the URL that Twilio asked for and the form it posted.

Called by `connector` before anything is read. Pure. Source: Twilio, "Webhooks security" (read 2026-11), and what its
own libraries do: the URL counts with and without its port, and a parameter that comes several times counts once for
each value, sorted. A JSON body is not in the signature; its SHA-256 stands in the URL, which is.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from engine.connectors.credentials import same

_PORTS = {"https": 443, "http": 80}
_BODY_HASH = "bodySHA256"


def signature(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """The header's value for one spelling of the URL."""
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    written = "".join(f"{name}{value}" for name in sorted(values) for value in sorted(values[name]))
    text = f"{url}{written}".encode("utf-8", "surrogatepass")
    # SHA-1 is Twilio's choice; as an HMAC it holds.
    return base64.b64encode(hmac.new(token.encode(), text, hashlib.sha1).digest()).decode("ascii")


def signed_form(token: str, url: str, fields: Iterable[tuple[str, str]], header: str) -> bool:
    """Whether the header fits the URL, as configured and with its query, and the fields of the form."""
    given, fields = header.encode("latin-1", "backslashreplace"), tuple(fields)
    # Each spelling is tried, so that the time does not tell which one was right.
    fit = [same(given, signature(token, spelling, fields)) for spelling in spellings(url)]
    return any(fit)


def signed_body(token: str, url: str, body: bytes, header: str) -> bool:
    """Whether the header fits the URL, and the hash in the URL fits a body that is no form."""
    told = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)).get(_BODY_HASH, "")
    whole = same(told.encode("utf-8", "backslashreplace"), hashlib.sha256(body).hexdigest())
    return signed_form(token, url, (), header) and whole


def spellings(url: str) -> tuple[str, ...]:
    """The URL without and with its port, the usual one where it names none."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    return urlunsplit(parts._replace(netloc=host)), urlunsplit(parts._replace(netloc=f"{host}:{port}"))
