"""The names that engine.yaml gives to connectors and services, and the names of their secrets. Called by `document` and
the modules of its sections.
"""

import re
from collections.abc import Iterable

from engine.settings.secrets import Secret
from engine.settings.sections import NAME, Section

# Deliveries to Mattermost are addressed to this name.
MATTERMOST = "mattermost"
# A name is a part of URLs, of secrets' names and of metrics.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)


def is_usable(sections: Section, name: str, what: str) -> bool:
    """Whether a key of a section can name a connector or a service; a fault when not."""
    if name == MATTERMOST:
        sections.key_fault(name, NAME, f'a {what} cannot be called "mattermost": the engineers\' posts are')
        return False
    if _NAME.fullmatch(name) is None:
        message = f'"{name}" cannot name a {what}: small letters, digits, - and _, at most 31, a letter first'
        sections.key_fault(name, NAME, message)
        return False
    return True


def secret(owner: str, what: str) -> str:
    """The name of a secret of a connector or a service."""
    return f"{owner}_{what}".replace("-", "_")


def check_secrets(owners: Iterable[tuple[Section, str, tuple[Secret, ...]]]) -> None:
    """A fault for each owner that reads what another reads: `a-b` and `a_b`, or `cloud` and an http connector
    `cloud_access`, would use one secret for two purposes. An owner is a key of a section with its secrets.
    """
    readers: dict[str, str] = {}
    for section, owner, secrets in owners:
        for one in secrets:
            reader = readers.setdefault(one.name, owner)
            if reader != owner:
                message = f'"{owner}" and "{reader}" would both read the secret {one.name}'
                section.key_fault(owner, NAME, message, "rename one of them")
