"""Files from Meta: had in two steps, never more of one than allowed, and the token shown to Meta alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from standins import graph
from standins.loopback import Loopback, serving

from engine.connectors.exchanges import Session
from engine.connectors.whatsapp_cloud import CloudMedia
from engine.connectors.whatsapp_cloud.refusals import TOKEN_REFUSED
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.media import Fetched

_VOICE = b"OggS\x00\x02" + bytes(range(256)) * 8
_LOOKUP = "GET /v23.0/4711"
_FILE = "GET /whatsapp_business/attachments/"
_LIMIT = 10_000
_GONE = Rejected(Fault.PERMANENT, "gone", "Meta no longer has the file")
_TOO_LARGE = Rejected(Fault.PERMANENT, "too-large", "the file is larger than 2000 bytes")
_NOT_META = Rejected(Fault.PERMANENT, "host", "the Graph API points to a host that is not its own")


@dataclass
class _Setting:
    network: graph.Graph
    loopback: Loopback
    source: CloudMedia

    async def fetch(self, reference: str = "4711", limit: int = _LIMIT) -> Fetched | Rejected | Unknown:
        return await self.source.fetch(reference, limit)


@asynccontextmanager
async def _setting(timeout_s: float = 5, token: str = graph.TOKEN) -> AsyncIterator[_Setting]:
    network = graph.Graph()
    network.files["4711"] = _VOICE, "audio/ogg; codecs=opus"
    async with serving(network) as loopback:
        source = CloudMedia(
            api_url=loopback.url, api_version=graph.API_VERSION, access_token=token, timeout_s=timeout_s
        )
        try:
            yield _Setting(network, loopback, source)
        finally:
            await source.close()
            await source.close()


async def test_fetches_a_file_by_its_id() -> None:
    """Byte by byte, with the type that Graph tells."""
    async with _setting() as setting:
        assert await setting.fetch() == Fetched(_VOICE, "audio/ogg; codecs=opus")
        assert setting.loopback.seen == [_LOOKUP, _FILE]
        assert setting.loopback.headers["authorization"] == f"Bearer {graph.TOKEN}"
        assert setting.loopback.headers["accept-encoding"] == "identity"


async def test_takes_the_type_of_the_file_itself_where_graph_tells_none() -> None:
    """Without its parameters."""
    async with _setting() as setting:
        setting.loopback.fail(_LOOKUP, status=200, body={"url": f"{setting.loopback.url}{_FILE[4:]}?mid=4711"})
        assert await setting.fetch() == Fetched(_VOICE, "audio/ogg")


@pytest.mark.parametrize("reference", ["", "../messages", "1?x=y", "https://a.example/1", "x" * 201])
async def test_asks_for_nothing_that_is_no_id(reference: str) -> None:
    """A reference cannot lead anywhere else."""
    async with _setting() as setting:
        found = await setting.fetch(reference)
        assert found == Rejected(Fault.PERMANENT, "reference", "this is no media id of Meta's")
        assert setting.loopback.seen == []


async def test_does_not_begin_what_is_too_large() -> None:
    """Graph tells the size with the address."""
    async with _setting() as setting:
        assert await setting.fetch(limit=2000) == _TOO_LARGE
        assert setting.loopback.seen == [_LOOKUP]


@pytest.mark.parametrize("do", ["answer", "unmeasured_after"], ids=["announced", "not announced"])
async def test_stops_at_the_limit(do: str) -> None:
    """Whatever was announced, no more than allowed is kept; just as much as allowed is taken."""
    async with _setting() as setting:
        told = {"url": f"{setting.loopback.url}{_FILE[4:]}?mid=4711", "file_size": 5}
        setting.loopback.fail(_LOOKUP, status=200, body=told, times=2)
        setting.loopback.fail(_FILE, do, status=200, body=_VOICE, times=2)
        assert await setting.fetch(limit=2000) == _TOO_LARGE
        assert isinstance(await setting.fetch(limit=len(_VOICE)), Fetched)


async def test_a_file_that_is_cut_in_the_middle_is_none() -> None:
    """Half a voice note is never attached; it is asked for again."""
    async with _setting() as setting:
        setting.loopback.fail(_FILE, "half_after")
        assert await setting.fetch() == Unknown("the connection to the Graph API broke before its answer was read")
        assert isinstance(await setting.fetch(), Fetched)


@pytest.mark.parametrize(
    ("on", "fault", "found"),
    [
        pytest.param(_LOOKUP, graph.graph_error(100), _GONE, id="unknown id"),
        pytest.param(_LOOKUP, graph.graph_error(190, 401), None, id="token"),
        pytest.param(
            _LOOKUP,
            {"status": 200, "body": {"id": "4711"}},
            Rejected(Fault.TRANSIENT, "answer", "the answer is not Graph's: a proxy in between?"),
            id="no address",
        ),
        pytest.param(
            _LOOKUP,
            {"status": 502, "body": "<html>"},
            Unknown("an answer 502 that is not Graph's"),
            id="proxy",
        ),
        pytest.param(_FILE, {"status": 404}, _GONE, id="gone"),
        pytest.param(_FILE, {"status": 410}, _GONE, id="gone for good"),
        pytest.param(_FILE, {"status": 401}, Rejected(Fault.MISCONFIGURED, "401", TOKEN_REFUSED), id="token refused"),
        pytest.param(
            _FILE,
            {"status": 302, "headers": {"location": "http://127.0.0.1:9/"}},
            Rejected(Fault.PERMANENT, "302", "the address of a file leads elsewhere"),
            id="redirect",
        ),
        pytest.param(
            _FILE,
            {"status": 503, "headers": {"retry-after": "7"}},
            Rejected(Fault.TRANSIENT, "503", "WhatsApp does not give the file now", timedelta(seconds=7)),
            id="busy",
        ),
        pytest.param(
            _FILE,
            {"status": 200, "body": _VOICE, "headers": {"content-encoding": "gzip"}},
            Rejected(Fault.TRANSIENT, "packed", "the Graph API packs the file although it was asked not to"),
            id="packed",
        ),
    ],
)
async def test_says_what_became_of_a_file(on: str, fault: dict[str, Any], found: Rejected | Unknown | None) -> None:
    """Gone, refused, or to be asked for again; and nothing is ever followed elsewhere."""
    async with _setting() as setting:
        setting.loopback.fail(on, **fault)
        got = await setting.fetch()
        assert got == (found or Rejected(Fault.MISCONFIGURED, "190", TOKEN_REFUSED))


async def test_a_network_that_is_away_or_slow_is_asked_again() -> None:
    """No connection, and no end."""
    async with _setting(timeout_s=1) as setting:
        setting.loopback.fail(_FILE, "hang_before")
        assert await setting.fetch() == Unknown("the Graph API did not give the file within 1 s")
        await setting.loopback.close()
        found = await setting.fetch()
        assert isinstance(found, Rejected)
        assert (found.fault, found.code) == (Fault.TRANSIENT, "connect")


@pytest.mark.parametrize(
    "address",
    [
        "https://files.example.org",
        "http://lookaside.fbsbx.com",
        "https://lookaside.fbsbx.com:8443",
        "https://fbsbx.com.example.org",
        "https://evilfbsbx.com",
        "https://somebody:secret@lookaside.fbsbx.com",
        "file:///etc/passwd?",
        "http://127.0.0.1:9",
        "https://[",
        "https://xn--",
        "https://lookaside.fbsbx.com:port",
    ],
)
async def test_shows_the_token_to_meta_alone(address: str) -> None:
    """An address anywhere else is refused before anything is sent."""
    async with _setting() as setting:
        setting.network.files_at = address
        assert await setting.fetch() == _NOT_META
        assert setting.loopback.seen == [_LOOKUP]


async def test_goes_to_the_hosts_that_it_is_told_to_trust() -> None:
    """By https, themselves and what is below them; this one exists nowhere."""
    session = Session("the network", "http://127.0.0.1:9", "token", 2)
    for host in ("files.invalid", "eu.files.invalid"):
        found = await session.download(f"https://{host}/1", 10, ("files.invalid",))
        assert isinstance(found, Rejected | Unknown)
        assert not isinstance(found, Rejected) or found.code != "host"
    await session.close()
