"""Whom posts call: the mention of engine.yaml, and what it does in Mattermost."""

import re
from collections.abc import Sequence

from engine.commands.doctor.findings import Finding, Level
from engine.commands.doctor.installations import Installation
from engine.connectors.mattermost.examinations import Person

_SUBJECT = "on-call"
# What calls without any account of this name.
_EVERYBODY = frozenset({"channel", "all", "here"})
_MENTION = re.compile(r"@([a-z0-9._-]+)", re.ASCII | re.IGNORECASE)


def usernames(installation: Installation) -> tuple[str, ...]:
    """The accounts that posts call, each once, in lower case as Mattermost has them."""
    words = [word.rstrip(".-_").lower() for word in _MENTION.findall(installation.settings.oncall.mention)]
    return tuple(dict.fromkeys(word for word in words if word and word not in _EVERYBODY))


def duty(installation: Installation) -> tuple[Finding, ...]:
    """Who is called within the next 24 hours."""
    mention = installation.settings.oncall.mention
    return (Finding(_SUBJECT, Level.OK, f"every post calls {mention}, at any hour"),)


def called(people: Sequence[Person]) -> tuple[Finding, ...]:
    """Whom a mention reaches, as far as a bot can see it."""
    return tuple(found for person in people for found in _called(person))


def _called(person: Person) -> tuple[Finding, ...]:
    name = f"@{person.username}"
    if person.exists is None:
        return (Finding(_SUBJECT, Level.SKIP, f"Mattermost did not tell whether there is an account {name}"),)
    if not person.exists:
        advice = (
            "have each engineer add it, with the @, in Mattermost under Settings > Notifications > Keywords, and try "
            "`engine send test`"
        )
        text = f"no account is called {name}; whether engineers have it as a keyword nobody can see from here"
        return (Finding(_SUBJECT, Level.WARN, text, advice),)
    if person.absent:
        where = ", ".join(map(str, person.absent))
        text = f"{name} is not in {where}, and a post there does not reach them"
        return (Finding(_SUBJECT, Level.FAIL, text, "add them to the channel"),)
    return (Finding(_SUBJECT, Level.OK, f"{name} is an account and in every channel"),)
