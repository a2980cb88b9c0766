"""Who is on call by Opsgenie: e-mail addresses, strangers, and a reason with its remedy for whatever else it says."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from loguru import logger
from standins import opsgenie
from standins.loopback import Loopback, serving
from standins.parts import START, SetClock

from engine.connectors.exchanges import Session
from engine.connectors.inquiries import Inquiry
from engine.oncall.opsgenie import SHOWN_AS, Opsgenie
from engine.oncall.sources import Account, Shift, Source

_OTHER_KEY = "ffffffff-0000-4000-8000-123456789abc"
_REMEDY = (
    "make an API key in Opsgenie (Settings > API key management) with the rights Read and Configuration access, secret "
    "oncall_opsgenie_api_key"
)
_FOREIGN = "something answered that is not Opsgenie: check the url"


def _opsgenie(loopback: Loopback, key: str = opsgenie.API_KEY) -> Opsgenie:
    session = Session("Opsgenie", loopback.url, key, 5, shown_as=SHOWN_AS)
    return Opsgenie(Inquiry("Opsgenie", session))


async def _problem(service: Opsgenie, schedule: str) -> str:
    """Why nothing is known after one look, as the daemon would tell it."""
    schedules = {"voip": schedule}
    source = Source(service, schedules, SetClock(), refresh=timedelta(seconds=60), max_age=timedelta(minutes=15))
    await source.look()
    await service.close()
    assert source.known("voip") is None
    return source.problem(START)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that is logged, with what is bound to it."""
    found: list[str] = []
    sink = logger.add(found.append, format="{level} {message} {extra} {exception}", level="TRACE", diagnose=False)
    yield found
    logger.remove(sink)


@pytest.mark.parametrize(
    ("oncall", "shift"),
    [
        pytest.param([], Shift(()), id="nobody"),
        pytest.param(
            ["bob@example.com", "alice@example.com", "bob@example.com"],
            Shift((Account("bob@example.com"), Account("alice@example.com"))),
            id="each once",
        ),
        pytest.param(
            [
                "alice@example.com",
                "Night shift",
                "@night",
                "Night shift",
                "",
                None,
                5,
                ["bob@example.com"],
                {"id": "1"},
            ],
            Shift((Account("alice@example.com"),), 7),
            id="what is no address",
        ),
    ],
)
async def test_opsgenie_tells_who_is_on_call(oncall: list[Any], shift: Shift) -> None:
    """By e-mail address; whoever has none is counted, and nobody hears when the shift ends."""
    network = opsgenie.Opsgenie()
    network.oncall["5e1f"] = oncall
    async with serving(network) as loopback:
        service = _opsgenie(loopback)
        assert await service.look_up("5e1f") == shift
        await service.close()
        assert loopback.seen == ["GET /v2/schedules/5e1f/on-calls"]


@pytest.mark.parametrize(
    ("schedule", "key", "reason"),
    [
        pytest.param(
            "5e1f",
            _OTHER_KEY,
            f"Opsgenie refuses the key: compare oncall.opsgenie.region with where the account is, or {_REMEDY}",
            id="another account or region",
        ),
        pytest.param(
            "of-others",
            opsgenie.API_KEY,
            f"Opsgenie does not let this key see the schedule: {_REMEDY}",
            id="another team",
        ),
        pytest.param(
            "unknown",
            opsgenie.API_KEY,
            "Opsgenie has no schedule with this id: take it from the schedule's address in the browser",
            id="no schedule",
        ),
        pytest.param(
            "5e1f",
            "no-such-form",
            f"Opsgenie can make nothing of the key, or of the schedule's id: compare the id, or {_REMEDY}",
            id="no key",
        ),
    ],
)
async def test_a_refusal_says_what_to_do(schedule: str, key: str, reason: str, lines: list[str]) -> None:
    """By the stand-in's own answers; neither the key nor anybody's address is in the reason or in the log."""
    network = opsgenie.Opsgenie()
    network.oncall["5e1f"] = network.oncall["of-others"] = ["alice@example.com"]
    network.hidden.add("of-others")
    async with serving(network) as loopback:
        assert await _problem(_opsgenie(loopback, key), schedule) == reason
    (line,) = lines
    assert line.startswith(f"WARNING {reason} {{")
    assert not any(secret in line for secret in (key, "alice@example.com"))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param({"status": 200, "body": "<html>alice@example.com"}, _FOREIGN, id="a page"),
        pytest.param({"status": 200, "body": '["alice@example.com"]'}, _FOREIGN, id="a list"),
        pytest.param({"status": 200, "body": "[" * 100_000}, _FOREIGN, id="too deep"),
        pytest.param({"status": 200, "body": {}}, _FOREIGN, id="nothing"),
        pytest.param({"status": 200, "body": {"data": None}}, _FOREIGN, id="no data"),
        pytest.param({"status": 200, "body": {"data": ["alice@example.com"]}}, _FOREIGN, id="other data"),
        pytest.param({"status": 200, "body": {"data": {"onCallParticipants": []}}}, _FOREIGN, id="the other form"),
        pytest.param(
            {"status": 200, "body": {"data": {"onCallRecipients": "alice@example.com"}}}, _FOREIGN, id="a text"
        ),
        pytest.param({"status": 400, "body": {"message": "alice@example.com"}}, "Opsgenie answered 400", id="refused"),
        pytest.param({"status": 302}, "Opsgenie answered 302", id="elsewhere"),
        pytest.param(
            {"status": 429},
            "Opsgenie answered 429, too many requests: a longer refresh asks it less often",
            id="too often",
        ),
        pytest.param({"status": 500}, "Opsgenie answered 500", id="broken"),
        pytest.param({"do": "cut_after"}, "the connection to Opsgenie broke before its answer was read", id="cut"),
    ],
)
async def test_whatever_else_answers_is_a_reason(fault: dict[str, Any], reason: str, lines: list[str]) -> None:
    """Nothing of what it said is repeated, neither in the reason nor in the log."""
    async with serving(opsgenie.Opsgenie()) as loopback:
        loopback.fail("GET", **fault)
        assert await _problem(_opsgenie(loopback), "5e1f") == reason
    (line,) = lines
    assert line.startswith(f"WARNING {reason} {{")
    assert not any(secret in line for secret in (opsgenie.API_KEY, "alice@example.com"))
