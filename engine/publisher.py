"""Rules for all nodes of a journal: published through one of them, taken over by each, withdrawn again.

One rule decides what a node runs. As long as nothing is published, it runs its own files; once something is, it runs
what was published last, after a restart too, whatever its files say, until that is withdrawn. `app` hands in the parts
and starts `run` where there may be other nodes. A set that does not work on a node changes nothing there, and every
node says in the journal what it runs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from loguru import logger

from engine.core.diagnostics import render
from engine.core.errors import JournalUnavailable, NotFound
from engine.core.objects import Json
from engine.core.publications import NodeReport, Publication, Published, Reload
from engine.ports import Clock, Journal
from engine.ruleset import packing
from engine.ruleset.loader import Loaded
from engine.ruleset.matcher import Ruleset

# How often the journal is looked at, as the kill switch is.
_FOLLOW_S = 2.0
# How often a node says what it runs, and for how long it counts as running after that.
_REPORT_EVERY = timedelta(seconds=10)
_LIVE = timedelta(minutes=1)


class Rules(Protocol):
    """The rules in force; see `reloader`."""

    problem: str
    publication: Publication | None

    def current(self) -> Ruleset:
        """The rules in force."""
        ...

    async def start(self, published: Published | None) -> Reload:
        """Load what is published, else the files, else what worked last."""
        ...

    async def reload(self, published: Published | None) -> Reload:
        """Take over what is published, else the files, or keep what is in force."""
        ...

    async def examine(self, packed: bytes) -> Loaded:
        """What there is to say about rules; nothing changes."""
        ...

    async def take(self, loaded: Loaded, ruleset: Ruleset, publication: Publication) -> Reload:
        """Take over rules that were examined."""
        ...

    def adopt(self, publication: Publication) -> Reload:
        """Go on with the rules in force, which are those that were published."""
        ...


class Publisher:
    """What this node is to run, and what all of them do run."""

    def __init__(
        self,
        journal: Journal,
        rules: Rules,
        clock: Clock,
        node: str,
        *,
        shared: bool,
        tell: Callable[[str, Reload], Awaitable[None]],
        handovers: Callable[[Reload], list[Json]],
    ) -> None:
        """`shared`: other nodes may use the journal. `tell` is called after each reload with the hash before it;
        `handovers` says who is on call now because of one.
        """
        self._journal = journal
        self._rules = rules
        self._clock = clock
        self._node = node
        self._shared = shared
        self._tell = tell
        self._handovers = handovers
        self._one_at_a_time = asyncio.Lock()
        self._since = clock.now()
        self._reported_at = self._since
        # The journal could not be read the last time.
        self._astray = False

    async def start(self) -> Reload:
        """Load what this node is to run; the journal must be open. ConfigurationError when nothing works."""
        result = await self._rules.start(await self._journal.published())
        self._since = self._clock.now()
        await self._report()
        return result

    async def leave(self) -> None:
        """This node stops; nobody is to wait for it."""
        if self._shared:
            with suppress(JournalUnavailable):
                await self._journal.forget_node(self._node)

    async def run(self) -> None:
        """Keep up with what other nodes publish, and say what this one runs."""
        while True:
            await asyncio.sleep(_FOLLOW_S)
            await self.follow()

    async def follow(self) -> None:
        """Take over what was published or withdrawn through another node; say what this one runs when that is due."""
        try:
            async with self._one_at_a_time:
                asked = await self._journal.publication()
                if asked != self._rules.publication:
                    await self._take_over(asked)
            self._astray = False
        except JournalUnavailable as error:
            if not self._astray:
                logger.error("what is published is as it was last known: {}", error)
            self._astray = True
            return
        if self._clock.now() - self._reported_at >= _REPORT_EVERY:
            await self._report()

    async def _take_over(self, asked: Publication | None) -> None:
        before = self._rules.current().sha
        if asked is not None and asked.sha == before:
            await self._changed(before, self._rules.adopt(asked))
        else:
            # Read anew: whatever is published by now, with its files.
            await self._changed(before, await self._rules.reload(await self._journal.published()))

    async def reload(self) -> Reload:
        """Load anew what this node is to run. JournalUnavailable when nobody knows what that is."""
        async with self._one_at_a_time:
            try:
                published = await self._journal.published()
            except JournalUnavailable:
                if self._rules.publication is not None:
                    raise
                published = None
            return await self._changed(self._rules.current().sha, await self._rules.reload(published))

    async def publish(self, packed: bytes) -> Json:
        """Publish rules that work here; `ok` and their `number`, or the findings of others."""
        async with self._one_at_a_time:
            before = self._rules.current().sha
            loaded = await self._rules.examine(packed)
            if loaded.ruleset is None:
                return {"ok": False, "sha": before, "findings": _rendered(loaded)}
            text = await asyncio.to_thread(packing.pack, loaded.files)
            publication = await self._journal.publish(loaded.sha, text, self._clock.now())
            logger.bind(ruleset=publication.sha, number=publication.number).warning("rules are published for all nodes")
            result = await self._changed(before, await self._rules.take(loaded, loaded.ruleset, publication))
            answer = {"ok": True, "sha": publication.sha, "findings": "", "number": publication.number}
            return {**answer, "onCall": self._handovers(result)}

    async def withdraw(self) -> Json:
        """Return every node to its own files; NotFound when nothing is published."""
        async with self._one_at_a_time:
            publication = await self._journal.withdraw(self._clock.now())
            if publication is None:
                raise NotFound("no rules are published: every node runs its own files already")
            logger.bind(ruleset=publication.sha, number=publication.number).warning("the published rules are withdrawn")
            result = await self._changed(self._rules.current().sha, await self._rules.reload(None))
            answer = {"ok": result.ok, "sha": publication.sha, "number": publication.number}
            return {**answer, "onCall": self._handovers(result)}

    async def _changed(self, before: str, result: Reload) -> Reload:
        if result.sha != before:
            self._since = self._clock.now()
        await self._report()
        await self._tell(before, result)
        return result

    async def _report(self) -> None:
        """Say what this node runs, where another may ask."""
        if not self._shared:
            return
        report = self._own()
        try:
            await self._journal.report(report)
        except JournalUnavailable as error:
            logger.error("the other nodes do not learn what this one runs: {}", error)
        else:
            self._reported_at = report.seen_at

    def _own(self) -> NodeReport:
        asked = self._rules.publication
        return NodeReport(
            node=self._node,
            sha=self._rules.current().sha,
            publication=asked.number if asked else 0,
            since=self._since,
            seen_at=self._clock.now(),
            problem=self._rules.problem,
        )

    def published(self) -> Json | None:
        """What this node was told to run; None for its own files."""
        asked = self._rules.publication
        if asked is None:
            return None
        return {
            "number": asked.number,
            "sha": asked.sha,
            "at": _instant(asked.published_at),
            "node": asked.node,
        }

    async def nodes(self) -> list[Json]:
        """What each node runs that was heard of in the last minute, by name."""
        own = self._own()
        reports = {one.node: one for one in await self._journal.nodes(own.seen_at - _LIVE)} if self._shared else {}
        reports[self._node] = own
        asked = self._rules.publication
        expected = asked.sha if asked else own.sha
        return [_node(reports[name], expected) for name in sorted(reports)]


def _node(report: NodeReport, expected: str) -> Json:
    return {
        "node": report.node,
        "rulesetSha": report.sha,
        # Whether that is the published set, or, where there is none, the one of the node that is asked.
        "differs": report.sha != expected,
        "publication": report.publication or None,
        "since": _instant(report.since),
        "seenAt": _instant(report.seen_at),
        "problem": report.problem,
    }


def _rendered(loaded: Loaded) -> str:
    return "\n".join(render(found) for found in loaded.diagnostics)


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
