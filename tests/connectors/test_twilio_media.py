"""Files from Twilio: the credentials shown to its API alone, the file read where that leads, if all may go there."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standins import twilio
from standins.loopback import Loopback, serving
from standins.whatsapp.certificates import write_certificates

from engine.connectors import exchanges
from engine.connectors.addresses import is_public
from engine.connectors.exchanges import Download, Visitor, trust
from engine.connectors.twilio import TwilioMedia
from engine.connectors.twilio.refusals import TOKEN_REFUSED
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.media import Fetched

_VOICE = b"OggS\x00\x02" + bytes(range(256)) * 8
_PATH = f"{twilio.ROOT}/Messages/MM1/Media/ME0"
_API = f"GET {_PATH}"
_FILE = "GET /signed/"
_LIMIT = 10_000
_GONE = Rejected(Fault.PERMANENT, "gone", "Twilio no longer has the file")
_TOO_LARGE = Rejected(Fault.PERMANENT, "too-large", "the file is larger than 2000 bytes")
_NOWHERE = Rejected(Fault.PERMANENT, "host", "Twilio points to where no file may be")
_INSIDE = Rejected(Fault.PERMANENT, "host", "Twilio points into a network that is not public")
_REFUSED = Rejected(Fault.MISCONFIGURED, "401", TOKEN_REFUSED)


def _later(status: int, seconds: int = 0) -> Rejected:
    reason = "Twilio does not give the file now"
    return Rejected(Fault.TRANSIENT, str(status), reason, timedelta(seconds=seconds))


@dataclass
class _Setting:
    network: twilio.Twilio
    api: Loopback
    files: Loopback
    source: TwilioMedia

    async def fetch(self, reference: str = _PATH, limit: int = _LIMIT) -> Fetched | Rejected | Unknown:
        return await self.source.fetch(reference, limit)

    def lead_to(self, location: str, times: int = 1) -> None:
        """Where the API says that the file is."""
        self.api.fail(_API, status=307, headers={"location": location}, times=times)


@asynccontextmanager
async def _setting(timeout_s: float = 5) -> AsyncIterator[_Setting]:
    network = twilio.Twilio()
    network.arrive_with_file("MM1", "audio/ogg", _VOICE)
    async with serving(network) as api, serving(twilio.Files(network)) as files:
        network.files_at = files.url
        source = TwilioMedia(
            account_sid=twilio.ACCOUNT_SID, api_url=api.url, auth_token=twilio.AUTH_TOKEN, timeout_s=timeout_s
        )
        try:
            yield _Setting(network, api, files, source)
        finally:
            await source.close()
            await source.close()
            await network.close()


async def test_fetches_a_file_where_twilio_leads() -> None:
    """The credentials go to the API and no further; the file comes byte by byte with its type."""
    async with _setting() as setting:
        assert await setting.fetch() == Fetched(_VOICE, "audio/ogg")
        assert (setting.api.seen, setting.files.seen) == ([_API], [f"{_FILE}Messages/MM1/Media/ME0"])
        assert setting.api.headers["authorization"].startswith("Basic ")
        assert "authorization" not in setting.files.headers
        assert "cookie" not in setting.files.headers
        assert setting.files.headers["host"] == setting.files.url.removeprefix("http://")


async def test_takes_a_file_that_the_api_gives_itself() -> None:
    """Without a further host."""
    async with _setting() as setting:
        setting.api.fail(_API, status=200, body=_VOICE, headers={"content-type": "audio/ogg; codecs=opus"})
        assert await setting.fetch() == Fetched(_VOICE, "audio/ogg")
        assert setting.files.seen == []


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "/",
        f"https://api.twilio.com{_PATH}",
        f"//files.example.org{_PATH}",
        _PATH.replace(twilio.ACCOUNT_SID, "AC" + "6" * 32),
        _PATH.replace("2010", "2011"),
        f"{_PATH}.json",
        f"{_PATH}?x=y",
        f"{_PATH}/..",
        _PATH.replace("MM1", "../MM1"),
        f"{_PATH}\n",
        _PATH.replace("ME0", "ME" + "0" * 65),
    ],
)
async def test_asks_for_nothing_that_is_no_file_of_ours(reference: str) -> None:
    """Whatever a message says, the credentials go nowhere but to files of this account at the configured host."""
    async with _setting() as setting:
        found = await setting.fetch(reference)
        assert found == Rejected(Fault.PERMANENT, "reference", "this is no file of a message to our Twilio account")
        assert setting.api.seen == []


@pytest.mark.parametrize("do", ["answer", "unmeasured_after"], ids=["announced", "not announced"])
async def test_stops_at_the_limit(do: str) -> None:
    """Whatever was announced, no more than allowed is kept; just as much as allowed is taken."""
    async with _setting() as setting:
        details = {"status": 200, "body": _VOICE} if do == "answer" else {}
        setting.files.fail(_FILE, do, times=2, **details)
        assert await setting.fetch(limit=2000) == _TOO_LARGE
        assert isinstance(await setting.fetch(limit=len(_VOICE)), Fetched)


async def test_a_file_that_is_cut_in_the_middle_is_none() -> None:
    """Half a voice note is never attached; it is asked for again."""
    async with _setting() as setting:
        setting.files.fail(_FILE, "half_after")
        assert await setting.fetch() == Unknown("the connection to Twilio broke before its answer was read")
        assert isinstance(await setting.fetch(), Fetched)


_CASES: dict[str, tuple[str, dict[str, Any], Rejected | Unknown]] = {
    "gone": (_API, twilio.twilio_error(20404, 404), _GONE),
    "gone for good": (_API, {"status": 410}, _GONE),
    "credentials refused": (_API, twilio.twilio_error(20003, 401), _REFUSED),
    "forbidden": (_API, {"status": 403}, Rejected(Fault.MISCONFIGURED, "403", TOKEN_REFUSED)),
    "asked too often": (_API, {"status": 429, "headers": {"retry-after": "7"}}, _later(429, 7)),
    "trouble": (_API, {"status": 503}, _later(503)),
    "no place to go": (_API, {"status": 307}, _NOWHERE),
    "gone there": (_FILE, {"status": 404}, _GONE),
    "trouble there": (_FILE, {"status": 503, "headers": {"retry-after": "7"}}, _later(503, 7)),
    "signature refused": (
        _FILE,
        {"status": 403},
        Rejected(Fault.TRANSIENT, "403", "the address that Twilio has signed for the file is refused"),
    ),
    "packed": (
        _FILE,
        {"status": 200, "body": _VOICE, "headers": {"content-encoding": "gzip"}},
        Rejected(Fault.TRANSIENT, "packed", "Twilio packs the file although it was asked not to"),
    ),
}


@pytest.mark.parametrize(("on", "fault", "found"), _CASES.values(), ids=_CASES)
async def test_says_what_became_of_a_file(on: str, fault: dict[str, Any], found: Rejected | Unknown) -> None:
    """Gone, refused, or to be asked for again."""
    async with _setting() as setting:
        (setting.api if on == _API else setting.files).fail(on, **fault)
        assert await setting.fetch() == found


async def test_a_network_that_is_away_or_slow_is_asked_again() -> None:
    """No connection, and no end, of either host."""
    async with _setting(timeout_s=1) as setting:
        setting.files.fail(_FILE, "hang_before")
        assert await setting.fetch() == Unknown("Twilio did not give the file within 1 s")
        for away in (setting.files, setting.api):
            await away.close()
            found = await setting.fetch()
            assert isinstance(found, Rejected)
            assert (found.fault, found.code) == (Fault.TRANSIENT, "connect")


async def test_follows_a_few_steps() -> None:
    """An address may lead on, also without naming its host again, but not forever."""
    async with _setting() as setting:
        signed = "/signed/Messages/MM1/Media/ME0?Signature=x"
        setting.files.fail(_FILE, status=302, headers={"location": signed}, times=2)
        assert await setting.fetch() == Fetched(_VOICE, "audio/ogg")
        setting.files.fail(_FILE, status=302, headers={"location": signed}, times=3)
        assert await setting.fetch() == Rejected(
            Fault.PERMANENT, "redirects", "Twilio leads from one address to the next"
        )
        assert len(setting.files.seen) == 6


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "127.0.0.2", "169.254.169.254", "192.168.1.1", "100.64.0.1", "224.0.0.1", "2130706434", "0x7f.2"),
        *("[::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:0a00:0001::]", "[ff02::1]"),
    ],
)
@pytest.mark.parametrize("step", ["first", "second"])
async def test_is_led_into_no_private_network(host: str, step: str) -> None:
    """Neither at once nor by way of another host, however the address is written."""
    async with _setting() as setting:
        location = f"http://{host}:{setting.files.port}/signed/Messages/MM1/Media/ME0?Signature=x"
        if step == "first":
            setting.lead_to(location)
        else:
            setting.files.fail(_FILE, status=307, headers={"location": location})
        assert await setting.fetch() == _INSIDE
        assert len(setting.files.seen) == (step == "second")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://somebody:secret@127.0.0.1/x"])
async def test_is_led_to_nothing_that_is_no_file_of_the_web(location: str) -> None:
    """Another scheme and somebody's credentials are refused."""
    async with _setting() as setting:
        setting.lead_to(location)
        assert await setting.fetch() == _NOWHERE


