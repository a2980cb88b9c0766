"""One HTTP exchange with a network's API: what came back, or why nothing did.

The only module through which connectors use httpx. Those that talk to a network hold one `Session` each and decide
themselves what an answer means; a `Visitor` reads files where nobody is to learn who we are. What a broken exchange
means is decided here, because it is the same for all: before the request left, the network certainly did nothing
(`Rejected`); afterwards nobody can tell (`Unknown`).
"""

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from engine.connectors.addresses import public_or_own
from engine.connectors.replies import Reply, instant_of, retry_after
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.errors import ConfigurationError

# Everything that a connection needs before the request leaves.
_CONNECT_S = 5.0
# How an exchange ends without an answer. UnicodeError: httpx reads where a redirect leads although it is not followed,
# and fails where that host is no name.
_BREAKS = (httpx.HTTPError, UnicodeError)
_TOKEN = re.compile(r"[\x21-\x7e]+")
# A signed file is where the network says, or a step or two behind.
_MOST_STEPS = 3
# The codes of refusals that say the network could not even be reached.
UNREACHABLE = frozenset({"connect", "connect-timeout"})


@dataclass(frozen=True, slots=True)
class Download:
    """A file, read to its end and no further than allowed."""

    content: bytes
    # Lower case, without parameters; empty when the network did not tell.
    media_type: str


# What comes of an exchange.
Exchange = Reply | Rejected | Unknown


class Session:
    """Connections to one network, with one token or password. Keeps no cookies and follows no redirects, so that
    nothing else says who we are and nobody else ever receives it.
    """

    def __init__(
        self,
        network: str,
        url: str,
        token: str,
        timeout_s: float,
        *,
        user: str = "",
        shown_as: str = "Bearer {}",
        accept: str = "*/*",
    ) -> None:
        """`network` names it in reasons; `timeout_s` bounds one exchange from the connection to the last byte. With a
        `user` the token is that user's password (RFC 7617); else the header Authorization says `shown_as` with the
        token in the braces, or is left out when that is empty, because the token stands in what is sent. `accept` is
        the form of answers that the network is asked for.

        Raises ConfigurationError when the URL or the token cannot be one.
        """
        if not _TOKEN.fullmatch(token):
            raise ConfigurationError(f"the token for {network} is empty or holds characters that no token has")
        try:
            base = httpx.URL(url.rstrip("/") + "/")
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"the URL of {network} cannot be read: {error}") from error
        if base.scheme not in {"http", "https"} or not base.host:
            raise ConfigurationError(f"the URL of {network} must begin with https:// (or http://) and name a host")
        self._network = network
        self._base = base
        self._token = token
        self._user = user
        self._headers = {"Accept": accept}
        if shown_as and not user:
            self._headers["Authorization"] = shown_as.format(token)
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None

    def open(self) -> httpx.AsyncClient:
        """Make ready for exchanges; connections are made when they are needed. Idempotent."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self._base,
                headers=self._headers,
                auth=httpx.BasicAuth(self._user, self._token) if self._user else None,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                timeout=httpx.Timeout(self._timeout_s, connect=min(_CONNECT_S, self._timeout_s / 2)),
                verify=trust() if self._base.scheme == "https" else False,
                trust_env=False,
                follow_redirects=False,
            )
        return self._client

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        payload: object = None,
        form: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Send one request and read its answer; `path` is relative to the URL. The body is `payload` as JSON, or
        `form` as a page's form would send it. Never raises for what a network does.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self.open().request(method, path.lstrip("/"), params=query, json=payload, data=form)
        except TimeoutError:
            return Unknown(f"{self._network} did not answer within {self._timeout_s:g} s")
        except _BREAKS as error:
            return broken(self._network, error)
        return _reply(answer, answer.content)

    async def upload(self, path: str, form: Mapping[str, str], field: str, file: tuple[str, bytes, str]) -> Exchange:
        """Send a file (name, content, type) as a page's form would (RFC 7578); otherwise as `exchange`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self.open().post(path.lstrip("/"), data=dict(form), files={field: file})
        except TimeoutError:
            return Unknown(f"{self._network} did not take the file within {self._timeout_s:g} s")
        except _BREAKS as error:
            return broken(self._network, error)
        return _reply(answer, answer.content)

    async def download(self, address: str, limit: int, hosts: Sequence[str] = ()) -> Download | Exchange:
        """Read a file of at most `limit` bytes; a longer one is `too-large` as soon as that shows.

        The token is shown, so the address must be at the network's own origin, or by https at one of `hosts` or below
        it. An answer outside 2xx comes back without its body. As a file says how it is packed and unpacked it may have
        any size, it is only taken as it is.
        """
        url = self._own(address, hosts)
        if url is None:
            return Rejected(Fault.PERMANENT, "host", f"{self._network} points to a host that is not its own")
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self.open().stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
            ):
                return await _content(answer, limit, self._network) if answer.is_success else _reply(answer, b"")
        except TimeoutError:
            return Unknown(f"{self._network} did not give the file within {self._timeout_s:g} s")
        except _BREAKS as error:
            return broken(self._network, error)

    def _own(self, address: str, hosts: Sequence[str]) -> httpx.URL | None:
        base = self._base
        try:
            url = base.join(address)
            host = url.host
        except (httpx.InvalidURL, ValueError):  # ValueError: a host that is no name in Unicode either
            return None
        if url.userinfo:
            return None
        if (url.scheme, host, url.port) == (base.scheme, base.host, base.port):
            return url
        known = any(host == own or host.endswith(f".{own}") for own in hosts)
        return url if known and url.scheme == "https" and url.port is None else None


