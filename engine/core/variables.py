"""The variables that summaries and templates may use, in one place for both.

Whatever the client controls is quoted (see `quotes`). A variable that a message lacks is absent, never empty, so that
a template must ask `is defined`; the loader warns where a rule can match without a variable that its summary uses.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from engine.core.decisions import Priority
from engine.core.events import Attachment, Event, Message
from engine.core.quotes import TICKET, clean_line, quote

# WhatsApp profile names have at most 25 characters; other sources may say anything.
NAME_LIMIT = 60
# What the engineers' post shows of one message; more than a phone's screen helps nobody (Mattermost cuts at 16,383).
TEXT_LIMIT = 4000
# So many attachments are named.
_SHOWN = 5
_MEGABYTE = 1_000_000

# Letters and signs without a shape, which people use for a profile without a name.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_INVISIBLE_CATEGORIES = frozenset({"Cf", "Mn", "Zs"})

# Names that every template knows; keyword categories and pattern groups come on top.
ALWAYS = frozenset({"raw_text", "priority", "tags", "received_at", "keywords", "matched"})
SOMETIMES = frozenset({"client_name", "client_phone", "attachments"})
# Known once the rules have decided: for acknowledgements and escalations, not for summaries.
DECIDED = frozenset({"issue_summary", "ticket_id", "oncall"})


def client_name(event: Event) -> str | None:
    """The profile name on one line, or None when there is nothing to show."""
    return _visible_line(event.client.display_name)


def client_phone(event: Event) -> str | None:
    """The phone number on one line, or None when there is nothing to show."""
    return _visible_line(event.client.phone)


# A message asks twice for its client's name and number, once for the texts and once for the incident.
@lru_cache(maxsize=8)
def _visible_line(text: str | None) -> str | None:
    line = clean_line(text or "", NAME_LIMIT)
    if line.isascii():
        return line or None
    shows = any(char not in _BLANK and unicodedata.category(char) not in _INVISIBLE_CATEGORIES for char in line)
    return line if shows else None


def of_message(event: Event) -> dict[str, object]:
    """What the message itself says."""
    text = event.message.text
    shown = text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} … [cut: {len(text)} characters]"
    raw_text = quote(shown) or _without_text(event.message)
    variables: dict[str, object] = {"raw_text": raw_text, "received_at": event.received_at}
    if name := client_name(event):
        variables["client_name"] = quote(name)
    if phone := client_phone(event):
        variables["client_phone"] = quote(phone)
    if event.message.attachments:
        variables["attachments"] = "; ".join(map(_attachment, event.message.attachments[:_SHOWN]))
    return variables


def _attachment(attachment: Attachment) -> str:
    """What came with a message, e.g. "document report.pdf (application/pdf, 1.2 MB)"."""
    named = clean_line(attachment.name or "", NAME_LIMIT)
    facts = (
        clean_line(attachment.media_type or "", NAME_LIMIT),
        "" if attachment.seconds is None else f"{attachment.seconds} s",
        "" if attachment.size_bytes is None else size(attachment.size_bytes),
    )
    told = ", ".join(filter(None, facts))
    kind = clean_line(attachment.kind, NAME_LIMIT)
    return quote(" ".join(filter(None, (kind, named, f"({told})" if told else ""))))


def size(size_bytes: int) -> str:
    """A number of bytes as people say it, e.g. "1.2 MB"."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= _MEGABYTE else f"{max(1, round(size_bytes / 1e3))} kB"


def _without_text(message: Message) -> str:
    if message.kind == "undecryptable":
        return "(this message could not be read here: please read it on the phone)"
    kinds = dict.fromkeys(clean_line(attachment.kind, NAME_LIMIT) for attachment in message.attachments)
    return f"(no text: {', '.join(map(quote, kinds))})" if kinds else "(no text)"


def of_match(
    keywords: Sequence[tuple[str, tuple[str, ...]]],
    captures: Sequence[tuple[str, str]],
    priority: Priority,
    tags: Sequence[str],
    matched: Sequence[str],
) -> dict[str, object]:
    """What the rules found: each keyword category by its name, several joined by " and ", and the named groups."""
    variables: dict[str, object] = {category: " and ".join(names) for category, names in keywords}
    if captures:
        variables.update({name: quote(line) for name, text in captures if (line := clean_line(text, NAME_LIMIT))})
    variables["keywords"] = tuple([name for _, names in keywords for name in names])
    variables["priority"] = priority.word
    variables["tags"] = tuple(tags)
    variables["matched"] = tuple(matched)
    return variables


def of_decision(summary: str, mention: str) -> Mapping[str, object]:
    """What is known once the rules have decided; the ticket number is still a mark."""
    return {"issue_summary": summary, "ticket_id": TICKET, "oncall": mention}
