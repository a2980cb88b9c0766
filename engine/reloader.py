"""SIGHUP: load, check, swap or keep.

Holds the rules in force. A reload does all that can fail (reading, checking, compiling, running the examples) before it
touches them, and a set that works is copied into the state directory, so that a cold start with broken files still
has rules to work by.
"""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from engine.core.diagnostics import Diagnostic, Severity, render
from engine.core.errors import ConfigurationError
from engine.metrics import Metrics
from engine.ruleset import loader
from engine.ruleset.matcher import Ruleset


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload came to."""

    ok: bool
    # The set in force afterwards.
    sha: str
    # All findings, warnings included.
    diagnostics: tuple[Diagnostic, ...]


class Reloader:
    """The rules in force, and the only way to change them."""

    def __init__(self, rules: Path, templates: Path, state: Path, metrics: Metrics) -> None:
        """`state` is the daemon's directory; the last good files live in `state/last-good`."""
        self._rules = rules
        self._templates = templates
        self._last_good = state / "last-good"
        self._metrics = metrics
        self._current: Ruleset | None = None
        self._one_at_a_time = asyncio.Lock()
        # Set while the files on disk are not what is in force.
        self.problem = ""

    def current(self) -> Ruleset:
        """The rules in force; `start` must have returned."""
        if self._current is None:
            raise ConfigurationError("the rules were asked for before they were loaded")
        return self._current

    async def start(self) -> None:
        """Load the rules, or the last good ones when the files are broken. ConfigurationError when there are none."""
        loaded = await asyncio.to_thread(_load, self._rules, self._templates)
        if loaded.ruleset is not None:
            await self._swap(loaded)
            return
        findings = _rendered(loaded.diagnostics)
        last_good = await asyncio.to_thread(_load, self._last_good / "rules", self._last_good / "templates")
        if last_good.ruleset is None:
            raise ConfigurationError(
                f"{findings}\nthe rules in {self._rules} cannot be used and there is no last good set in "
                f"{self._last_good}: mend the findings above, check with `engine validate {self._rules}`, start again"
            )
        self._current = last_good.ruleset
        self._keep(findings)
        logger.bind(ruleset=last_good.ruleset.sha).critical(
            "STARTED WITH THE LAST GOOD RULES: the files in {} are broken", self._rules
        )

    async def reload(self) -> Reload:
        """Take over the files as they are now, or keep the set in force when anything is wrong with them."""
        async with self._one_at_a_time:
            loaded = await asyncio.to_thread(_load, self._rules, self._templates)
            if loaded.ruleset is None:
                self._keep(_rendered(loaded.diagnostics))
                return Reload(ok=False, sha=self.current().sha, diagnostics=loaded.diagnostics)
            before = self.current().sha
            await self._swap(loaded)
            logger.bind(before=before, ruleset=loaded.ruleset.sha).info("rules reloaded")
            return Reload(ok=True, sha=loaded.ruleset.sha, diagnostics=loaded.diagnostics)

    async def _swap(self, loaded: loader.Loaded) -> None:
        if loaded.ruleset is None:
            return
        self._current = loaded.ruleset
        self.problem = ""
        self._metrics.set_rules(loaded.ruleset.sha)
        self._metrics.set_reload_ok(ok=True)
        for diagnostic in loaded.diagnostics:
            logger.warning("{}", render(diagnostic))
        try:
            await asyncio.to_thread(_save, loaded, self._last_good)
        except OSError as error:
            logger.error("the last good rules cannot be kept in {}: {}", self._last_good, error.strerror)

    def _keep(self, findings: str) -> None:
        self.problem = "the rule files are broken; the last good set is in force"
        self._metrics.set_rules(self.current().sha)
        self._metrics.set_reload_ok(ok=False)
        logger.error("the rules on disk are broken, the last good set stays in force:\n{}", findings)


def _load(rules: Path, templates: Path) -> loader.Loaded:
    """Load both folders, and what the first message would otherwise wait for."""
    loaded = loader.load(rules, templates)
    if loaded.ruleset is not None:
        loaded.ruleset.prepare()
    return loaded


def _rendered(diagnostics: tuple[Diagnostic, ...]) -> str:
    return "\n".join(render(found) for found in diagnostics if found.severity is Severity.ERROR)


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
