"""What `engine doctor` finds beyond the machine: Mattermost, the ways into WhatsApp, the public address."""

import asyncio
import socket
import sqlite3
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands.examined import NOW, SECRETS, STATUS, WEB, installation, lines
from standins import graph, twilio
from standins.inprocess import CONFIG, LiveDaemon, live_daemon, write_config
from standins.loopback import Loopback, serving
from standins.parts import SetClock
from standins.tools import output_of, tool

from engine.commands.doctor import (
    chats,
    doors,
    duties,
    installations,
    networks,
    phones,
    rulesets,
)
from engine.commands.doctor.findings import Finding
from engine.commands.doctor.installations import Installation
from engine.connectors.mattermost.examinations import Examination, Person, Place
from engine.connectors.mattermost.servers import Bot
from engine.core.deliveries import Fault, Rejected
from engine.settings import TwilioSettings, WhatsAppCloudSettings, WhatsAppWebSettings

Captured = pytest.CaptureFixture[str]


CHAT = "mattermost: {{url: 'http://127.0.0.1:1', team: support{more}}}\n"


def chat(more: str = "") -> str:
    """The section, as `write_config` formats it."""
    return CHAT.replace("{more}", more)


def test_the_places_of_posts_are_those_of_live_rules(tmp_path: Path) -> None:
    """Defaults, rules, copies and the operators' channel; with an override only that one and the operators'."""
    loaded = rulesets.read(installation(tmp_path), NOW)
    assert rulesets.places(installation(tmp_path), loaded) == ()
    found = rulesets.places(installation(tmp_path, chat(", operations_channel: noc")), loaded)
    assert found[0] == Place("support-triage")
    assert found[-1] == Place("noc")
    assert Place("support-voip") in found
    assert len(set(found)) == len(found)
    overridden = chat(", operations_channel: noc, channel_override: dev")
    assert rulesets.places(installation(tmp_path, overridden), loaded) == (Place("dev"),)
    assert str(Place("leads", "sales")) == "~leads of team sales"
    assert rulesets._other("sales", "support") == "sales"


def test_whom_posts_call(tmp_path: Path) -> None:
    """Accounts by name; what calls everybody is none."""
    mention = 'oncall: {{mention: "@Alice @here or @bob."}}\n'
    here = installation(tmp_path, mention)
    assert duties.usernames(here, rulesets.read(here, NOW), NOW) == ("alice", "bob")
    assert lines(duties.duty(here, rulesets.read(here, NOW), NOW)) == [
        "ok on-call every post calls @Alice @here or @bob., at any hour"
    ]
    people = (
        Person("alice", exists=True),
        Person("bob", exists=True, absent=(Place("noc"), Place("leads", "sales"))),
        Person("oncall", exists=False),
        Person("carol", exists=None),
    )
    assert lines(duties.called(people)) == [
        "ok on-call @alice is an account and in every channel",
        (
            "fail on-call @bob is not in ~noc, ~leads of team sales, and a post there does not reach them: add them "
            "to the "
            "channel"
        ),
        (
            "warn on-call no account is called @oncall; whether engineers have it as a keyword nobody can see from "
            "here: "
            "have each engineer add it, with the @, in Mattermost under Settings > Notifications > Keywords, and try "
            "`engine send test`"
        ),
        "skip on-call Mattermost did not tell whether there is an account @carol",
    ]


async def test_a_mattermost_that_cannot_be_asked_is_told(tmp_path: Path) -> None:
    """Not configured, no token, no server, a token that is none."""
    clock = SetClock()

    async def look(found: Installation) -> list[str]:
        seen = await chats.look(found, (), (), clock)
        assert isinstance(seen, Finding)
        return lines([seen])

    assert await look(installation(tmp_path)) == ["skip mattermost it is not configured"]
    assert await look(installation(tmp_path, chat(), {"ENGINE_DESK_TOKEN": "x"})) == [
        "skip mattermost mattermost_token cannot be had here, so that it cannot be asked"
    ]
    assert await look(installation(tmp_path, chat())) == ["fail mattermost Mattermost cannot be reached: no connection"]
    odd = {**SECRETS, "ENGINE_MATTERMOST_TOKEN": "two words"}
    assert await look(installation(tmp_path, chat(), odd)) == [
        (
            "fail mattermost the token for Mattermost is empty or holds characters that no token has: correct "
            "mattermost.url or mattermost_token"
        )
    ]


