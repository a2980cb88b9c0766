"""How the networks reach the engine: the public URL through the reverse proxy, and the certificates on the way."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from engine.commands.doctor.findings import Finding, Level
from engine.commands.doctor.installations import Installation
from engine.connectors.exchanges import Session
from engine.connectors.replies import Reply
from engine.settings import TwilioSettings, WhatsAppCloudSettings

_SUBJECT = "public url"
_CERTIFICATE = "certificate"
_EXCHANGE_S = 5.0
_HTTPS = 443
_RENEW = timedelta(days=14)
# Nothing is shown to whatever answers there.
_NO_TOKEN = "none"  # noqa: S105 - no secret at all
_OK = 200
_NOT_FOUND = 404


async def door(installation: Installation) -> tuple[Finding, ...]:
    """Whether the public URL leads to the running daemon, and shows nothing else of it."""
    url = installation.settings.http.public_url
    if url is None:
        return (Finding(_SUBJECT, Level.SKIP, "http.public_url is not set"),)
    if not installation.runs:
        return (Finding(_SUBJECT, Level.SKIP, "no daemon runs that could answer there"),)
    webhooks = [
        one.name for one in installation.settings.connectors if isinstance(one, WhatsAppCloudSettings | TwilioSettings)
    ]
    session = Session(url, url, _NO_TOKEN, _EXCHANGE_S, shown_as="")
    try:
        # The proxies of deploy/ pass webhooks on and hide the probes.
        path = f"webhooks/{webhooks[0]}" if webhooks else "livez"
        answer = await session.exchange("GET", path)
        metrics = await session.exchange("GET", "metrics")
    finally:
        await session.close()
    if not isinstance(answer, Reply):
        return (Finding(_SUBJECT, Level.FAIL, answer.reason, "look at the proxy, its firewall and the name's address"),)
    found = [_reached(answer, f"{url}/{path}", is_webhook=bool(webhooks))]
    if isinstance(metrics, Reply) and metrics.status == _OK:
        advice = "have the proxy pass on /webhooks/ alone, see deploy/nginx.conf"
        found.append(Finding(_SUBJECT, Level.WARN, f"{url}/metrics is open to everybody", advice))
    return tuple(found)


def _reached(answer: Reply, address: str, *, is_webhook: bool) -> Finding:
    """The engine refuses a call without a secret in words that a proxy has not."""
    refused = (answer.json_object() or {}).get("error")
    if (is_webhook and refused and refused != "no such connector") or (not is_webhook and answer.body == b"live\n"):
        return Finding(_SUBJECT, Level.OK, f"{address} leads to the engine")
    who = "the engine, which has no such connector" if refused == "no such connector" else "something else"
    text = f"{address} is answered {answer.status} by {who}"
    return Finding(_SUBJECT, Level.FAIL, text, "look at the proxy's configuration, see deploy/nginx.conf")


async def certificate(url: str | None, now: datetime, trust: ssl.SSLContext | None = None) -> tuple[Finding, ...]:
    """The certificate of an address, and for how long it is good; nothing for one without TLS."""
    parts = urlsplit(url or "")
    if parts.scheme != "https" or parts.hostname is None:
        return ()
    host = parts.hostname
    try:
        told = await _peer(host, parts.port or _HTTPS, trust or ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        text = f"that of {host} is not good ({error.verify_message})"
        return (Finding(_CERTIFICATE, Level.FAIL, text, "renew it, or let this machine trust its authority"),)
    except (OSError, TimeoutError):
        return (Finding(_CERTIFICATE, Level.SKIP, f"{host} cannot be reached by TLS"),)
    return (good_until(host, told, now),)


async def _peer(host: str, port: int, trust: ssl.SSLContext) -> Mapping[str, Any]:
    async with asyncio.timeout(_EXCHANGE_S):
        _, writer = await asyncio.open_connection(host, port, ssl=trust, server_hostname=host)
        try:
            return dict(writer.get_extra_info("peercert"))
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def good_until(host: str, told: Mapping[str, Any], now: datetime) -> Finding:
    """For how long a certificate that was verified is good, by what TLS tells of it."""
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    text = f"that of {host} is good until {end:%Y-%m-%d}"
    if end - now < _RENEW:
        advice = "renew it, and see why that does not happen by itself"
        return Finding(_CERTIFICATE, Level.WARN, text, advice)
    return Finding(_CERTIFICATE, Level.OK, text)
