"""Whom posts call: the mention of engine.yaml, the on-call files, and what both come to in Mattermost."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from types import MappingProxyType

from engine.commands.doctor import rulesets, shifts
from engine.commands.doctor.callings import NETWORKS
from engine.commands.doctor.findings import Finding, Level, finding
from engine.commands.doctor.installations import Installation
from engine.connectors.mattermost.examinations import Person, Place
from engine.core.ladders import MentionMode, Target, TargetKind
from engine.core.oncall import ladder_lines, no_service
from engine.core.rosters import Roster
from engine.ruleset import snapshots
from engine.ruleset.loader import Loaded
from engine.settings import ON_CALL_FILES, OnCallSource

_SUBJECT = "on-call"
# What calls without any account of this name.
_EVERYBODY = frozenset({"channel", "all", "here"})
_MENTION = re.compile(r"@([a-z0-9._-]+)", re.ASCII | re.IGNORECASE)
_WORDS = {
    MentionMode.STATIC: "{}",
    MentionMode.RESOLVED: "whoever is on call, and {} where that is nobody",
    MentionMode.BOTH: "{} and whoever is on call",
}


def roster(installation: Installation, loaded: Loaded) -> Roster | None:
    """The on-call files, where posts are called by them."""
    return None if installation.settings.oncall.source is OnCallSource.STATIC else loaded.roster


def usernames(installation: Installation, loaded: Loaded, now: datetime) -> tuple[str, ...]:
    """The accounts that posts call within the next 24 hours, each once, in lower case as Mattermost has them."""
    found = _words(installation.settings.oncall.mention)
    if (files := roster(installation, loaded)) is not None:
        for ladder in files.ladders.values():
            for targets in (*(rung.targets for rung in ladder.rungs), ladder.nobody):
                found += _accounts(targets, files, now)
    return tuple(dict.fromkeys(found))


def elsewhere(installation: Installation, loaded: Loaded, now: datetime) -> Mapping[Place, frozenset[str]]:
    """The places where only some people are called, with them; everywhere else everybody is."""
    files = roster(installation, loaded)
    if files is None:
        return {}
    # The operators' channel calls nobody by name.
    few = dict.fromkeys(rulesets.places(installation, loaded), frozenset(_words(installation.settings.oncall.mention)))
    for place, targets in rulesets.ladder_places(installation, loaded).items():
        few[place] = frozenset(_accounts(targets, files, now))
    everywhere = rulesets.rule_places(installation, loaded)
    return {place: names for place, names in few.items() if place not in everywhere}


def _accounts(targets: Sequence[Target], files: Roster, now: datetime) -> list[str]:
    """The accounts that some targets come to within the next 24 hours."""
    found: list[str] = []
    for target in targets:
        if target.kind is TargetKind.MENTION:
            found += _words(target.name)
        else:
            names = (files.username(person) for person in shifts.people(target, files, now))
            found += [name.lower() for name in names if name]
    return found


def _words(mention: str) -> list[str]:
    words = [word.rstrip(".-_").lower() for word in _MENTION.findall(mention)]
    return [word for word in words if word and word not in _EVERYBODY]


def duty(installation: Installation, loaded: Loaded, now: datetime) -> tuple[Finding, ...]:
    """Who is called within the next 24 hours."""
    chosen = installation.settings.oncall
    there = any(map(snapshots.is_oncall, loaded.files))
    if chosen.source is OnCallSource.STATIC:
        found = _ok(f"every post calls {chosen.mention}, at any hour")
        if not there:
            return (found,)
        return (found, Finding(_SUBJECT, Level.WARN, "the on-call files are not used", "set oncall.source: schedule"))
    if not there:
        return (_without_files(installation),)
    if loaded.roster is None:
        text = "who is called cannot be told, because the on-call files have errors"
        return (Finding(_SUBJECT, Level.FAIL, text, f"`engine validate {installation.settings.rules}`"),)
    known = {service.name for service in installation.settings.services}
    missing = sorted(loaded.roster.services() - known)
    return (
        _ok(f"posts call {_WORDS[chosen.mention_mode].format(chosen.mention)}"),
        *(_ok(line) for line in ladder_lines(loaded.roster.ladder)),
        *(finding(_SUBJECT, Level.FAIL, no_service(name)) for name in missing),
        *shifts.ahead(loaded.roster, chosen.order, _kept(installation), now),
    )


def _without_files(installation: Installation) -> Finding:
    """Nobody can be called by name; where a service keeps the schedules, that may be on purpose for now."""
    mention = installation.settings.oncall.mention
    text = f"there are no on-call files, so that every post calls {mention} and nobody by name"
    advice = f"write them in {installation.settings.rules}/oncall, see deploy/oncall.md"
    return Finding(_SUBJECT, Level.WARN if _kept(installation) else Level.FAIL, text, advice)


def _kept(installation: Installation) -> Mapping[str, str]:
    """By schedule, the first service that is asked about it, where that is before the on-call files."""
    chosen = installation.settings.oncall
    keepers = chosen.keepers()
    kept: dict[str, str] = {}
    for one in takewhile(lambda word: word != ON_CALL_FILES, chosen.order):
        for name, _ in keepers[one].schedules:
            kept.setdefault(name, NETWORKS[one])
    return kept


def called(
    people: Sequence[Person], only: Mapping[Place, frozenset[str]] = MappingProxyType({})
) -> tuple[Finding, ...]:
    """Whom a mention reaches, as far as a bot can see it; `only` as `elsewhere` tells."""
    return tuple(_called(replace(person, absent=_absent(person, only))) for person in people)


def _absent(person: Person, only: Mapping[Place, frozenset[str]]) -> tuple[Place, ...]:
    return tuple(place for place in person.absent if place not in only or person.username in only[place])


def _called(person: Person) -> Finding:
    name = f"@{person.username}"
    if person.exists is None:
        return Finding(_SUBJECT, Level.SKIP, f"Mattermost did not tell whether there is an account {name}")
    if not person.exists:
        advice = (
            "have each engineer add it, with the @, in Mattermost under Settings > Notifications > Keywords, and try "
            "`engine send test`"
        )
        text = f"no account is called {name}; whether engineers have it as a keyword nobody can see from here"
        return Finding(_SUBJECT, Level.WARN, text, advice)
    if person.absent:
        where = ", ".join(map(str, person.absent))
        text = f"{name} is not in {where}, and a post there does not reach them"
        return Finding(_SUBJECT, Level.FAIL, text, "add them to the channel")
    return _ok(f"{name} is an account and in every channel")


def _ok(text: str) -> Finding:
    return Finding(_SUBJECT, Level.OK, text)
