"""The reading of a post as Mattermost's server does it, against what was observed on a server."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standins.mentions import words

from engine.connectors.mattermost.mentions import mentions, notifying_words

_NOTIFIES = {
    "plain text": "look @channel",
    "quotation": "> @channel",
    "quotation in a quotation": "> > @channel",
    "heading": "#### @channel",
    "table": "| a | b |\n|---|---|\n| x | @channel |",
    "bullet": "- @channel",
    "numbered item": "7. @channel",
    "link text": "[@channel](https://example.org)",
    "image label": "![@channel](https://example.org/x.png)",
    "link without an end": "[@channel](https://example.org",
    "after a title": '[x](https://example.org "t") @channel',
    "backslash": "\\@channel",
    "decimal entity": "&#64;channel",
    "hexadecimal entity": "&#x40;channel",
    "named entity": "&commat;channel",
    "zero width before the mention": "\u200b@channel",
    "after a closed fence": "```\ncode\n```\n@channel",
    "after a longer closing fence": "```\ncode\n`````\n@channel",
    "after a tilde fence": "~~~\ncode\n~~~\n@channel",
    "after a lone backtick": "` @channel",
    "runs of different length": "`` @channel `",
    "escaped backticks": "\\`@channel\\`",
    "a fence with a backtick in its info": "``` a`b\n@channel",
    "a span that a block ends": "`a\n\n@channel` ",
    "a span that a bullet ends": "`a\n- @channel`",
    "after a bare URL that takes the backtick": "https://example.org/?q=`a @channel b`",
    "after a www address that takes the backtick": "www.example.org/`a @channel b`",
    "after a destination that takes the backtick": "[x](`) @channel`",
    "a host with an underscore is no link": "https://a_b.example/@channel",
    "a www host with an underscore is no link": "www.a_b.example/@channel",
    "after a bare URL in parentheses": "(https://example.org/x) @channel",
    "inside a bracket no URL is looked for": "[https://example.org/?a @channel",
    "with a full stop": "@channel.",
    "with a colon before it": ":@channel",
    "in the middle of a carriage return": "x\r@channel",
}
_SILENT = {
    "backtick fence": "```\n@channel\n```",
    "fence with info": "```text\n@channel\n```",
    "longer fence around a shorter one": "````\n```\n@channel\n````",
    "tilde fence": "~~~\n@channel\n~~~",
    "fence without an end": "```\n@channel",
    "inline code": "`@channel`",
    "inline code with longer runs": "`` ` @channel ``",
    "inline code over a line end": "`a\n@channel`",
    "word joiner inside": "@\u2060channel",
    "zero width inside": "@\u200bchannel",
    "part of a word": "foo@channel",
    "link destination": "[x](https://example.org/@channel)",
    "bare URL": "https://example.org/@channel",
    "bare URL with a full stop": "https://example.org/@channel.",
    "www address": "see www.example.org/@channel",
    "emoji": ":@channel:",
}


@pytest.mark.parametrize("markdown", _NOTIFIES.values(), ids=_NOTIFIES.keys())
def test_finds_what_notifies(markdown: str) -> None:
    """A mention that reaches people is found however it is dressed up."""
    assert "@channel" in mentions(markdown)


@pytest.mark.parametrize("markdown", _SILENT.values(), ids=_SILENT.keys())
def test_knows_what_is_silent(markdown: str) -> None:
    """Code, destinations and broken mentions reach nobody and are not reported."""
    assert "@channel" not in mentions(markdown)


def test_lists_words_as_the_server_cuts_them() -> None:
    """Every word counts, because any word can be somebody's keyword; emoji are none."""
    markdown = "#### Big *outage* at site-2 :fire:\n`hidden` e.g. Ümlaut_1"
    assert notifying_words(markdown) == ("big", "outage", "at", "site-2", "e.g.", "ümlaut_1")


# Pieces from which hostile Markdown is made; bare URLs are left out because CommonMark knows none.
_PIECES = st.sampled_from(
    (
        *[
            "@here",
            "x",
            "`",
            "``",
            "```",
            "```text",
            "~~~",
            "\\",
            "[",
            "]",
            "](",
            ")",
            "(u)",
            "&#64;all",
            "!",
            "*",
            "#",
            ":",
        ],
        *(" ", " ", "\n", "\n\n", "> ", "- ", "1. "),
    )
)


@given(st.lists(_PIECES, max_size=14).map("".join))
@example("`a\n> `@here`")
def test_misses_no_mention_that_a_second_reader_finds(markdown: str) -> None:
    """Outside of nested blocks and indented code, whatever another Markdown reader takes for text is reported."""
    nested = any(line.lstrip(" ")[:2] in {"> ", "- ", "1."} or line.startswith("    ") for line in markdown.split("\n"))
    if not nested:
        theirs = {word.rstrip(".-:_") for word in words(markdown) if word.startswith("@")}
        assert theirs <= mentions(markdown)
