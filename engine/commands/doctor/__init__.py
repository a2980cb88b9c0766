"""`engine doctor`: everything that an installation needs, looked at side by side; a line for each with what to do.

One module for each subject, from what it needs to findings. Nothing is changed and nothing is said to anybody. The
journal of a running daemon is looked at by the daemon. Each exchange with a network is bounded by five seconds, each
subject by half a minute.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from threading import Event, Thread
from typing import TypeVar

from loguru import logger

from engine import __version__
from engine.clocks import SystemClock
from engine.commands.doctor import (
    callings,
    chats,
    clocks,
    disks,
    doors,
    duties,
    installations,
    journals,
    networks,
    phones,
    rulesets,
    units,
)
from engine.commands.doctor.findings import Finding, Level, failed, show, show_json
from engine.commands.doctor.installations import Installation
from engine.connectors.mattermost.examinations import Examination
from engine.ruleset.loader import Loaded
from engine.settings import TwilioSettings, WhatsAppCloudSettings, WhatsAppWebSettings

T = TypeVar("T")

_CONNECTORS = "engine.connectors"

# For one subject. A large journal and many rules take their time; no network does.
_PATIENCE_S = 30.0
_Findings = tuple[Finding, ...]


def run(options: argparse.Namespace) -> int:
    """Look at everything: 1 when something fails. ConfigurationError or PermissionRefused for engine.yaml itself."""
    installation = installations.find(options.config, os.environ, options.credentials)
    # What the connectors log of a refusal stands in the findings.
    logger.disable(_CONNECTORS)
    try:
        found = asyncio.run(_look(installation))
    finally:
        logger.enable(_CONNECTORS)
    sys.stdout.write(show_json(found) if options.format == "json" else show(found))
    return 1 if failed(found) else 0


async def _look(installation: Installation) -> tuple[Finding, ...]:
    """All findings, in an order in which a person would look."""
    stopping = Event()
    clock = SystemClock()
    now, settings = clock.now(), installation.settings
    # Three subjects need the rules; none of them waits for another, or is lost with it.
    loading = asyncio.ensure_future(_aside(lambda: rulesets.read(installation, now)))
    checks: list[tuple[str, Awaitable[_Findings]]] = [
        ("disk", _aside(lambda: disks.disk(settings.state))),
        ("journal", _aside(lambda: journals.journal(installation, _PATIENCE_S - 1, stopping))),
        ("rules", _rules(installation, loading, now)),
        ("on-call", _keepers(installation, loading)),
        ("mattermost", _aside(lambda: chats.fallback(installation))),
        ("mattermost", _chat(installation, loading, clock)),
        ("clock", _aside(clocks.kept)),
        *_connectors(installation),
        ("public url", doors.door(installation)),
        ("certificate", doors.certificate(settings.http.public_url, now)),
        ("certificate", doors.certificate(settings.mattermost.url if settings.mattermost else None, now)),
        ("systemd", _aside(lambda: units.unit(installation))),
    ]
    found = await asyncio.gather(*(_bounded(subject, check) for subject, check in checks))
    # What is still being read lets go of the journal's file.
    stopping.set()
    first = (
        *installations.configuration(installation),
        *installations.secrets(installation),
        *installations.daemon(installation, __version__),
    )
    return (*first, *(one for findings in found for one in findings))


async def _rules(installation: Installation, loading: asyncio.Future[Loaded], now: datetime) -> _Findings:
    """The rules, and whom they say is called."""
    loaded = await asyncio.shield(loading)
    return (*rulesets.rules(installation, loaded), *duties.duty(installation, loaded, now))


async def _keepers(installation: Installation, loading: asyncio.Future[Loaded]) -> _Findings:
    """The services that keep schedules."""
    return await callings.keepers(installation, duties.roster(installation, await asyncio.shield(loading)))


async def _chat(installation: Installation, loading: asyncio.Future[Loaded], clock: SystemClock) -> _Findings:
    """Mattermost, and what the rules name there: channels, and people in them."""
    now = clock.now()
    loaded = await asyncio.shield(loading)
    places, usernames = rulesets.places(installation, loaded), duties.usernames(installation, loaded, now)
    seen = await chats.look(installation, places, usernames, clock)
    if not isinstance(seen, Examination):
        return (seen, *clocks.against(None))
    called = duties.called(seen.people, duties.elsewhere(installation, loaded, now))
    return (*called, *chats.chat(seen), *clocks.against(seen.ahead))


def _connectors(installation: Installation) -> Sequence[tuple[str, Awaitable[_Findings]]]:
    found: list[tuple[str, Awaitable[_Findings]]] = []
    for one in installation.settings.connectors:
        match one:
            case WhatsAppCloudSettings():
                found.append((one.name, networks.cloud(installation, one)))
            case TwilioSettings():
                found.append((one.name, networks.twilio(installation, one)))
            case WhatsAppWebSettings():
                found.append((one.name, _aside(partial(phones.phone, installation, one))))
            case _:
                # A console and events by HTTP have nothing beyond this machine.
                pass
    return (*found, *((one.name, callings.paging(one)) for one in installation.settings.services))


async def _bounded(subject: str, check: Awaitable[_Findings]) -> _Findings:
    """A check's findings; one that takes too long or has a fault of its own spoils no other."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await check
    except TimeoutError:
        return (Finding(subject, Level.SKIP, f"the look did not end within {_PATIENCE_S:g} s"),)
    except Exception as error:  # noqa: BLE001 - the guard of one check; the others still tell what they found
        return (Finding(subject, Level.FAIL, f"the look itself failed ({type(error).__name__})", "please report it"),)


async def _aside(work: Callable[[], T]) -> T:
    """The result of work that blocks, in a thread that nobody waits for when it takes too long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)  # type: ignore[arg-type]  # the work's own result
        else:
            done.set_exception(error)

    def carry_out() -> None:
        try:
            result, error = work(), None
        except Exception as caught:  # noqa: BLE001 - carried over to whoever waits
            result, error = None, caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    Thread(target=carry_out, daemon=True).start()
    return await done
