"""An escalation, follow-up or revision becomes the Markdown of a Mattermost post in which the client's words stay words.

Called by `connector` for each post. Text of ours is written as it is, so that a template may use Markdown and call
somebody; whatever a client wrote (see `core.quotes`) stands in code, inline or fenced, which neither notifies nor
renders nor is fetched. What in our text could tear such code open is defused, and each finished post is read once more
the way the server does: its notifying words must not depend on what the client wrote. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.connectors.mattermost.mentions import notifying_words
from engine.core.decisions import Priority
from engine.core.deliveries import Escalation, FollowUp
from engine.core.quotes import Span, clean, spans

# The longest message that Mattermost stores, in code points; with at most four bytes each, and eight once JSON has
# escaped them, a post also stays far below the limit for a request's body (300,000 bytes).
MESSAGE_LIMIT = 16_383
# What is shown of one text of the client's. The last ones are for templates that repeat it.
_TEXT_LIMITS = (4_096, 1_024, 256, 64)
_CUT = " … [cut]"

# Invisible characters that can hide or tear words. Joiners stay between characters beyond ASCII, where scripts and
# emoji need them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u206f\u3164\ufeff\uffa0]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
# Says "no word goes on here" to every Markdown reader and shows nothing.
_JOINER = "\u2060"
_QUOTATION_MARKS = {'"': '"', "“": "”", "«": "»", "„": "“"}
# Line of a post: our text and the client's, in order.
_Line = tuple[Span, ...]


def escalation_message(escalation: Escalation, *, labelled: bool, limit: int = MESSAGE_LIMIT) -> str:
    """The root post: title, body, and a last line with ticket, priority and tags.

    `labelled` says that Mattermost shows the priority beside the post; otherwise high and urgent stand in the title.
    """
    loud = escalation.priority >= Priority.HIGH and not labelled
    word = f"{escalation.priority.word.upper()} · " if loud else ""
    tags = "".join(f" {_inline(tag)}" for tag in map(_tidy_line, escalation.tags) if tag)
    footer = f"**{escalation.ticket_id}** · {escalation.priority.word}" + (f" ·{tags}" if tags else "")
    return _message(f"#### {word}{escalation.title.strip()}\n{escalation.body.strip()}", f"\n\n{footer}", limit)


def follow_up_message(follow_up: FollowUp, *, threaded: bool, limit: int = MESSAGE_LIMIT) -> str:
    """The reply in the thread; where there is no thread to join, the ticket stands above it."""
    heading = "" if threaded else f"#### {follow_up.ticket_id}\n"
    return _message(f"{heading}{follow_up.body.strip()}", "", limit)


def _message(marked: str, footer: str, limit: int) -> str:
    for text_limit in _TEXT_LIMITS:
        message = _guarded(_lines(marked, text_limit)) + footer
        if len(message) <= limit:
            return message
    # Not even the client's shortest text fits: the template itself is too long, so its end is dropped by whole lines.
    lines = _lines(marked, _TEXT_LIMITS[-1])
    while len(lines) > 1 and len(message) > limit:
        lines = lines[:-1]
        message = f"{_guarded(lines)}\n{_CUT.strip()}{footer}"
    return message if len(message) <= limit else f"{_CUT.strip()}{footer}"[:limit]


def _guarded(lines: Sequence[_Line]) -> str:
    """The post's Markdown. Should the client's words change what notifies, their mentions are torn."""
    message = _render(lines)
    silent = _render([tuple(_stand_in(span) for span in line) for line in lines])
    if notifying_words(message) == notifying_words(silent):
        return message
    return _render([tuple(_without_mentions(span) for span in line) for line in lines])


def _stand_in(span: Span) -> Span:
    """A harmless text of the same shape."""
    return replace(span, text="-\n-" if "\n" in span.text else "-") if span.quoted else span


def _without_mentions(span: Span) -> Span:
    return replace(span, text=span.text.replace("@", f"@{_JOINER}")) if span.quoted else span


def _lines(marked: str, text_limit: int) -> list[_Line]:
    """The text cut at our own line ends; line ends of the client's stay inside their span."""
    lines: list[list[Span]] = [[]]
    for span in spans(marked):
        if span.quoted:
            text = _cut(_tidy(span.text), text_limit)
            lines[-1].extend([Span(text, quoted=True)] if text else [])
            continue
        for number, part in enumerate(span.text.split("\n")):
            if number:
                lines.append([])
            lines[-1].extend([Span(part, quoted=False)] if part else [])
    return [tuple(line) for line in lines]


def _tidy(text: str) -> str:
    return _INVISIBLE.sub("", clean(text)).strip()


def _tidy_line(text: str) -> str:
    return " ".join(_tidy(text).split())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit].rstrip()}{_CUT}"


def _render(lines: Sequence[_Line]) -> str:
    return "\n".join(_line(line) for line in lines)


def _line(line: _Line) -> str:
    """One line of ours with the client's parts in code; a part of several lines, or one that our text puts between
    quotation marks at the line's end, is fenced on lines of its own.
    """
    table = any("|" in span.text for span in line if not span.quoted)
    done = ""
    for before, span, after in _neighbours(line):
        if not span.quoted:
            text = span.text[1:] if _closing(before) and span.text.startswith(_closing(before)) else span.text
            done += _defused(text)
            continue
        done, mark = (done[:-1], done[-1]) if _encloses(done, after) else (done, "")
        if "\n" in span.text or (mark and not after[1:].strip()):
            done = f"{done.rstrip()}\n{_fenced(span.text)}\n".lstrip("\n")
        else:
            text = span.text.replace("|", "¦") if table else span.text
            done = f"{done}{mark}{_separator(done + mark)}{_inline(text)}"
    return done.rstrip("\n")
