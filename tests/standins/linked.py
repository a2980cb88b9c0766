"""An installation with a linked phone, its clients, and the count of what a kill -9 takes with it.

A round writes so many messages a second, kills the gateway or the daemon in the middle, and lets everything settle
before the next begins, so that each loss belongs to one kill. Used by tests/system and tests/bench.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from standins.processes import Site
from standins.whatsapp import Person, Service

# What neonize holds for delivered while its handler waits: its channel of a hundred, and the one in the handler.
WINDOW = 101
CONNECTORS = "connectors:\n  main: {type: whatsapp-web, per_second: 10000, per_client_gap: 0s}\n"
_SEED = "I have issues with my 3CX, I can't make outbound calls"
_PATIENCE_S = 60.0
# The gateway finds the service by these.
_REDIRECTION = ("WHATSAPP_STANDIN_KEY", "WHATSAPP_STANDIN_ROOT", "HTTPS_PROXY", "PYTHONPATH", "SSL_CERT_FILE")


def attach(site: Site, service: Service) -> Site:
    """The same installation with a phone that is linked; its daemon is not started yet."""
    session = site.state / "whatsapp-main"
    session.mkdir(mode=0o700, parents=True)
    service.paired(session / "session.db")
    (session / "session.db").chmod(0o600)
    before, _, rest = site.config.read_text("utf-8").partition("connectors:\n")
    site.config.write_text(before + CONNECTORS + rest[rest.index("mattermost:") :], "utf-8")
    environ = service.environ
    site.environ |= {name: environ[name] for name in _REDIRECTION}
    return site


def gateway_pid(site: Site) -> int | None:
    """The daemon's child; None while none runs."""
    children = Path(f"/proc/{site.pid}/task/{site.pid}/children").read_text().split()
    return int(children[0]) if children else None


@dataclass(frozen=True, slots=True)
class Kill:
    """What became of the messages of one round."""

    # "gateway" or "daemon"
    what: str
    sent: int
    # Those that WhatsApp held for delivered when the process died.
    receipted: int
    # Those that the journal has as they were written.
    whole: int
    # Those of which it knows that they were written.
    unread: int
    # Ids of those of which it knows nothing, although WhatsApp holds them for delivered.
    lost: tuple[str, ...]
    # Clients who were told the same twice, and those of them whose acknowledgement was under way at the kill.
    twice: int
    in_doubt: int

    @property
    def words_lost(self) -> int:
        return self.unread + len(self.lost)


def table(kills: Sequence[Kill]) -> str:
    """The count for a person, in Markdown."""
    head = "killed | sent | receipted before | accepted | known without words | lost | said twice | of these in doubt"
    lines = [f"| kill | {head} | ids of the lost |", "|" + " --- |" * 10]
    for number, kill in enumerate(kills, 1):
        figures = (kill.sent, kill.receipted, kill.whole, kill.unread, len(kill.lost), kill.twice, kill.in_doubt)
        lines.append(f"| {number} | {kill.what} | {' | '.join(map(str, figures))} | {' '.join(kill.lost)} |")
    for what in dict.fromkeys(kill.what for kill in kills):
        of = [kill for kill in kills if kill.what == what]
        sums = [sum(column) for column in zip(*map(_figures, of), strict=True)]
        lines.append(f"| all | {what} | {' | '.join(map(str, sums))} | |")
    return "\n".join(lines)


def _figures(kill: Kill) -> tuple[int, ...]:
    return kill.sent, kill.receipted, kill.whole, kill.unread, len(kill.lost), kill.twice, kill.in_doubt


class Rounds:
    """Kills, one after the other, of a running installation."""

    def __init__(self, site: Site, service: Service, *, messages: int, per_second: float, seed: int = 2029) -> None:
        self._site = site
        self._service = service
        self._messages = messages
        self._per_second = per_second
        self._chance = random.Random(seed)  # noqa: S311 - moments, not secrets
        self._clients = 0

    async def kill(self, what: str) -> Kill:
        """One round; fails when it does not settle."""
        people = [self._person() for _ in range(self._messages // 2)]
        written: list[str] = []
        load = asyncio.create_task(self._write(people, written))
        await asyncio.sleep(self._chance.uniform(0.2, 0.8) * self._messages / self._per_second)
        logins = sum(one.ready for one in self._service.connections)
        doubtful = await self._strike(what)
        receipted = sum(name not in self._service.unreceipted for name in written)
        if what == "daemon":
            await asyncio.to_thread(self._site.start)
        await load
        await self._service.online(logins + 1)
        await self._service.until(lambda: not self._service.unreceipted, "every receipt", _PATIENCE_S)
        # The library keeps the order, so that nothing is on its way any more when the last one has arrived.
        last = await people[-1].write(_SEED)
        while last not in (kept := self._kept()):
            await asyncio.sleep(0.05)
        await self._idle()
        kinds = Counter(kept.get(name, "lost") for name in written)
        lost = tuple(name for name in written if name not in kept)
        twice = [one for one in people if len(one.replies) > 1]
        unread = kinds["undecryptable"]
        excused = sum(one.jid in doubtful for one in twice)
        return Kill(what, len(written), receipted, kinds["message"], unread, lost, len(twice), excused)

    def _person(self) -> Person:
        self._clients += 1
        number = f"{self._clients:07d}"
        person = self._service.person(f"25471{number}", lid=f"77{number}00", name=f"Wanjiru{number}zed")
        self._site.planted |= {f"25471{number}", person.name, "my 3CX"}
        return person

    async def _write(self, people: Sequence[Person], written: list[str]) -> None:
        """Each of them writes twice; all through the round somebody writes for the first time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(self._messages):
            await asyncio.sleep(began + number / self._per_second - loop.time())
            written.append(await people[number // 2].write(f"{_SEED} {number}"))

    async def _strike(self, what: str) -> set[str]:
        """Kill it; the peers of acknowledgements that were under way."""
        if what == "daemon":
            await asyncio.to_thread(self._site.kill)
            return self._under_way()
        async with asyncio.timeout(_PATIENCE_S):
            while (pid := gateway_pid(self._site)) is None:
                await asyncio.sleep(0.01)
        under_way = self._under_way()
        os.kill(pid, signal.SIGKILL)
        return under_way | self._under_way()

    def _kept(self) -> dict[str, str]:
        """The kind of each accepted message by its id."""
        rows = self._rows("SELECT message_id, body FROM inbox")
        return {name: json.loads(body)["event"]["message"]["kind"] for name, body in rows}

    def _under_way(self) -> set[str]:
        rows = self._rows(
            "SELECT body FROM deliveries WHERE kind = 'acknowledgement' AND state IN ('queued', 'sending')"
        )
        return {json.loads(body)["peer"] for (body,) in rows}

    def _rows(self, query: str) -> list[tuple[str, ...]]:
        address = f"{(self._site.state / 'journal.db').as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as journal:
            return journal.execute(query).fetchall()

    async def _idle(self) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not await asyncio.to_thread(self._site.is_idle):
                await asyncio.sleep(0.1)