class Visitor:
    """Reads files at addresses that a network has signed, so that whoever knows one may have its file: nobody there is
    shown a token, and where they lead on they are followed, a few steps.

    Only by https, and only where everybody may go (see `addresses`). Where the network's own URL is http, or within the
    company's network or this machine, as a proxy is, http and its own addresses are allowed too.
    """

    def __init__(self, network: str, url: str, timeout_s: float) -> None:
        """`network` names it in reasons, `url` is its own; `timeout_s` bounds one file, whatever leads to it."""
        self._network = network
        self._base = httpx.URL(url)
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def download(self, address: str, limit: int) -> Download | Exchange:
        """Read a file of at most `limit` bytes; a longer one is `too-large` as soon as that shows. An answer outside
        2xx comes back without its body.
        """
        url = self._base
        try:
            async with asyncio.timeout(self._timeout_s):
                for _ in range(_MOST_STEPS):
                    target = self._permitted(url, address)
                    if target is None:
                        return Rejected(Fault.PERMANENT, "host", f"{self._network} points to where no file may be")
                    found = await self._visit(target, limit)
                    if not isinstance(found, Reply) or not found.redirected:
                        return found
                    url, address = target, found.location
        except TimeoutError:
            return Unknown(f"{self._network} did not give the file within {self._timeout_s:g} s")
        return Rejected(Fault.PERMANENT, "redirects", f"{self._network} leads from one address to the next")

    def _permitted(self, url: httpx.URL, address: str) -> httpx.URL | None:
        try:
            target = url.join(address)
            host = target.host
        except (httpx.InvalidURL, ValueError):
            return None
        schemes = {"https", self._base.scheme}
        return target if host and address and not target.userinfo and target.scheme in schemes else None

    async def _visit(self, url: httpx.URL, limit: int) -> Download | Exchange:
        host = url.raw_host.decode("ascii")
        try:
            places = await public_or_own(host, self._base.host)
        except OSError:
            return Rejected(Fault.TRANSIENT, "connect", f"the host that {self._network} points to cannot be looked up")
        found: Download | Exchange = Rejected(
            Fault.PERMANENT, "host", f"{self._network} points into a network that is not public"
        )
        for place in places:
            found = await self._read(url, host, place, limit)
            if not isinstance(found, Rejected) or found.code not in UNREACHABLE:
                break
        return found

    async def _read(self, url: httpx.URL, host: str, place: str, limit: int) -> Download | Exchange:
        """The file from one address of its host, whose certificate has to be the host's all the same."""
        headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"}
        at = url.copy_with(host=place)
        try:
            async with self._open().stream("GET", at, headers=headers, extensions={"sni_hostname": host}) as answer:
                return await _content(answer, limit, self._network) if answer.is_success else _reply(answer, b"")
        except _BREAKS as error:
            return broken(self._network, error)

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                timeout=httpx.Timeout(self._timeout_s, connect=min(_CONNECT_S, self._timeout_s / 2)),
                # A connection to one host must not serve another at the same address.
                limits=httpx.Limits(max_keepalive_connections=0),
                verify=trust(),
                trust_env=False,
                follow_redirects=False,
            )
        return self._client


async def _content(answer: httpx.Response, limit: int, network: str) -> Download | Rejected:
    too_large = Rejected(Fault.PERMANENT, "too-large", f"the file is larger than {limit} bytes")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        return Rejected(Fault.TRANSIENT, "packed", f"{network} packs the file although it was asked not to")
    told = answer.headers.get("Content-Length", "")
    if told.isascii() and told.isdigit() and int(told[:18]) > limit:
        return too_large
    read = bytearray()
    async for chunk in answer.aiter_raw():
        read += chunk
        if len(read) > limit:
            return too_large
    return Download(bytes(read), answer.headers.get("Content-Type", "").partition(";")[0].strip().lower())


def _reply(answer: httpx.Response, body: bytes) -> Reply:
    date = instant_of(answer.headers.get("Date", ""))
    return Reply(
        status=answer.status_code,
        body=body,
        retry_after=retry_after(answer.headers.get("Retry-After", ""), date),
        date=date,
        request_id=answer.headers.get("X-Request-Id", "")[:64],
        location=answer.headers.get("Location", "").strip(),
    )


def broken(network: str, error: httpx.HTTPError | UnicodeError) -> Rejected | Unknown:
    """What an exchange without an answer means for the thing that was said."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return Rejected(Fault.TRANSIENT, "connect-timeout", f"{network} accepts no connection in time")
        case httpx.ConnectError():
            return Rejected(Fault.TRANSIENT, "connect", f"{network} cannot be reached: no connection")
        case httpx.TimeoutException():
            return Unknown(f"{network} took the request and did not answer in time")
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return Rejected(Fault.MISCONFIGURED, "request", f"the request to {network} cannot be sent as configured")
        case _:
            return Unknown(f"the connection to {network} broke before its answer was read")


def certainly(failure: Rejected | Unknown) -> Rejected:
    """The failure of an exchange that only asked something, so that nothing was said whatever became of it."""
    if isinstance(failure, Rejected):
        return failure
    return Rejected(Fault.TRANSIENT, "no-answer", failure.reason)


@cache
def trust() -> ssl.SSLContext:
    """The machine's certificate authorities, a company's own included, and the public ones that httpx brings.

    Read once, because that holds everything else up for 60 ms.
    """
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
