"""The composition root: the only module that reads the environment; `adapters` names what it is made of.

`Engine` starts the parts in the order in which they need each other (journal, rules, connectors, pipeline and relay,
doors) and stops them in reverse: the doors close first, what is in flight finishes, the journal closes last.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import uvloop
from loguru import logger

from engine import __version__, adapters, server, systemd
from engine.adapters import ESCALATE_TO
from engine.announcer import Announcer
from engine.clocks import SystemClock
from engine.connections import Connections
from engine.connectors.mattermost import Incidents
from engine.control import routes
from engine.core.deliveries import Claimed
from engine.core.diagnostics import render
from engine.core.endpoints import Endpoint, UnixEndpoint
from engine.core.errors import JournalUnavailable
from engine.core.objects import Json
from engine.core.plan import AuditEntry
from engine.core.practices import Change, Practice
from engine.core.publications import Reload
from engine.intake import Intake
from engine.journal.journals import StoredJournal
from engine.journal.stopwatch import Stopwatch
from engine.metrics import Metrics
from engine.oncall.tellers import Teller
from engine.operations import Operations, Switch
from engine.pipeline import PATIENCE_AMONG_NODES, Pipeline, Routing
from engine.places import Places
from engine.ports import Connector, Healthy, Journal, Listener, Received
from engine.publisher import Publisher
from engine.readiness import Look
from engine.reception import Reception
from engine.relay import LEASE, LEASE_AMONG_NODES, Destination, Relay
from engine.reloader import Reloader
from engine.retention import Retention
from engine.settings import Settings, control_socket
from engine.timekeeper import Timekeeper
from engine.tryouts import Tryout

# The time that what is in flight gets at SIGTERM; TimeoutStopSec of the unit is longer.
_DRAIN_S = 10.0
# How long open requests may take when the doors close.
_CLOSE = timedelta(seconds=5)
# The name of a daemon that shares its journal with no other.
_NODE = "main"
# How often the kill switch is looked at where another node may have turned it.
_FOLLOW_S = 2.0
_NOTE_AUDIT_S = 3600.0


class Engine:
    """The running daemon."""

    def __init__(self, settings: Settings, *, show: Callable[[Claimed], None], environ: Mapping[str, str]) -> None:
        """`show` takes each delivery that a console connector would print. Nothing is opened yet."""
        self._settings = settings
        self._clock = SystemClock()
        self._metrics = Metrics()
        self._notifier = systemd.notifier(environ)
        self._watchdog = systemd.watchdog_interval(environ)
        self._started_at = self._clock.now()
        self._reloads: set[asyncio.Task[None]] = set()
        self._shared = shared = settings.journal is not None
        self._node = settings.node if shared else _NODE
        self._journal: Journal = StoredJournal(
            adapters.store(settings, self._clock),
            max_open_deliveries=settings.limits.open_deliveries,
            stopwatch=Stopwatch(self._clock.elapsed, self._metrics),
        )
        self._reloader = Reloader(settings.rules, settings.templates, settings.state, self._metrics, self._clock.now)
        self._switch = Switch(self._journal, self._clock, self._metrics)
        made = adapters.connectors(settings, show, self._clock)
        self._connectors, self._events, self._linked = made.destinations, made.events, made.linked
        self._oncall = adapters.on_call(settings, self._clock, lambda: self._reloader.current().roster)
        self._usual = adapters.practice(settings, self._oncall.duty)
        incidents = Incidents(
            lambda since: self._journal.posts(ESCALATE_TO, since),
            lambda root: self._journal.is_root(ESCALATE_TO, root),
            lambda: self._journal.in_doubt_since(ESCALATE_TO, self._clock.now()),
        )
        self._watcher = watcher = adapters.watcher(settings, made, incidents, self._clock)
        # Everything that has a way to somewhere, with how it fares.
        self._ways: dict[str, Healthy] = {**self._connectors, **({watcher.name: watcher} if watcher else {})}
        listeners: dict[str, Listener] = {**made.listeners, **({watcher.name: watcher} if watcher else {})}
        self._receptions = {
            name: Reception(listener, self._accept, self._journal, self._clock, exclusive=shared and listener.exclusive)
            for name, listener in listeners.items()
        }
        self._relay = Relay(
            self._journal,
            {name: self._destination(connector) for name, connector in self._connectors.items()},
            self._clock,
            self._metrics,
            random.random,
            paused=self._switch.paused,
            escalate_to=ESCALATE_TO,
            lease=LEASE_AMONG_NODES if shared else LEASE,
        )
        told = adapters.operations_channel(settings)
        self._announcer = Announcer(
            self._journal, self._clock, channel=told, through=ESCALATE_TO, wake=self._relay.wake
        )
        self._teller = Teller(self._oncall.duty, settings.oncall.source.value, self._clock, self._announcer.announce)
        self._publisher = Publisher(
            self._journal,
            self._reloader,
            self._clock,
            self._node,
            shared=shared,
            tell=self._tell_reload,
            handovers=self._teller.handovers,
        )
        self._places = Places(made.placed, self._announcer.announce, operations=told)
        override = settings.mattermost.channel_override if settings.mattermost else None
        keeping = frozenset({*made.webhooks, *made.listeners})
        routing = Routing(self._practice, override, settings.manners, made.media, keeping, adapters.fallback(settings))
        self._pipeline = Pipeline(
            self._journal,
            self._reloader.current,
            routing,
            self._clock,
            self._metrics,
            self._relay.wake,
            patience=PATIENCE_AMONG_NODES if shared else timedelta(0),
        )
        self._intake = Intake(
            self._journal,
            self._pipeline.accept,
            self._clock,
            self._metrics,
            self._practice,
            hold=settings.manners.hold,
            wake=self._relay.wake,
        )
        self._webhooks = adapters.webhooks(made, self._intake.act, self._clock)
        self._look = Look(self._ways, self._is_here, self._oncall.duty, self._journal, self._clock, self._metrics)
        self._timekeeper = Timekeeper(
            self._journal, self._clock, self._practice, known=self._knows_engineers, changed=self._note_change
        )
        keep = settings.retention
        self._retention = Retention(self._journal, self._clock, text=keep.text, metadata=keep.metadata)
        self._tryout = Tryout(self._journal, self._clock, through=ESCALATE_TO, override=override, wake=self._relay.wake)
        self._operations = Operations(
            self._journal,
            self._switch,
            self._ways,
            self._clock,
            reload_rules=self.reload,
            describe=self._describe,
            practice=self._practice,
            wake=self._relay.wake,
        )

    async def run(self, stop: asyncio.Event, ready: Callable[[Endpoint], None] = lambda _endpoint: None) -> None:
        """Start everything, call `ready` with the public endpoint, serve until `stop`, and drain.

        Raises ConfigurationError when the configuration cannot be used, and whatever ended a part that must not end.
        """
        async with AsyncExitStack() as parts:
            await self._journal.open(self._node, self._clock.now())
            parts.push_async_callback(self._journal.close)
            loaded = await self._publisher.start()
            parts.push_async_callback(self._publisher.leave)
            await self._switch.restore(acknowledge=self._settings.acknowledge)
            await self._announcer.announce(loaded.notice)
            await self._teller.tell_services()
            for connector in self._connectors.values():
                await connector.start()
                parts.push_async_callback(connector.close)
            connections = Connections(
                self._connectors, self._is_here, self._clock, self._metrics, self._announcer.announce
            )
            async with asyncio.TaskGroup() as group:
                work = [
                    group.create_task(self._pipeline.run(), name="pipeline"),
                    group.create_task(self._relay.run(), name="relay"),
                ]
                attendants = [
                    group.create_task(self._beat(), name="watchdog"),
                    group.create_task(self._retention.run(), name="retention"),
                    group.create_task(self._timekeeper.run(), name="timekeeper"),
                    group.create_task(self._note_audit_head(), name="audit"),
                ]
                listening = [
                    group.create_task(reception.run(), name=f"reception {name}")
                    for name, reception in self._receptions.items()
                ]
                attendants += [group.create_task(one.run(), name=f"on call {one.name}") for one in self._oncall.sources]
                attendants.append(group.create_task(connections.watch(), name="connections"))
                attendants.append(group.create_task(self._places.watch(), name="places"))
                if self._shared:
                    # Apart, because the switch never waits for rules that are being loaded.
                    attendants.append(group.create_task(self._follow(), name="switch"))
                    attendants.append(group.create_task(self._publisher.run(), name="publisher"))
                async with self._doors() as endpoint:
                    self._look.started = True
                    ready(endpoint)
                    sha = self._reloader.current().sha
                    self._notifier.ready(f"routing with {sha}")
                    logger.bind(endpoint=str(endpoint), ruleset=sha).info("ready")
                    await stop.wait()
                    self._look.stopping = True
                    self._notifier.stopping()
                    logger.info("stopping: the doors close, what is in flight finishes")
                for attendant in (*listening, *attendants):
                    attendant.cancel()
                if listening:
                    # What a network has handed over already is taken in before the rest stops.
                    await asyncio.wait(listening, timeout=_DRAIN_S)
                await self._drain(work)
        logger.info("stopped")

    def _destination(self, connector: Connector) -> Destination:
        reception = self._receptions.get(connector.name)
        if reception is None:
            return adapters.destination(connector, self._settings)
        return adapters.destination(connector, self._settings, reception.owns)

    async def _accept(self, received: Received) -> None:
        await self._intake.accept(received)

    def _practice(self) -> Practice:
        """How the engineers work at this moment."""
        return replace(self._usual, paused=self._switch.paused())

    def _knows_engineers(self) -> bool:
        """Whether what engineers did is known here; where it cannot be learned for long, nobody waits for it."""
        watcher = self._watcher
        if watcher is None:
            return True
        return self._is_here(watcher.name) and (watcher.caught_up or not watcher.health().ready)

    def _note_change(self, change: Change) -> None:
        self._intake.note(change)
        self._relay.wake()

    def _is_here(self, name: str) -> bool:
        """Whether this node has a connector's connection; of one that another node has this one knows nothing."""
        reception = self._receptions.get(name)
        return reception is None or reception.owns()

    @asynccontextmanager
    async def _doors(self) -> AsyncIterator[Endpoint]:
        """The public endpoint and the operators' socket, open while the block runs."""
        settings = self._settings
        public = server.build(
            self._events,
            self._webhooks,
            self._intake.accept,
            self._readiness,
            self._clock,
            self._metrics,
            settings.limits.body_bytes,
        )
        operators = server.HttpServer(
            routes.build(self._operations, self._publisher, self._linked, self._tryout),
            UnixEndpoint(control_socket(settings.state)),
            mode=0o600,
        )
        front = server.HttpServer(public, settings.http.listen)
        await operators.start()
        try:
            yield await front.start()
        finally:
            await front.stop(_CLOSE)
            await operators.stop(_CLOSE)

    async def _drain(self, work: list[asyncio.Task[None]]) -> None:
        """Let what is in flight finish within the deadline; the rest waits in the journal for the next start."""
        self._pipeline.stop()
        self._relay.stop()
        _, unfinished = await asyncio.wait(work, timeout=_DRAIN_S)
        for task in unfinished:
            logger.warning("{} did not finish in time; the journal has what it was doing", task.get_name())
            task.cancel()

    async def reload(self, *, wait: bool = True) -> Json:
        """Reload the rules; what became of it, for an operator, or without waiting only that it has begun."""
        if not wait:
            self.reload_soon()
            return {"started": True}
        if not self._look.started:
            return {"ok": False, "sha": "", "findings": "the daemon is still starting", "published": None}
        self._notifier.reloading()
        try:
            result = await self._publisher.reload()
        except JournalUnavailable as error:
            logger.error("the published rules are not loaded anew: {}", error)
            self._notifier.ready(f"routing with {self._reloader.current().sha}")
            raise
        findings = "\n".join(render(found) for found in result.diagnostics)
        return {
            "ok": result.ok,
            "sha": result.sha,
            "findings": findings,
            "published": self._publisher.published(),
            "onCall": self._teller.handovers(result),
        }

    async def _tell_reload(self, before: str, result: Reload) -> None:
        """The audit, the operators' channel and systemd learn what became of a reload."""
        entry = AuditEntry("reloaded", (("before", before), ("after", result.sha), ("ok", str(result.ok).lower())))
        try:
            await self._journal.audit(entry, self._clock.now())
        except JournalUnavailable as error:
            logger.error("the reload is not in the audit: {}", error)
        await self._announcer.announce(result.notice)
        await self._teller.tell_reload(result)
        self._notifier.ready(f"routing with {result.sha}{'' if result.ok else ' (the newest rules are broken)'}")

    def reload_soon(self) -> None:
        """Reload the rules without waiting for what becomes of it."""

        async def reload() -> None:
            # What the journal refuses is in the log; nobody waits to be told.
            with suppress(JournalUnavailable):
                await self.reload()

        task = asyncio.get_running_loop().create_task(reload(), name="reload")
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _describe(self) -> Json:
        ruleset = self._reloader.current()
        return {
            "version": __version__,
            "startedAt": self._started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "node": self._node,
            "journal": "sqlite" if self._settings.journal is None else "postgresql",
            "environment": self._settings.environment,
            "rules": len(ruleset.rules),
            "rulesetSha": ruleset.sha,
            # No reason to be taken out of service: the last good rules route every message.
            "rulesProblem": self._reloader.problem,
            "published": self._publisher.published(),
            "nodes": await self._publisher.nodes(),
            "onCall": self._teller.status(),
            "failing": await self._look.failing(),
        }

    async def _readiness(self) -> server.Readiness:
        return server.Readiness(started=self._look.started, failing=tuple(await self._look.failing()))

    async def _follow(self) -> None:
        """Keep up with the kill switch, which an operator may turn on another node."""
        while True:
            await asyncio.sleep(_FOLLOW_S)
            try:
                turned = await self._switch.follow()
            except JournalUnavailable as error:
                logger.error("the kill switch is as it was last known: {}", error)
            else:
                if turned:
                    self._relay.wake()

    async def _note_audit_head(self) -> None:
        """Write down elsewhere how far the audit goes, so that nobody can rewrite it unnoticed."""
        while True:
            try:
                head = await self._journal.audit_head()
                if head.rows:
                    logger.info("the audit ends at {}", head.chain)
            except JournalUnavailable as error:
                logger.error("the end of the audit is not known: {}", error)
            await asyncio.sleep(_NOTE_AUDIT_S)

    async def _beat(self) -> None:
        """Tell the watchdog that the event loop turns and the journal answers; silence gets us restarted."""
        if self._watchdog is None:
            return
        while True:
            with suppress(JournalUnavailable):
                # A full disk is no reason to be killed: answering at all is what counts.
                await self._journal.backlog()
            self._notifier.watchdog()
            await asyncio.sleep(self._watchdog.total_seconds())


def serve(settings: Settings, *, environ: Mapping[str, str], show: Callable[[Claimed], None]) -> None:
    """Run the daemon until SIGTERM or SIGINT; SIGHUP reloads the rules. Returns after the drain."""

    async def main() -> None:
        engine = Engine(settings, show=show, environ=environ)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, engine.reload_soon)
        await engine.run(stop)

    uvloop.run(main())
