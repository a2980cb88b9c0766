"""Reading the plain records that the gateway hands over: an empty value where the expected one is missing.

Used by `contents`, `identities` and `arrivals`, so that no shape of a record can raise. `text` is also where a client's
characters become ones that every database and network can carry.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from engine.core.quotes import whole

Record = Mapping[str, object]

# Later than any message, and what `datetime` still knows.
_LATEST_MS = 253_402_300_799_999
_LINE_ENDS = str.maketrans({"\u2028": "\n", "\u2029": "\n", "\0": "\ufffd"})


def record(item: Record, *keys: str) -> Record:
    """The record under the first key, in it the one under the second, and so on."""
    found: object = item
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def listed(item: Record, key: str) -> list[Record]:
    """The records in the list under the key."""
    value = item.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(item: Record, *keys: str) -> str:
    """The text under the last key, in the record that the keys before it lead to.

    NUL and halves of surrogate pairs, which databases refuse, become U+FFFD; the separators of Unicode become line
    feeds, because much that shows a line takes them for its end.
    """
    value = record(item, *keys[:-1]).get(keys[-1])
    if not isinstance(value, str):
        return ""
    return whole(value).translate(_LINE_ENDS)


def number(item: Record, key: str) -> int | None:
    """The whole number under the key, None unless it is one and not negative."""
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def true(item: Record, key: str) -> bool:
    """Whether the key says so."""
    return item.get(key) is True


def moment(item: Record, key: str) -> datetime | None:
    """The time under the key, which is a number of milliseconds."""
    value = number(item, key)
    return datetime.fromtimestamp(value / 1000, tz=UTC) if value and value <= _LATEST_MS else None
