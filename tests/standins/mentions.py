"""Whom a Mattermost post would notify, by a reader that shares no code with the engine's.

Markdown is read by markdown-it (CommonMark); the rules for words are the server's as observed: words are cut at
everything but letters, numbers and `:.-_@`, and compared with names and keywords without and with the punctuation at
their ends.
"""

import re
from collections.abc import Iterator, Mapping

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(["html_block", "html_inline", "autolink"])
_WORD = re.compile(r"[:.\-_@\w]+")


def notified(message: str, keywords: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The users whom a post calls; `keywords` holds the users by what they listen to, in lower case."""
    return frozenset(
        user
        for word in words(message)
        for spelling in _spellings(word)
        for user in keywords.get(spelling.lower(), frozenset())
    )


def words(message: str) -> Iterator[str]:
    """The words of the message's text nodes, code left out."""
    for text in _texts(message):
        for word in _WORD.findall(text):
            if not (word.startswith(":") and word.endswith(":")):
                yield word.lstrip(":.-_")


def code(message: str) -> Iterator[str]:
    """The contents of the message's code, fenced and inline, in order."""
    for token in _MARKDOWN.parse(message):
        if token.type in {"fence", "code_block"}:
            yield token.content.removesuffix("\n")
        yield from (child.content for child in token.children or () if child.type == "code_inline")


def _spellings(word: str) -> Iterator[str]:
    yield word
    while word and word[-1] in ".-:_":
        word = word[:-1]
        yield word
    yield from re.split(r"[.\-:]", word)


def _texts(message: str) -> Iterator[str]:
    for token in _MARKDOWN.parse(message):
        if token.type == "inline":
            yield from _joined(token.children or [])


def _joined(children: list[Token]) -> Iterator[str]:
    run = ""
    for child in children:
        if child.type in {"text", "text_special"}:
            run += child.content
        else:
            yield run
            # The label of an image is text as well.
            run = child.content if child.type == "image" else ""
    yield run
