"""Reading JSON that somebody else wrote: each accessor returns an empty value where the expected one is missing.

Used by `notifications` and `contents`, so that no shape of a body can raise.
"""

from collections.abc import Mapping

Json = Mapping[str, object]


def record(item: Json, key: str) -> Json:
    """The object under the key."""
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def listed(item: Json, key: str) -> list[object]:
    """The list under the key."""
    value = item.get(key)
    return value if isinstance(value, list) else []


def text(item: Json, key: str) -> str:
    """The text under the key as it was written, but for halves of surrogate pairs, which JSON can carry and no
    database or network can: they become U+FFFD.
    """
    value = item.get(key)
    if not isinstance(value, str):
        return ""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def word(item: Json, key: str) -> str:
    """The text under the key, for ids and codes: without blanks around it."""
    return text(item, key).strip()