def test_a_second_way_is_not_tried(tmp_path: Path) -> None:
    """To look would be to post."""
    assert chats.fallback(installation(tmp_path)) == ()
    assert chats.fallback(installation(tmp_path, chat())) == ()
    environ = {**SECRETS, "ENGINE_MATTERMOST_FALLBACK_URL": "https://chat.example.org/hooks/x"}
    assert lines(chats.fallback(installation(tmp_path, chat(", fallback: on"), environ))) == [
        "skip mattermost whether the fallback webhook works shows only when it is used"
    ]


def test_a_bot_that_is_refused_is_told() -> None:
    """And a server that keeps its version to itself."""
    seen = Examination(
        "", labels=True, ahead=None, bot=Rejected(Fault.MISCONFIGURED, "401", "the token is refused: make a new one")
    )
    assert lines(chats.chat(seen)) == [
        "ok mattermost answers, a version that it does not tell",
        "fail mattermost the token is refused: make a new one",
    ]
    well = Examination("11.6.0", labels=True, ahead=None, bot=Bot("u1", "engine-bot"))
    assert lines(chats.chat(well)) == [
        "ok mattermost answers, version 11.6.0",
        "ok mattermost the token is that of the bot account engine-bot",
    ]
    assert chats._whole("no connection", "https://c") == (
        "no connection: try `curl -sS https://c/api/v4/system/ping` on this machine"
    )


CLOUD = """\
  cloud: {{type: whatsapp-cloud, phone_number_id: "NUMBER", api_url: "URL"}}
"""
TWILIO = """\
  reserve: {{type: twilio, account_sid: ACCOUNT, from: "whatsapp:+14155238886", api_url: "URL"}}
http: {{public_url: "https://support.example.org"}}
"""


def cloud(folder: Path, loopback: Loopback, environ: Mapping[str, str] = SECRETS) -> tuple[Installation, Any]:
    text = CLOUD.replace("NUMBER", graph.PHONE_NUMBER_ID).replace("URL", loopback.url)
    found = installation(folder, text, environ)
    return found, next(one for one in found.settings.connectors if isinstance(one, WhatsAppCloudSettings))


def reserve(folder: Path, loopback: Loopback, environ: Mapping[str, str] = SECRETS) -> tuple[Installation, Any]:
    config = CONFIG.replace('http: {{listen: "127.0.0.1:0"}}\n', "")
    text = config + TWILIO.replace("ACCOUNT", twilio.ACCOUNT_SID).replace("URL", loopback.url)
    found = installations.find(write_config(folder, text=text), environ, None)
    return found, next(one for one in found.settings.connectors if isinstance(one, TwilioSettings))


@pytest.mark.parametrize(
    ("quality", "environ", "told"),
    [
        ("GREEN", {}, ["ok cloud Meta takes the access token for this number"]),
        (
            "RED",
            {},
            [
                "ok cloud Meta takes the access token for this number",
                (
                    "warn cloud Meta rates the quality of this number low, because clients block or report it: look "
                    "into "
                    "WhatsApp Manager > Phone numbers"
                ),
            ],
        ),
        (
            "GREEN",
            {"ENGINE_CLOUD_ACCESS_TOKEN": "old"},
            [
                (
                    "fail cloud Meta refuses the access token: make a new one for the system user, set access_token "
                    "and "
                    "restart"
                )
            ],
        ),
    ],
)
async def test_a_number_at_meta(tmp_path: Path, quality: str, environ: dict[str, str], told: list[str]) -> None:
    """Whether the token works for it; what only Meta's own calls show is said to be so."""
    network = graph.Graph()
    network.moods.quality = quality
    async with serving(network) as loopback:
        found = lines(await networks.cloud(*cloud(tmp_path, loopback, {**SECRETS, **environ})))
        assert network.sent == []
    unknowable = (
        "skip cloud app secret, verify token and webhook show only when Meta calls: write to the number from a phone, "
        "then `engine incidents list`"
    )
    assert found == (told if told[0].startswith("fail") else [*told, unknowable])


