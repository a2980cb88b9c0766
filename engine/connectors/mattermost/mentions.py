"""Which words of a post can notify somebody, as Mattermost's server reads it.

The server looks for mentions and keywords only in the text nodes of its own small Markdown: code of any kind, link
destinations and bare URLs are silent, everything else speaks, however it is dressed up (headings, quotations, escapes,
entities, link texts). `formatting` reads each finished post with this before it is sent. Pure.

Behaviour observed on server 5.37 and compared with the published parser of release 11. Where releases differ, or where
a construct is not modelled (the inside of indented code and of nested fences, reference definitions), words are
reported that might be silent, never the other way round.
"""

import html
import re
from collections.abc import Iterator

# Up to three blanks, then the fence; the info word of a backtick fence holds no backtick.
_FENCE = re.compile(r" {0,3}(?:(?P<ticks>`{3,})[^`]*|(?P<tildes>~{3,}).*)")
# What ends a paragraph besides a blank line: a quotation, a bullet, a numbered item.
_CONTAINER = re.compile(r"[ \t]*(?:>|[-+*](?=[ \t]+\S)|(?P<number>[0-9]{1,9})[.)](?=[ \t]+\S))[ \t]*")
# A character that a host name may hold besides hyphen and stop; one with an underscore in it makes no link.
_HOST = r"[^\s!-#%-*,-/:;?@\[-\]_{}]"
# Everything at which running text may turn into something else.
_SPECIAL = re.compile(
    r"""
    (?=[\\`&!\[\]wW:\n])(?:
      (?P<escape>\\[!-/:-@\[-`{-~])
    | (?P<ticks>`+)
    | (?P<entity>&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]*);)
    | (?P<open>!?\[)
    | (?P<close>\])
    | (?P<url>(?:(?<=http)|(?<=https)|(?<=ftp)|(?<=mailto)|(?<=tel)|(?<=gemini))://(?=HOST(?:HOST|[-.])*+(?!_))\S*)
    | (?P<www>(?<![^\s*_~)<(>])www\d{0,3}\.(?:HOST|[-.])*+(?!_)\S*)
    | (?P<emoji>:[A-Za-z0-9_+-]+:)
    | (?P<end>\n))
    """.replace("HOST", _HOST),
    re.VERBOSE | re.IGNORECASE,
)
# What follows the closing bracket of an inline link: destination and perhaps a title.
_DESTINATION = re.compile(
    r"""\(\s*+
    (?:<(?:\\.|[^<>\\\n])*>|(?:\\.|[^\s()\\]|\((?:\\.|[^\s()\\])*\))*)
    (?:\s+=[0-9]*x?[0-9]*)?
    (?:\s+(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\((?:\\.|[^()\\])*\)))?
    \s*\)""",
    re.VERBOSE,
)
# Where the server cuts words: everything but these belongs to no mention.
_WORD = re.compile(r"[:.\-_@\w]+")


def notifying_words(markdown: str) -> tuple[str, ...]:
    """The words of a post that the server compares with names and keywords, in order, in lower case."""
    return tuple(
        word.lstrip(":.-_").casefold()
        for paragraph in _paragraphs(markdown)
        for text in _texts(paragraph)
        for word in _WORD.findall(text)
        if not (word.startswith(":") and word.endswith(":"))
    )


def mentions(markdown: str) -> frozenset[str]:
    """The words that call somebody by an @, e.g. "@oncall", without the punctuation after them."""
    return frozenset(word.rstrip(".-:_") for word in notifying_words(markdown) if "@" in word)


def _paragraphs(markdown: str) -> Iterator[str]:
    """The running text outside fences, cut where the server ends a paragraph."""
    lines: list[str] = []
    fence = ""
    listed = False
    for line in re.split(r"\r\n?|\n", markdown):
        if fence:
            fence = "" if _closes(line, fence) else fence
            continue
        opened = _FENCE.fullmatch(line)
        container = _CONTAINER.match(line)
        number = container["number"] if container else None
        interrupts = container is not None and (number is None or int(number) == 1 or listed)
        if opened or interrupts or not line.strip():
            yield "\n".join(lines)
            lines = []
            listed = bool(interrupts) or (listed and bool(line.strip()))
        if opened:
            fence = opened["ticks"] or opened["tildes"]
        elif line.strip():
            lines.append(line.strip())
    yield "\n".join(lines)


def _closes(line: str, fence: str) -> bool:
    indentation = len(line) - len(line.lstrip(" "))
    rest = line.strip()
    return indentation <= 3 and rest.startswith(fence) and not rest.strip(fence[0])  # noqa: PLR2004 - CommonMark 4.5


def _texts(raw: str) -> list[str]:
    """The text nodes of a paragraph. Pieces that an escape or an entity separates come joined and, because releases
    differ in that, once more on their own.
    """
    nodes: list[list[str]] = [[]]
    # The open brackets: True while one may still become a link.
    brackets: list[bool] = []
    position = 0
    while found := _SPECIAL.search(raw, position):
        nodes[-1].append(raw[position : found.start()])
        position = found.end()
        match found.lastgroup:
            case "escape":
                nodes[-1].append(found.group()[1])
            case "entity":
                nodes[-1].append(html.unescape(found.group()))
            case "ticks":
                after = _after_code(raw, found.end(), found.group())
                position = after or position
                nodes.append([] if after else [found.group()])
            case "open":
                brackets.append(True)
                nodes.append([])
            case "close":
                position = _after_link(raw, position, brackets)
                nodes.append([])
            case "url" | "www" if not any(brackets):
                position = found.start() + len(_trimmed(found.group()))
                nodes.append([])
            case "url" | "www":
                # Inside brackets no bare URL is looked for: its scheme is text, and what follows is read anew.
                position = found.start() + 1
                nodes[-1].append(raw[found.start()])
            case _:
                nodes.append([])
    nodes[-1].append(raw[position:])
    joined = ["".join(pieces) for pieces in nodes]
    return [*joined, *(piece for pieces in nodes if len(list(filter(None, pieces))) > 1 for piece in pieces)]


def _after_code(raw: str, start: int, ticks: str) -> int | None:
    """Where a code span ends: after the next run of exactly as many backticks; None when there is none."""
    closing = re.compile(f"(?<!`){ticks}(?!`)").search(raw, start)
    return closing.end() if closing else None


def _after_link(raw: str, position: int, brackets: list[bool]) -> int:
    """The position after a closing bracket, and after the destination when the brackets make a link."""
    if not brackets or not brackets.pop():
        return position
    destination = _DESTINATION.match(raw, position)
    if destination is None:
        return position
    # Links do not nest: what was open around this one stays text.
    brackets[:] = [False] * len(brackets)
    return destination.end()


def _trimmed(url: str) -> str:
    """A bare URL without the punctuation after it, which is text again."""
    url = re.split("[<>]", url, maxsplit=1)[0]
    while url and (url[-1] in "?!.,:*_~'\";" or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url