@pytest.mark.parametrize(
    "location",
    [
        "http://xn--/",
        "http://files.invalid/",
        f"http://{'a' * 64}.example/",
        "http://a..b/",
        "http://[",
        "http://",
    ],
)
async def test_a_host_that_is_not_known_is_asked_for_again(location: str) -> None:
    """Names are lost now and then; also what is no name raises nothing and leads nowhere."""
    async with _setting() as setting:
        setting.lead_to(location)
        found = await setting.fetch()
        assert isinstance(found, Unknown | Rejected)
        assert not isinstance(found, Rejected) or found.fault is Fault.TRANSIENT
        assert setting.files.seen == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x", "http://localhost/x"])
async def test_leaves_https_for_nothing(address: str) -> None:
    """Where the network speaks https, nobody is led to anything else."""
    visitor = Visitor("Twilio", "https://127.0.0.1:9", 2)
    assert await visitor.download(address, 10) == _NOWHERE
    await visitor.close()


@pytest.mark.parametrize(("name", "known"), [("localhost", True), ("files.example.org", False)])
async def test_a_host_proves_by_https_who_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    known: bool,  # noqa: FBT001
) -> None:
    """The connection goes to the address that was looked up, and the certificate must be the name's all the same."""
    write_certificates(tmp_path / "authority.pem", tmp_path / "leaf.pem", (name,))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    # Read once for a process; the test asks for its own.
    monkeypatch.setattr(exchanges, "trust", trust.__wrapped__)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    network = twilio.Twilio()
    network.arrive_with_file("MM1", "audio/ogg", _VOICE)
    async with serving(twilio.Files(network), context) as files:
        visitor = Visitor("Twilio", "https://127.0.0.1:9", 5)
        found = await visitor.download(
            f"https://localhost:{files.port}/signed/Messages/MM1/Media/ME0?Signature=x", _LIMIT
        )
        await visitor.close()
    await network.close()
    if known:
        assert found == Download(_VOICE, "audio/ogg")
        assert files.headers["host"] == f"localhost:{files.port}"
    else:
        assert isinstance(found, Rejected)
        assert (found.fault, found.code) == (Fault.TRANSIENT, "connect")


def test_knows_the_public_internet() -> None:
    """Also where an address of IPv4 stands within one of IPv6."""
    assert all(map(is_public, ("54.230.1.1", "2600:9000::1", "::ffff:54.230.1.1", "64:ff9b::36e6:101")))
    assert not any(
        map(is_public, ("fe80::1%eth0", "::", "ff02::1", "2001:db8::1", "192.0.2.1", "255.255.255.255", "x"))
    )