async def test_networks_that_cannot_be_asked(tmp_path: Path) -> None:
    """No secret, a secret that is none, no network."""
    async with serving(graph.Graph()) as loopback:
        without = {name: text for name, text in SECRETS.items() if "CLOUD_ACCESS" not in name and "RESERVE" not in name}
        assert lines(await networks.cloud(*cloud(tmp_path, loopback, without))) == [
            "skip cloud cloud_access_token cannot be had here, so that it cannot be asked"
        ]
        assert lines(await networks.twilio(*reserve(tmp_path, loopback, without))) == [
            "skip reserve reserve_auth_token cannot be had here, so that it cannot be asked"
        ]
        odd = {**SECRETS, "ENGINE_CLOUD_ACCESS_TOKEN": "two words"}
        assert lines(await networks.cloud(*cloud(tmp_path, loopback, odd))) == [
            (
                "fail cloud the token for cloud is empty or holds characters that no token has: correct api_url, or "
                "cloud_access_token"
            )
        ]
        await loopback.close()
        assert lines(await networks.twilio(*reserve(tmp_path, loopback))) == [
            f"fail reserve reserve cannot be reached: no connection: is {loopback.url} reachable from this machine?"
        ]


@pytest.mark.parametrize(
    ("status", "environ", "told"),
    [
        (
            "active",
            {},
            [
                "ok reserve Twilio takes the auth token, the account is active",
                (
                    "skip reserve the sender's webhook shows only when Twilio calls: write to the number from a phone, "
                    "then "
                    "`engine incidents list`"
                ),
            ],
        ),
        (
            "suspended",
            {},
            ["fail reserve the Twilio account is not active: look into the Twilio console, often it is a payment"],
        ),
        (
            "active",
            {"ENGINE_RESERVE_AUTH_TOKEN": "old"},
            [
                "fail reserve Twilio refuses the account SID or the auth token: compare both with the Twilio console",
            ],
        ),
    ],
)
async def test_a_sender_at_twilio(tmp_path: Path, status: str, environ: dict[str, str], told: list[str]) -> None:
    """Whether the account takes the token and is active."""
    network = twilio.Twilio()
    network.status = status
    try:
        async with serving(network) as loopback:
            assert lines(await networks.twilio(*reserve(tmp_path, loopback, {**SECRETS, **environ}))) == told
    finally:
        await network.close()


def linked(folder: Path, **changed: Any) -> tuple[Installation, WhatsAppWebSettings]:
    found = installation(folder, WEB, **changed)
    return found, next(one for one in found.settings.connectors if isinstance(one, WhatsAppWebSettings))


def test_a_linked_phone_without_a_daemon(tmp_path: Path) -> None:
    """What the library needs, whether a phone is linked, and who may read the session, wherever that is."""
    here, number = linked(tmp_path)
    number = replace(number, session=tmp_path / "sessions: new")
    assert lines(phones.phone(here, number))[1:] == [
        "ok main neonize is installed",
        "fail main no phone is linked: `engine whatsapp link --connector main`",
    ]
    assert lines(phones._library("main", "libnowhere.so.1")) == [
        "fail main libnowhere.so.1 is not installed: `apt-get install libmagic1`"
    ]
    number.session.mkdir(parents=True)
    file = number.session / "session.db"
    with sqlite3.connect(file) as session:
        session.execute("CREATE TABLE whatsmeow_device (jid TEXT)")
        session.execute("INSERT INTO whatsmeow_device VALUES ('x')")
    session.close()
    file.chmod(0o640)
    assert lines(phones.phone(here, number))[2:] == [
        "ok main a phone is linked, as far as the session tells",
        f"fail main {file} has mode 0640, and whoever reads it can write as this number: `chmod 600 {file}`",
    ]
    file.chmod(0o600)
    assert lines(phones.phone(here, number))[3:] == ["ok main the session is readable for its owner only"]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"main": {"state": "online", "problem": ""}}, "ok main online"),
        (
            {"main": {"state": "logged_out", "problem": "the phone has unlinked this device: stop the daemon"}},
            "fail main logged out, the phone has unlinked this device: stop the daemon",
        ),
        ({}, "fail main the daemon runs without this connector: `systemctl restart engine`"),
    ],
)
def test_a_linked_phone_as_the_daemon_tells(tmp_path: Path, told: dict[str, Any], line: str) -> None:
    """The daemon knows how the connection is."""
    found, number = linked(tmp_path, status={**STATUS, "connectors": told})
    assert lines(phones.phone(found, number))[2] == line


