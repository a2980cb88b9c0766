"""An escalation or a follow-up becomes the Markdown of a Mattermost post in which the client's words stay words.

Called by `connector` for each post. Text of ours is written as it is, so that a template may use Markdown and call
somebody; whatever a client wrote (see `core.quotes`) stands in code, inline or fenced, which neither notifies nor
renders nor is fetched. What in our text could tear such code open is defused, and each finished post is read once more
the way the server does: its notifying words must not depend on what the client wrote. Pure.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum, auto

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
# Of the names in the line that says how an incident stands.
_NAME_LIMIT = 64

# Invisible characters that can hide or tear words. Joiners stay between characters beyond ASCII, where scripts and
# emoji need them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u206f\u3164\ufeff\uffa0]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
# Says "no word goes on here" to every Markdown reader and shows nothing.
_JOINER = "\u2060"
_QUOTATION_MARKS = {'"': '"', "“": "”", "«": "»", "„": "“"}
_TICKS = re.compile("`+")
_TILDES = re.compile("~{3,}")
_ESCAPE_OR_TICKS = re.compile(r"\\.|`+")
_LINK_HEAD = re.compile(r"\][(\[:]")
_DANGEROUS = re.compile(r"`|~{3}|\][(\[:]")
_GREEDY = re.compile(r"[:<\\`]|www", re.IGNORECASE)
# One of our lines with the client's spans in it.
_Line = tuple[Span, ...]


class _Kind(Enum):
    OURS = auto()
    INLINE = auto()
    FENCED = auto()


def escalation_message(escalation: Escalation, *, labelled: bool, limit: int = MESSAGE_LIMIT) -> str:
    """The root post: title, body, a line with ticket, priority and tags, and a last one that says how it stands.

    `labelled` says that Mattermost shows the priority beside the post; otherwise high and urgent stand in the title.
    """
    loud = escalation.priority >= Priority.HIGH and not labelled
    word = f"{escalation.priority.word.upper()} · " if loud else ""
    tags = "".join(f" {_inline(tag)}" for tag in map(_tidy_line, escalation.tags) if tag)
    footer = f"**{escalation.ticket_id}** · {escalation.priority.word}" + (f" ·{tags}" if tags else "")
    stands = f"\nStatus: {_guarded(_lines(escalation.standing, _NAME_LIMIT))}" if escalation.standing else ""
    marked = f"#### {word}{escalation.title.strip()}\n{escalation.body.strip()}"
    return _message(marked, f"\n\n{footer}{stands}", limit)


def copy_message(escalation: Escalation, *, limit: int = MESSAGE_LIMIT) -> str:
    """The post once more for the readers of a further channel, in which nothing calls anybody."""
    # In the client's words the joiner is taken out again, and there it is not needed.
    title, body = (text.replace("@", f"@{_JOINER}") for text in (escalation.title, escalation.body))
    # Nothing follows it there, so it does not say how things stand, either.
    copied = replace(escalation, title=title, body=body, standing="", offers=())
    return escalation_message(copied, labelled=True, limit=limit)


def follow_up_message(follow_up: FollowUp, *, threaded: bool, limit: int = MESSAGE_LIMIT) -> str:
    """The reply in the thread; where there is no thread to join, the ticket stands above it."""
    heading = f"#### {follow_up.ticket_id}\n" if follow_up.ticket_id and not threaded else ""
    return _message(f"{heading}{follow_up.body.strip()}", "", limit)


def _message(marked: str, footer: str, limit: int) -> str:
    for text_limit in _TEXT_LIMITS:
        message = _guarded(_lines(marked, text_limit)) + footer
        if len(message) <= limit:
            return message
    # Not even the client's shortest text fits: the template itself is too long, so its end is dropped by whole lines.
    lines, end = _lines(marked, _TEXT_LIMITS[-1]), f"\n{_CUT.strip()}{footer}"
    kept = bisect_right(range(len(lines)), limit - len(end), key=lambda count: len(_render(lines[:count]))) - 1
    return (_guarded(lines[:kept]) + end).strip()


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
    """One line of ours with the client's parts in code, fenced parts on lines of their own."""
    shown = ""
    table = any("|" in span.text for span in line if not span.quoted)
    for text, kind in _parts(line):
        if kind is _Kind.OURS:
            shown += (" " if shown.endswith("`") and text.startswith("`") else "") + _defused(text)
        elif kind is _Kind.FENCED:
            shown = f"{shown.rstrip()}\n{_fenced(text)}\n".lstrip("\n")
        else:
            # A bar would end a table's cell, inside code as well.
            shown += _separator(shown) + _inline(text.replace("|", "¦") if table else text)
    return shown.removesuffix("\n")


