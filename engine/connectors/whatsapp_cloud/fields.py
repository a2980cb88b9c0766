"""Reading JSON that somebody else wrote: each accessor returns an empty value where the expected one is missing.

Used by every reader of this package, so that no shape of a body can raise. Pure.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from engine.core.quotes import whole

Json = Mapping[str, object]
# How many digits a time in seconds may have: until the year 5138.
_LONGEST_TIME = 11


def record(item: Json, key: str) -> Json:
    """The object under the key."""
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def listed(item: Json, key: str) -> list[object]:
    """The list under the key."""
    value = item.get(key)
    return value if isinstance(value, list) else []


def listed_records(items: list[object]) -> list[Json]:
    """The objects among the items, in their order."""
    return [item for item in items if isinstance(item, dict)]


def text(item: Json, key: str) -> str:
    """The text under the key as it was written, but for halves of surrogate pairs, which JSON can carry and no
    database or network can: they become U+FFFD.
    """
    value = item.get(key)
    return whole(value) if isinstance(value, str) else ""


def word(item: Json, key: str) -> str:
    """The text under the key, for ids and codes: without blanks around it."""
    return text(item, key).strip()


def instant(item: Json) -> datetime | None:
    """`timestamp`, which Meta writes as text with whole seconds."""
    seconds = word(item, "timestamp")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= _LONGEST_TIME):
        return None
    return datetime.fromtimestamp(int(seconds), tz=UTC)