def test_a_linked_phone_of_a_silent_daemon(tmp_path: Path) -> None:
    """Its session is left alone."""
    assert lines(phones.phone(*linked(tmp_path, silent="no")))[2] == (
        "skip main the daemon, which has the session, does not tell how it is"
    )


async def test_the_public_address_leads_to_the_engine(tmp_path: Path) -> None:
    """The probe where there is no webhook; another program at the address is told apart."""
    address: list[str] = []

    def at(live: LiveDaemon, url: str) -> Installation:
        text = CONFIG.replace('"127.0.0.1:0"', f'"127.0.0.1:0", public_url: "{url}"')
        return installations.find(write_config(live.config.parent, text=text), SECRETS, None)

    def start() -> None:
        with live_daemon(tmp_path) as live:
            found = asyncio.run(doors.door(at(live, live.url)))
            address.append(live.url)
            assert lines(found) == [
                f"ok public url {live.url}/livez leads to the engine",
                (
                    f"warn public url {live.url}/metrics is open to everybody: have the proxy pass on /webhooks/ "
                    f"alone, "
                    f"see "
                    "deploy/nginx.conf"
                ),
            ]
            gone = asyncio.run(doors.door(at(live, "http://127.0.0.1:1")))
            assert lines(gone) == [
                (
                    "fail public url http://127.0.0.1:1 cannot be reached: no connection: look at the proxy, its "
                    "firewall "
                    "and the name's address"
                )
            ]

    await asyncio.to_thread(start)
    assert address
    assert lines(await doors.door(installation(tmp_path))) == ["skip public url http.public_url is not set"]


async def test_something_else_at_the_public_address_is_told(tmp_path: Path) -> None:
    """A proxy's page is no engine; an engine without this connector is another installation's."""
    async with serving(graph.Graph()) as loopback:
        text = CONFIG.replace('"127.0.0.1:0"', f'"127.0.0.1:0", public_url: "{loopback.url}"')
        text += CLOUD.replace("NUMBER", "1").replace("URL", "https://graph.facebook.com")
        settings = installations.find(write_config(tmp_path, text=text), SECRETS, None).settings
        found = Installation(tmp_path, settings, {}, STATUS)
        loopback.fail("GET /webhooks/cloud", status=404, body="<html>Not Found</html>")
        loopback.fail("GET /metrics", status=404)
        assert lines(await doors.door(found)) == [
            (
                f"fail public url {loopback.url}/webhooks/cloud is answered 404 by something else: look at the proxy's "
                "configuration, see deploy/nginx.conf"
            )
        ]
        loopback.fail("GET /webhooks/cloud", status=404, body={"error": "no such connector"})
        loopback.fail("GET /metrics", status=404)
        assert lines(await doors.door(found)) == [
            (
                f"fail public url {loopback.url}/webhooks/cloud is answered 404 by the engine, which has no such "
                f"connector: "
                "look at the proxy's configuration, see deploy/nginx.conf"
            )
        ]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, good for ten days, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    file = folder / "both.pem"
    output_of(
        *(tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "10"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
    )
    file.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return file


async def test_certificates_are_looked_at(pem: Path) -> None:
    """One that is trusted by how long it is good, one that is not, a port without TLS, and a URL without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    now = datetime.now(UTC)  # noqa: TID251 - certificates are good by the machine's clock
    async with await asyncio.start_server(silent, "localhost", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        trust = ssl.create_default_context(cafile=str(pem))
        (known,) = lines(await doors.certificate(f"https://localhost:{port}", now, trust))
        (strange,) = lines(await doors.certificate(f"https://localhost:{port}", now))
    end = now + timedelta(days=10)
    assert known == (
        f"warn certificate that of localhost is good until {end:%Y-%m-%d}: renew it, and see why that does not happen "
        f"by "
        "itself"
    )
    assert strange.startswith("fail certificate that of localhost is not good (self")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert lines(await doors.certificate(f"https://127.0.0.1:{port}", now)) == [
        "skip certificate 127.0.0.1 cannot be reached by TLS"
    ]
    assert await doors.certificate("http://localhost", now) == ()
    assert await doors.certificate(None, now) == ()
    later = {"notAfter": "Jun  1 12:00:00 2026 GMT"}
    assert lines([doors.good_until("h", later, datetime(2026, 2, 12, tzinfo=UTC))]) == [
        "ok certificate that of h is good until 2026-06-01"
    ]
