"""The rules on disk: their findings, and whether the daemon runs the same."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.commands.doctor.findings import Finding, Level
from engine.commands.doctor.installations import Installation
from engine.connectors.mattermost.examinations import Place
from engine.core.diagnostics import Severity
from engine.core.ladders import Target
from engine.core.notices import found_lines
from engine.ruleset import loader
from engine.ruleset.loader import Loaded
from engine.settings import OnCallSource

_SUBJECT = "rules"
_SHOWN = 5
_SHA_SHOWN = 12


def read(installation: Installation, now: datetime) -> Loaded:
    """Load the rules as the daemon does."""
    return loader.load(installation.settings.rules, installation.settings.templates, advise=False, now=now)


def rules(installation: Installation, loaded: Loaded) -> tuple[Finding, ...]:
    """What there is to say about them. Places, codes and sentences only: a quoted line may hold a client's words."""
    folder = installation.settings.rules
    advice = f"`engine validate {folder}` shows all of it"
    lines = found_lines(loaded.diagnostics)
    found = [Finding(_SUBJECT, Level.FAIL, line, advice) for line in lines[:_SHOWN]]
    if len(lines) > _SHOWN:
        found.append(Finding(_SUBJECT, Level.FAIL, f"and {len(lines) - _SHOWN} more findings", advice))
    if not lines:
        text = f"{loaded.rules} rules, {loaded.examples} examples, {loaded.sha[:_SHA_SHOWN]}"
        found.append(Finding(_SUBJECT, Level.OK, text))
    if warnings := sum(one.severity is not Severity.ERROR for one in loaded.diagnostics):
        found.append(Finding(_SUBJECT, Level.WARN, f"{warnings} warnings", advice))
    if installation.status is not None:
        found.append(in_force(installation.status, loaded.sha, broken=bool(lines)))
    return tuple(found)


def in_force(status: Mapping[str, Any], sha: str, *, broken: bool) -> Finding:
    """Whether the daemon runs what is on disk, by its status and the hash of the files."""
    runs = status["rulesetSha"]
    if status["rulesProblem"]:
        return Finding(_SUBJECT, Level.FAIL, str(status["rulesProblem"]), "mend them, then `engine reload`")
    if runs == sha:
        return Finding(_SUBJECT, Level.OK, "the daemon runs the same")
    if status.get("published"):
        text = f"the daemon runs published rules, {runs[:_SHA_SHOWN]}, and not these files"
        return Finding(_SUBJECT, Level.OK, text)
    advice = "mend them, then `engine reload`" if broken else "`engine reload`"
    return Finding(_SUBJECT, Level.WARN, f"the daemon still runs {runs[:_SHA_SHOWN]}", advice)


def places(installation: Installation, loaded: Loaded) -> tuple[Place, ...]:
    """Every channel that a post may go to, each once."""
    chat = installation.settings.mattermost
    if chat is None:
        return ()
    own = chat.operations_channel and (chat.channel_override or chat.operations_channel)
    operations = (Place(own),) if own else ()
    found = (*rule_places(installation, loaded), *ladder_places(installation, loaded), *operations)
    return tuple(dict.fromkeys(found))


def rule_places(installation: Installation, loaded: Loaded) -> tuple[Place, ...]:
    """The channels of the rules, or the one that stands for all of them."""
    chat, document = installation.settings.mattermost, loaded.document
    if chat is None:
        return ()
    if chat.channel_override:
        return (Place(chat.channel_override),)
    teams = {channel.name.value: channel.team.value if channel.team else None for channel in document.channels}
    live = [rule for rule in document.rules if rule.enabled and not rule.shadow]
    named = [document.defaults.channel, *(name for rule in live for name in (rule.channel, *rule.also))]
    return tuple(Place(name.value, _other(teams.get(name.value), chat.team)) for name in named if name is not None)


def ladder_places(installation: Installation, loaded: Loaded) -> dict[Place, tuple[Target, ...]]:
    """The channels that the rungs of ladders tell besides, each with everybody whom these rungs call."""
    settings = installation.settings
    if settings.oncall.source is OnCallSource.STATIC or loaded.roster is None or settings.mattermost is None:
        return {}
    found: dict[Place, tuple[Target, ...]] = {}
    for ladder in loaded.roster.ladders.values():
        for rung in ladder.rungs:
            if rung.channel is not None:
                place = Place(rung.channel[0], _other(rung.channel[1], settings.mattermost.team))
                found[place] = (*found.get(place, ()), *rung.targets)
    return found


def _other(team: str | None, usual: str) -> str | None:
    return None if team == usual else team
