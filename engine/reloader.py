"""SIGHUP: load, check, swap or keep.

Holds the rules in force: the files of this node, or a set that was published for all nodes (see `publisher`). A reload
does all that can fail (reading, checking, compiling, running the examples) before it touches them, in a thread of its
own and without a pause for the event loop (see `ruleset.quiet`), and a set that works is copied into the state
directory, so that a cold start with broken rules still has some to work by. How the rules of a sound set go together is
left to `engine validate`: to find that out takes longer than all the rest. So is what the schedules for on-call will
come to, or a gap that is still weeks away would keep a daemon from starting.
"""

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from loguru import logger

from engine.core.diagnostics import Diagnostic, Severity, render
from engine.core.errors import ConfigurationError
from engine.core.notices import found_lines, rules_refused, rules_taken
from engine.core.publications import Publication, Published, Reload
from engine.core.rosters import Roster
from engine.metrics import Metrics
from engine.ruleset import loader, quiet
from engine.ruleset.matcher import Ruleset
from engine.ruleset.parts import Parts

# What an editor gets to fill a file that it has just emptied.
_SETTLE_S = 0.05


class Reloader:
    """The rules in force, and the only way to change them."""

    def __init__(
        self,
        rules: Path,
        templates: Path,
        state: Path,
        metrics: Metrics,
        now: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        """`state` is the daemon's directory; the last good files live in `state/last-good`. `now` tells the present, to
        which the calendar files for on-call are read; without one they are not.
        """
        self._rules = rules
        self._templates = templates
        self._last_good = state / "last-good"
        self._metrics = metrics
        self._now = now
        self._current: Ruleset | None = None
        # What the newest load knows of single files, good or not.
        self._parts = Parts()
        self._one_at_a_time = asyncio.Lock()
        # Set while something else is in force than what was asked for.
        self.problem = ""
        # What was asked for last: a publication, or None for the files.
        self.publication: Publication | None = None

    def current(self) -> Ruleset:
        """The rules in force; `start` must have returned."""
        if self._current is None:
            raise ConfigurationError("the rules were asked for before they were loaded")
        return self._current

    async def start(self, published: Published | None = None) -> Reload:
        """Load what is published, else the files; when that is broken the last good rules, and when there are none
        beside a broken publication, the files. ConfigurationError when nothing is left.
        """
        loaded = await self._load(published)
        self.publication = published.publication if published else None
        if loaded.ruleset is not None:
            return await self._swap(loaded, loaded.ruleset)
        fallback = await asyncio.to_thread(
            loader.load, self._last_good / "rules", self._last_good / "templates", advise=False, now=self._now()
        )
        which = "THE LAST GOOD RULES"
        if fallback.ruleset is None and published:
            fallback = await self._load(None)
            which = f"THE RULES IN {self._rules}"
        if fallback.ruleset is None:
            raise ConfigurationError(self._nothing_left(loaded))
        self._current = fallback.ruleset
        broken = "the published ones cannot be used" if published else f"the files in {self._rules} are broken"
        logger.bind(ruleset=fallback.ruleset.sha).critical("STARTED WITH {}: {}", which, broken)
        return self._keep(loaded, at_start=True)

    def _nothing_left(self, loaded: loader.Loaded) -> str:
        errors = (found for found in loaded.diagnostics if found.severity is Severity.ERROR)
        findings = "\n".join(map(render, errors))
        remedy = f"mend the findings above, check with `engine validate {self._rules}`, start again"
        if self.publication is None:
            which = f"the rules in {self._rules} cannot be used"
        else:
            which = f"the published rules cannot be used, the rules in {self._rules} neither,"
            remedy = f"make the rules in {self._rules} work (`engine validate`), start again, and publish rules anew"
        return f"{findings}\n{which} and there is no last good set in {self._last_good}: {remedy}"

    async def reload(self, published: Published | None = None) -> Reload:
        """Take over what is published, else the files as they are now, or keep the set in force when anything is wrong
        with them.
        """
        async with self._one_at_a_time:
            loaded = await self._load(published)
            self.publication = published.publication if published else None
            if loaded.ruleset is None:
                return self._keep(loaded, at_start=False)
            return await self._reloaded(loaded, loaded.ruleset)

    async def examine(self, packed: bytes) -> loader.Loaded:
        """What there is to say about rules that come as one text (see `ruleset.packing`); nothing changes."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(loader.load_packed, packed, self._parts, self._now())

    async def take(self, loaded: loader.Loaded, ruleset: Ruleset, publication: Publication) -> Reload:
        """Take over rules that were examined, now that they are published."""
        async with self._one_at_a_time:
            self._parts = loaded.parts
            self.publication = publication
            return await self._reloaded(loaded, ruleset)

    def adopt(self, publication: Publication) -> Reload:
        """Go on with the rules in force, which are those that were published."""
        self.publication = publication
        self.problem = ""
        self._metrics.set_reload_ok(ok=True)
        return self._taken((), self.current().roster)

    async def _load(self, published: Published | None) -> loader.Loaded:
        if published:
            loaded = await asyncio.to_thread(loader.load_packed, published.files, self._parts, self._now())
        else:
            settle = partial(time.sleep, _SETTLE_S)
            loaded = await asyncio.to_thread(
                loader.load, self._rules, self._templates, self._parts, settle, advise=False, now=self._now()
            )
        self._parts = loaded.parts
        return loaded

    async def _reloaded(self, loaded: loader.Loaded, ruleset: Ruleset) -> Reload:
        before = self.current().sha
        result = await self._swap(loaded, ruleset)
        which = "published rules loaded; the files do not count" if self.publication else "rules reloaded"
        logger.bind(before=before, ruleset=loaded.sha).info(which)
        return result

    async def _swap(self, loaded: loader.Loaded, ruleset: Ruleset) -> Reload:
        # Whatever the first message would otherwise wait for.
        await asyncio.to_thread(ruleset.prepare)
        roster_before = self._current.roster if self._current else None
        retired: list[object] = [self._current]
        self._current = ruleset
        self.problem = ""
        self._metrics.set_rules(ruleset.sha)
        self._metrics.set_reload_ok(ok=True)
        for diagnostic in loaded.diagnostics:
            logger.warning("{}", render(diagnostic))
        try:
            await asyncio.to_thread(_save, loaded, self._last_good)
        except OSError as error:
            logger.error("the last good rules cannot be kept in {}: {}", self._last_good, error.strerror)
        await asyncio.to_thread(quiet.dismantle, retired)
        return self._taken(loaded.diagnostics, roster_before)

    def _keep(self, loaded: loader.Loaded, *, at_start: bool) -> Reload:
        in_force = self.current().sha
        published = self.publication is not None
        # Without the quoted lines: an example may hold a client's words.
        lines = found_lines(loaded.diagnostics)
        self.problem = "the rule files are broken; the last good set is in force"
        if published:
            self.problem = f"the published rules cannot be used here, others are in force: {lines[0]}"
        self._metrics.set_rules(in_force)
        self._metrics.set_reload_ok(ok=False)
        which = "published rules cannot be used" if published else "rules on disk are broken"
        logger.error("the {}, the last good set stays in force:\n{}", which, "\n".join(lines))
        notice = rules_refused(loaded.diagnostics, loaded.sha, in_force, at_start=at_start, published=published)
        roster = self.current().roster
        return Reload(ok=False, sha=in_force, diagnostics=loaded.diagnostics, notice=notice, roster_before=roster)

    def _taken(self, diagnostics: tuple[Diagnostic, ...], roster_before: Roster | None) -> Reload:
        sha = self.current().sha
        notice = rules_taken(sha, published=self.publication is not None)
        return Reload(ok=True, sha=sha, diagnostics=diagnostics, notice=notice, roster_before=roster_before)


def _save(loaded: loader.Loaded, place: Path) -> None:
    """Write the files of a good set beside the old copy, then exchange the two names."""
    fresh, old = place.with_name("last-good.new"), place.with_name("last-good.old")
    for left_over in (fresh, old):
        shutil.rmtree(left_over, ignore_errors=True)
    for name, content in loaded.files.items():
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old, ignore_errors=True)
