"""A linked phone, the daemon and its gateway as real processes: one client is one conversation, and a receipt settles
the delivery that it is about, whatever was killed in between.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standins.processes import Site, wait_until
from standins.whatsapp import Person, Shown
from standins.whatsapp.background import Background, in_background

from engine.connectors.whatsapp_web.sessions import session_file

pytestmark = pytest.mark.system

_PHONE, _LID = "628123456789", "55500055500"
_OWN = ("HTTPS_PROXY", "SSL_CERT_FILE", "PYTHONPATH", "WHATSAPP_STANDIN_KEY", "WHATSAPP_STANDIN_ROOT")


@pytest.fixture
def whatsapp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Background]:
    """WhatsApp Web, which outlives the daemon."""
    with in_background(tmp_path_factory.mktemp("whatsapp")) as background:
        yield background


@pytest.fixture
def ana(whatsapp: Background) -> Person:
    """A client whose number WhatsApp hides."""
    return whatsapp.service.person(_PHONE, _LID, shown=Shown.LID)


@pytest.fixture
def line(build: Callable[..., Site], whatsapp: Background) -> Site:
    """An installation with a linked phone, running."""
    site = build(in_doubt_wait="300s")
    phone = "connectors:\n  main: {type: whatsapp-web, per_second: 100, per_client_gap: 0s}\n"
    site.config.write_text(site.config.read_text("utf-8").replace("connectors:\n", phone), "utf-8")
    session = session_file(site.state / "whatsapp-main")
    session.parent.mkdir(parents=True)
    whatsapp.look(lambda: whatsapp.service.paired(session))
    session.chmod(0o600)
    site.planted |= {_PHONE, _LID, "zebra"}
    _start(site, whatsapp, 1)
    return site


def _start(site: Site, whatsapp: Background, times: int) -> None:
    site.start(**{name: whatsapp.service.environ[name] for name in _OWN})
    whatsapp.do(whatsapp.service.online(times))


def _told(site: Site, *arguments: str) -> Any:
    return json.loads(site.command(*arguments, "--format", "json").stdout)


def _statuses(site: Site, delivery: str) -> list[str]:
    return [one["status"] for one in _told(site, "deliveries", "show", delivery)["receipts"]]


def test_a_client_who_becomes_known_stays_one_client(line: Site, whatsapp: Background, ana: Person) -> None:
    """First hidden, then, after a restart, with the number: one conversation, one incident, one acknowledgement, and
    the engineers' post learns the number.
    """
    whatsapp.do(ana.write("please see my letter about the zebra"))
    whatsapp.do(ana.reply())
    wait_until(lambda: line.is_idle() and len(line.posts()) == 1, "the request is posted")
    assert "number hidden" in line.posts()[0]["message"]
    line.kill()

    ana.shown = Shown.BOTH
    _start(line, whatsapp, 2)
    whatsapp.do(ana.write("did you see it? the zebra one"))
    wait_until(lambda: line.is_idle() and len(line.posts()) == 2, "the second message is in the thread")
    root, reply = line.posts()
    assert reply["root_id"] == root["id"]
    assert f"Update: the client's number is `+{_PHONE}`" in root["message"]
    (incident,) = _told(line, "incidents", "list")
    assert incident["clientPhone"] == f"+{_PHONE}"
    assert len(ana.replies) == 1

    told = json.loads(line.command("client", "export", f"+{_PHONE}").stdout)
    assert [len(one["messages"]) for one in told["conversations"]] == [2]


def test_a_receipt_settles_the_delivery_that_it_is_about(line: Site, whatsapp: Background, ana: Person) -> None:
    """A daemon that was killed before it heard whether an acknowledgement went out is told by the client's phone; that
    an older one is read meanwhile says nothing about it.
    """
    rule = line.folder / "rules" / "90-default.yaml"
    text = rule.read_text("utf-8")
    # Each message is an incident of its own, and each is acknowledged.
    rule.write_text(text.replace("    ack: default\n", "    ack: default\n    follow_up: {then: new}\n"), "utf-8")
    assert line.command("reload", "--wait").returncode == 0
    whatsapp.do(ana.write("please see my letter about the zebra"))
    older = whatsapp.do(ana.reply())
    wait_until(line.is_idle, "the first is acknowledged")
    whatsapp.service.acknowledging.when = "lost"
    whatsapp.do(ana.write("and another one about the zebra"))
    newer = whatsapp.do(ana.reply())
    line.kill()

    whatsapp.service.acknowledging.when = "at once"
    _start(line, whatsapp, 2)
    second, first = (one["id"] for one in _told(line, "deliveries", "list") if one["destination"] == "main")
    wait_until(lambda: not line.is_idle(), "the second is in doubt")
    whatsapp.do(ana.receipt(older.message_id, "read"))
    wait_until(lambda: _statuses(line, first) == ["read"], "the older one is read")
    assert _told(line, "deliveries", "show", second)["state"] in {"queued", "sending"}
    whatsapp.do(ana.receipt(newer.message_id))
    wait_until(line.is_idle, "the second is settled")
    assert _statuses(line, second) == ["delivered"]
    assert _told(line, "deliveries", "show", second)["state"] == "sent"
    assert [one.message_id for one in ana.replies] == [older.message_id, newer.message_id]
