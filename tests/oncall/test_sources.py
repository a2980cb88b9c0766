"""Who is on call by PagerDuty and by Jira Service Management: asked in the background, never an error."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from loguru import logger
from standins import jsm, pagerduty
from standins.loopback import Loopback, serving
from standins.parts import START, SetClock, until

from engine.connectors.exchanges import Session
from engine.connectors.inquiries import Inquiry
from engine.core.deliveries import Rejected
from engine.oncall.jsm import Jsm
from engine.oncall.pagerduty import ACCEPT, SHOWN_AS, PagerDuty
from engine.oncall.sources import Account, Known, Service, Shift, Source

_SCHEDULES = {"voip-primary": "PSCHED1"}
_REFRESH = timedelta(seconds=60)
_NO_KEY = (
    "PagerDuty refuses the token: make a read-only REST API key in PagerDuty (Integrations > API Access Keys), "
    "secret oncall_pagerduty_token"
)


def _source(service: Service, clock: SetClock, schedules: dict[str, str] | None = None) -> Source:
    return Source(service, schedules or _SCHEDULES, clock, refresh=_REFRESH, max_age=timedelta(minutes=15))


def _pagerduty(loopback: Loopback, token: str = pagerduty.TOKEN, timeout_s: float = 5) -> PagerDuty:
    session = Session("PagerDuty", loopback.url, token, timeout_s, shown_as=SHOWN_AS, accept=ACCEPT)
    return PagerDuty(Inquiry("PagerDuty", session))


def _jsm(loopback: Loopback, token: str = jsm.TOKEN) -> Jsm:
    network = "Jira Service Management"
    session = Session(network, loopback.url, token, 5, user=jsm.USER)
    people = {"alice@example.com": "712020:1", "bob@example.com": "712020:2"}
    return Jsm(Inquiry(network, session), jsm.CLOUD_ID, people)


@asynccontextmanager
async def _asked(*oncall: tuple[str, str | None]) -> AsyncIterator[tuple[pagerduty.PagerDuty, Loopback, PagerDuty]]:
    network = pagerduty.PagerDuty()
    network.oncall["PSCHED1"] = list(oncall)
    async with serving(network) as loopback:
        service = _pagerduty(loopback)
        try:
            yield network, loopback, service
        finally:
            await service.close()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    sink = logger.add(found.append, format="{level} {message}", level="INFO")
    yield found
    logger.remove(sink)


def _users(*emails: str) -> tuple[Account, ...]:
    return tuple(Account(email, pagerduty.user_id(email)) for email in emails)


@pytest.mark.parametrize(
    ("oncall", "shift"),
    [
        pytest.param([], Shift(()), id="nobody"),
        pytest.param([("alice@example.com", None)], Shift(_users("alice@example.com")), id="for ever"),
        pytest.param(
            [("alice@example.com", "2026-02-12T18:00:00Z"), ("bob@example.com", "2026-02-12T12:15:30+01:00")],
            Shift(_users("alice@example.com", "bob@example.com"), 0, START + timedelta(hours=1)),
            id="two, until the first goes",
        ),
        pytest.param(
            [("alice@example.com", None), ("alice@example.com", None)],
            Shift(_users("alice@example.com")),
            id="once for each policy",
        ),
        pytest.param([("", "soon")], Shift(_users("")), id="without an address"),
    ],
)
async def test_pagerduty_tells_who_is_on_call(oncall: list[tuple[str, str | None]], shift: Shift) -> None:
    """By e-mail address, each once, with the end of the shift."""
    async with _asked(*oncall) as (_, _, service):
        assert await service.look_up("PSCHED1") == shift


async def test_pagerduty_tells_it_over_several_pages() -> None:
    """Nobody is left out because an answer has an end."""
    everybody = [(f"person{number}@example.com", None) for number in range(5)]
    async with _asked(*everybody) as (network, loopback, service):
        network.page_size = 2
        found = await service.look_up("PSCHED1")
        assert isinstance(found, Shift)
        assert found.people == _users(*(email for email, _ in everybody))
        assert loopback.seen == ["GET /oncalls"] * 3


async def test_pages_without_end_are_an_end() -> None:
    """What says that there is always more is not asked for ever."""
    async with _asked(("alice@example.com", None)) as (_, loopback, service):
        loopback.fail(
            "GET", status=200, body={"oncalls": [1, {"user": None}, {"user": {"id": 5}}], "more": True}, times=-1
        )
        assert await service.look_up("PSCHED1") == Shift((), 10)
        assert len(loopback.seen) == 10


def _nested(depth: int) -> dict[str, Any]:
    """An answer with somebody in it, deeper than any schedule is."""
    part: dict[str, Any] = {"id": "712020:1", "type": "user"}
    for _ in range(depth):
        part = {"type": "team", "onCallParticipants": [part]}
    return part


@pytest.mark.parametrize("flat", [True, False])
async def test_jsm_tells_who_is_on_call(flat: bool) -> None:  # noqa: FBT001 - a table's column
    """By the addresses that engine.yaml has for the accounts; whoever has none is counted."""
    network = jsm.Jsm()
    network.flat = flat
    network.oncall["5e1f"] = ["712020:2", "712020:1", "712020:3", "712020:2"]
    async with serving(network) as loopback:
        service = _jsm(loopback)
        assert await service.look_up("5e1f") == Shift((Account("bob@example.com"), Account("alice@example.com")), 1)
        await service.close()


@pytest.mark.parametrize(
    "body",
    [
        {"onCallParticipants": [1, {"type": "team"}, {"type": "escalation", "onCallParticipants": 5}]},
        {"onCallUsers": []},
        _nested(20),
    ],
)
async def test_jsm_may_have_nobody(body: dict[str, Any]) -> None:
    """Parts without people in them are nobody."""
    async with serving(jsm.Jsm()) as loopback:
        loopback.fail("GET", status=200, body=body)
        service = _jsm(loopback)
        assert await service.look_up("5e1f") == Shift(())
        await service.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 401}, _NO_KEY),
        ({"status": 403}, "PagerDuty does not let this token see the schedules: "),
        ({"status": 404}, "PagerDuty has no schedule with this id: "),
        ({"status": 429}, "PagerDuty answered 429, too many requests: a longer refresh asks it less often"),
        ({"status": 500}, "PagerDuty answered 500"),
        ({"status": 302}, "PagerDuty answered 302"),
        ({"status": 200, "body": "<html>"}, "something answered that is not PagerDuty: check the url"),
        ({"status": 200, "body": {"oncalls": 5}}, "something answered that is not PagerDuty: check the url"),
        ({"do": "cut_after"}, "the connection to PagerDuty broke before its answer was read"),
    ],
)
async def test_pagerduty_that_does_not_tell_is_a_reason(fault: dict[str, Any], reason: str) -> None:
    """With what to do about it where a person has to do something."""
    async with _asked() as (_, loopback, service):
        loopback.fail("GET", **fault)
        found = await service.look_up("PSCHED1")
        assert isinstance(found, Rejected)
        assert found.reason.startswith(reason)


async def test_a_lookup_has_a_budget() -> None:
    """However long the network takes."""
    async with _asked() as (_, loopback, _):
        loopback.fail("GET", "hang_after")
        impatient = _pagerduty(loopback, timeout_s=0.1)
        found = await impatient.look_up("PSCHED1")
        await impatient.close()
        assert isinstance(found, Rejected)
        assert found.reason == "PagerDuty did not answer within 0.1 s"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 401}, "Jira Service Management refuses the token: make an API token for oncall.jsm.user"),
        ({"status": 403}, "Jira Service Management does not let this account see the schedules: "),
        ({"status": 404}, "Jira Service Management has no schedule with this id, or no site with this cloud_id"),
        ({"status": 200, "body": {"id": 1}}, "something answered that is not Jira Service Management: check the url"),
    ],
)
async def test_jsm_that_does_not_tell_is_a_reason(fault: dict[str, Any], reason: str) -> None:
    """The same for the other."""
    async with serving(jsm.Jsm()) as loopback:
        loopback.fail("GET", **fault)
        service = _jsm(loopback)
        found = await service.look_up("5e1f")
        assert isinstance(found, Rejected)
        assert found.reason.startswith(reason)
        await service.close()


async def test_wrong_tokens_are_refused_by_the_networks_themselves() -> None:
    """What the stand-ins take is what the real ones take."""
    async with serving(pagerduty.PagerDuty()) as one, serving(jsm.Jsm()) as other:
        for service in (_pagerduty(one, "another"), _jsm(other, "another")):
            found = await service.look_up("PSCHED1")
            assert isinstance(found, Rejected)
            assert found.code == "401"
            await service.close()


async def test_an_answer_is_kept_with_its_time() -> None:
    """Nothing is known before the first, and a failure later takes nothing away."""
    clock = SetClock()
    async with _asked(("alice@example.com", None)) as (_, loopback, service):
        source = _source(service, clock)
        assert source.known("voip-primary") is None
        assert source.problem(clock.now()) == "PagerDuty has not answered yet"
        assert await source.look() == _REFRESH
        known = Known(Shift(_users("alice@example.com")), START)
        assert source.known("voip-primary") == known
        clock.advance(minutes=14)
        loopback.fail("GET", status=500, times=-1)
        await source.look()
        assert source.known("voip-primary") == known
        assert source.problem(clock.now()) == ""
        clock.advance(minutes=2)
        assert source.problem(clock.now()) == "PagerDuty answered 500"


async def test_a_new_problem_is_logged_once_and_its_end_too(lines: list[str]) -> None:
    """The same minute after minute says nothing new."""
    async with _asked(("alice@example.com", None)) as (_, loopback, service):
        source = _source(service, SetClock())
        loopback.fail("GET", status=401, times=2)
        loopback.fail("GET", status=500)
        for _ in range(5):
            await source.look()
    assert [line.strip() for line in lines] == [
        f"WARNING {_NO_KEY}",
        "WARNING PagerDuty answered 500",
        "INFO who is on call is known again",
    ]


async def test_one_schedule_that_fails_leaves_the_others() -> None:
    """An id with a typing error costs its own schedule alone."""
    async with _asked(("alice@example.com", None)) as (_, _, service):
        clock = SetClock()
        source = _source(service, clock, {"wrong": "PNONE", "voip-primary": "PSCHED1"})
        await source.look()
        assert source.known("wrong") is None
        assert source.known("voip-primary") is not None
        assert source.problem(clock.now()) == ""


@pytest.mark.parametrize(
    ("end", "headers", "status", "pause"),
    [
        pytest.param(None, {}, 200, _REFRESH, id="usual"),
        pytest.param(START + timedelta(seconds=20), {}, 200, timedelta(seconds=21), id="just after the shift"),
        pytest.param(START - timedelta(seconds=20), {}, 200, _REFRESH, id="a shift that has ended"),
        pytest.param(None, {"retry-after": "300"}, 429, timedelta(minutes=5), id="as long as the network asks"),
        pytest.param(None, {"retry-after": "1"}, 429, _REFRESH, id="never more often than usual"),
        pytest.param(None, {"retry-after": "300"}, 403, timedelta(minutes=5), id="a refusal with advice as well"),
    ],
)
async def test_the_pause_follows_the_shift_and_the_network(
    end: Any, headers: dict[str, str], status: int, pause: timedelta
) -> None:
    """A hand-off is learnt at once."""
    async with _asked(("alice@example.com", end and end.isoformat())) as (_, loopback, service):
        if status != 200:
            loopback.fail("GET", status=status, headers=headers)
        assert await _source(service, SetClock()).look() == pause


class _Faulty:
    """A service with a fault of its own."""

    name = "Faulty"
    closed = False

    async def look_up(self, schedule: str) -> Shift | Rejected:
        raise ValueError(schedule)

    async def close(self) -> None:
        self.closed = True


async def test_a_fault_of_ours_is_a_problem_and_no_end() -> None:
    """The daemon goes on, and its secrets and schedules are in no log."""
    clock = SetClock()
    source = _source(_Faulty(), clock)
    assert await source.look() == _REFRESH
    assert source.problem(clock.now()) == "asking Faulty failed (ValueError)"


async def test_runs_until_it_is_cancelled() -> None:
    """It asks at once, and lets its connections go at the end."""
    service = _Faulty()
    source = _source(service, SetClock())
    task = asyncio.create_task(source.run())
    await until(lambda: "failed" in source.problem(START))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert service.closed