def _parts(line: _Line) -> list[tuple[str, _Kind]]:
    """The spans of a line with the form of each: fenced is a client's part that has several lines, or that our text
    puts between quotation marks at the line's end; the fence takes the place of the marks.
    """
    texts = [span.text for span in line]
    kinds = [_Kind.INLINE if span.quoted else _Kind.OURS for span in line]
    for place, span in enumerate(line):
        if not span.quoted:
            continue
        before = texts[place - 1] if place and kinds[place - 1] is _Kind.OURS else ""
        after = texts[place + 1] if place + 1 < len(line) and not line[place + 1].quoted else ""
        enclosed = after[:1] == _QUOTATION_MARKS.get(before[-1:], "\n")
        ends = enclosed and place + 2 >= len(line) and not after[1:].strip()
        if "\n" not in span.text and not ends:
            continue
        kinds[place] = _Kind.FENCED
        if enclosed:
            texts[place - 1], texts[place + 1] = before[:-1], after[1:].lstrip()
    return list(zip(texts, kinds, strict=True))


def _separator(shown: str) -> str:
    """A blank where the word before a code span could swallow its first backtick: as part of a bare URL, as an
    escaped character, as a longer run.
    """
    word = "" if shown[-1:].isspace() else shown.rpartition("\n")[2].rpartition(" ")[2]
    return " " if _GREEDY.search(word) else ""


def _inline(text: str) -> str:
    """Inline code around one line, with a run of backticks that the text does not contain (CommonMark 6.1)."""
    ticks = "`" * (_longest_run(text) + 1)
    blank = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{ticks}{blank}{text}{blank}{ticks}"


def _fenced(text: str) -> str:
    """A fenced block with longer fences than any run of backticks in the text (CommonMark 4.5)."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)


def _defused(text: str) -> str:
    """Our own text with only that changed which could reach into the client's: backticks without a partner, tilde
    fences, and brackets that begin a link and do not end it.
    """
    if not _DANGEROUS.search(text):
        return text
    text = _TILDES.sub(lambda run: "\\~" * len(run.group()), text)
    text = _LINK_HEAD.sub(
        lambda head: head.group() if _ends(text, head.end()) else f"]{_JOINER}{head.group()[1]}", text
    )
    return "".join(_paired_ticks(text))


def _ends(text: str, after_head: int) -> bool:
    """Whether a link whose head ends here is closed in the same text; a reference definition never is."""
    closing = {"(": ")", "[": "]"}.get(text[after_head - 1])
    return closing is not None and closing in text[after_head:]


def _paired_ticks(text: str) -> Iterator[str]:
    """The text in pieces, with those backticks escaped that open no code span within it."""
    position = 0
    while found := _ESCAPE_OR_TICKS.search(text, position):
        yield text[position : found.start()]
        run = found.group()
        closing = None if run[0] == "\\" else re.compile(f"(?<!`){run}(?!`)").search(text, found.end())
        position = closing.end() if closing else found.end()
        yield text[found.start() : position] if closing or run[0] == "\\" else "\\`" * len(run)
    yield text[position:]
