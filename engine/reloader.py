"""SIGHUP: load, check, swap or keep.

Holds the rules in force. A reload does all that can fail (reading, checking, compiling, running the examples) before it
touches them, in a thread of its own and without a pause for the event loop (see `ruleset.quiet`), and a set that works
is copied into the state directory, so that a cold start with broken files still has rules to work by. How the rules of
a sound set go together is left to `engine validate`: to find that out takes longer than all the rest.
"""

import asyncio
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loguru import logger

from engine.core.diagnostics import Diagnostic, Severity, render
from engine.core.errors import ConfigurationError
from engine.core.notices import Notice, found_lines, rules_refused, rules_taken
from engine.metrics import Metrics
from engine.ruleset import loader, quiet
from engine.ruleset.matcher import Ruleset
from engine.ruleset.parts import Parts

# What an editor gets to fill a file that it has just emptied.
_SETTLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload came to."""

    ok: bool
    # The set in force afterwards.
    sha: str
    # All findings, warnings included.
    diagnostics: tuple[Diagnostic, ...]
    # For the operators' channel.
    notice: Notice


class Reloader:
    """The rules in force, and the only way to change them."""

    def __init__(self, rules: Path, templates: Path, state: Path, metrics: Metrics) -> None:
        """`state` is the daemon's directory; the last good files live in `state/last-good`."""
        self._rules = rules
        self._templates = templates
        self._last_good = state / "last-good"
        self._metrics = metrics
        self._current: Ruleset | None = None
        # What the newest load knows of single files, good or not.
        self._parts = Parts()
        self._one_at_a_time = asyncio.Lock()
        # Set while the files on disk are not what is in force.
        self.problem = ""

    def current(self) -> Ruleset:
        """The rules in force; `start` must have returned."""
        if self._current is None:
            raise ConfigurationError("the rules were asked for before they were loaded")
        return self._current

    async def start(self) -> Reload:
        """Load the rules, or the last good ones when the files are broken. ConfigurationError when there are none."""
        loaded = await self._load()
        if loaded.ruleset is not None:
            await self._swap(loaded, loaded.ruleset)
            return _taken(loaded, loaded.ruleset)
        last_good = await asyncio.to_thread(
            loader.load, self._last_good / "rules", self._last_good / "templates", advise=False
        )
        if last_good.ruleset is None:
            errors = (found for found in loaded.diagnostics if found.severity is Severity.ERROR)
            findings = "\n".join(map(render, errors))
            raise ConfigurationError(
                f"{findings}\nthe rules in {self._rules} cannot be used and there is no last good set in "
                f"{self._last_good}: mend the findings above, check with `engine validate {self._rules}`, start again"
            )
        self._current = last_good.ruleset
        logger.bind(ruleset=last_good.ruleset.sha).critical(
            "STARTED WITH THE LAST GOOD RULES: the files in {} are broken", self._rules
        )
        return self._keep(loaded, at_start=True)

    async def reload(self) -> Reload:
        """Take over the files as they are now, or keep the set in force when anything is wrong with them."""
        async with self._one_at_a_time:
            loaded = await self._load()
            if loaded.ruleset is None:
                return self._keep(loaded, at_start=False)
            before = self.current().sha
            await self._swap(loaded, loaded.ruleset)
            logger.bind(before=before, ruleset=loaded.sha).info("rules reloaded")
            return _taken(loaded, loaded.ruleset)

    async def _load(self) -> loader.Loaded:
        settle = partial(time.sleep, _SETTLE_S)
        loaded = await asyncio.to_thread(loader.load, self._rules, self._templates, self._parts, settle, advise=False)
        self._parts = loaded.parts
        return loaded

    async def _swap(self, loaded: loader.Loaded, ruleset: Ruleset) -> None:
        # Whatever the first message would otherwise wait for.
        await asyncio.to_thread(ruleset.prepare)
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

    def _keep(self, loaded: loader.Loaded, *, at_start: bool) -> Reload:
        in_force = self.current().sha
        self.problem = "the rule files are broken; the last good set is in force"
        self._metrics.set_rules(in_force)
        self._metrics.set_reload_ok(ok=False)
        # Without the quoted lines: an example may hold a client's words.
        findings = "\n".join(found_lines(loaded.diagnostics))
        logger.error("the rules on disk are broken, the last good set stays in force:\n{}", findings)
        notice = rules_refused(loaded.diagnostics, loaded.sha, in_force, at_start=at_start)
        return Reload(ok=False, sha=in_force, diagnostics=loaded.diagnostics, notice=notice)


def _taken(loaded: loader.Loaded, ruleset: Ruleset) -> Reload:
    return Reload(ok=True, sha=ruleset.sha, diagnostics=loaded.diagnostics, notice=rules_taken(ruleset.sha))


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
