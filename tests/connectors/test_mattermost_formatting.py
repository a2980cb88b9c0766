"""The texts of Mattermost posts, and that a client's words stay words in them whatever they are."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from standins.claims import CHANNEL, copy, escalation, follow_up
from standins.mentions import code, notified, words

from engine.connectors.mattermost.formatting import MESSAGE_LIMIT, copy_message, escalation_message, follow_up_message
from engine.connectors.mattermost.mentions import mentions, notifying_words
from engine.core.decisions import Priority
from engine.core.deliveries import FollowUp
from engine.core.quotes import quote

_EVERYBODY = frozenset({"amina"})
_KEYWORDS = dict.fromkeys(("@channel", "@all", "@here", "@amina", "outage", "amina"), _EVERYBODY)


def test_writes_the_post_of_the_contract() -> None:
    """Our text stands as it is, the client's in code, the original message on lines of its own, the facts last."""
    assert escalation_message(escalation(), labelled=True) == (
        "#### New WhatsApp Client Request\n"
        "Client: `Jackson` (`+254712345678`)\n"
        "Issue Summary: 3CX outbound calls failing\n"
        "Original Message:\n"
        "```text\n"
        "I have issues with my 3CX, I can't make outbound calls\n"
        "```\n"
        "Action: @oncall please check WhatsApp and respond to the client now.\n"
        "\n"
        "**OC-2026-0001** · high · `whatsapp` `client-support` `3cx`"
    )


def test_a_copy_reads_like_the_post_and_calls_nobody() -> None:
    """What calls somebody in the post is only shown in its copies; a client's words are fenced as ever."""
    message = copy_message(replace(copy().escalation, title="@here: a request", priority=Priority.URGENT))
    assert message.replace("\u2060", "") == (
        "#### @here: a request\n"
        "Copy of OC-2026-0001 in ~dev-support-escalations\n"
        "Client: `Jackson` (`+254712345678`)\n"
        "Issue Summary: 3CX outbound calls failing\n"
        "Original Message:\n"
        "```text\n"
        "I have issues with my 3CX, I can't make outbound calls\n"
        "```\n"
        "Action: @oncall please check WhatsApp and respond to the client now.\n"
        "\n"
        "**OC-2026-0001** · urgent · `whatsapp` `client-support` `3cx`"
    )
    assert mentions(message) <= {"@"}


@pytest.mark.parametrize(
    ("priority", "labelled", "title"),
    [
        pytest.param(Priority.URGENT, False, "#### URGENT · New WhatsApp Client Request", id="urgent"),
        pytest.param(Priority.HIGH, False, "#### HIGH · New WhatsApp Client Request", id="high"),
        pytest.param(Priority.NORMAL, False, "#### New WhatsApp Client Request", id="normal needs no word"),
        pytest.param(Priority.URGENT, True, "#### New WhatsApp Client Request", id="the label says it"),
    ],
)
def test_says_the_priority_in_the_title_where_no_label_does(priority: Priority, labelled: bool, title: str) -> None:  # noqa: FBT001 - a table's column
    """High and urgent are seen at the first glance on every server."""
    message = escalation_message(escalation(priority=priority), labelled=labelled)
    assert message.split("\n")[0] == title


def test_leaves_out_the_tags_where_there_are_none() -> None:
    """The last line then ends with the priority."""
    message = escalation_message(replace(escalation(), tags=()), labelled=True)
    assert message.endswith("\n\n**OC-2026-0001** · high")


@pytest.mark.parametrize(
    ("threaded", "text", "message"),
    [
        pytest.param(True, "worse", "The client wrote again:\n```text\nworse\n```", id="in the thread"),
        pytest.param(
            False, "a\nb", "#### OC-2026-0001\nThe client wrote again:\n```text\na\nb\n```", id="without a thread"
        ),
    ],
)
def test_writes_follow_ups(threaded: bool, text: str, message: str) -> None:  # noqa: FBT001 - a table's column
    """A follow-up holds the client's words, and names the ticket where no thread does."""
    assert follow_up_message(follow_up(text), threaded=threaded) == message


def test_names_no_ticket_where_there_is_none() -> None:
    """A note about a message without an incident has no empty heading."""
    note = FollowUp(CHANNEL, None, "Note: answer by hand.", "")
    assert follow_up_message(note, threaded=False) == "Note: answer by hand."


_LINES = {
    "inline": (f"Client: {quote('Jackson')}", "Client: `Jackson`"),
    "backticks inside": (f"Client: {quote('a`b``c')}", "Client: ```a`b``c```"),
    "backticks at the ends": (f"Client: {quote('`a`')}", "Client: `` `a` ``"),
    "quoted, then our words": (f'He wrote "{quote("a")}" today', 'He wrote "`a`" today'),
    "quoted at the end": (f'He wrote "{quote("a")}"', "He wrote\n```text\na\n```"),
    "typographic quotes": (f"Msg: “{quote('a')}”", "Msg:\n```text\na\n```"),
    "several lines inside our words": (
        f"He wrote {quote(chr(10).join('ab'))} today",
        "He wrote\n```text\na\nb\n```\n today",
    ),
    "the client's words alone": (quote("a\nb"), "```text\na\nb\n```"),
    "a fence inside": (f'Msg: "{quote("```" + chr(10) + "x")}"', "Msg:\n````text\n```\nx\n````"),
    "two in a row": (f"{quote('a')}{quote('b')}", "`a` `b`"),
    "after a bare URL": (f"https://crm.example/?q={quote('a')}", "https://crm.example/?q= `a`"),
    "after a backslash": (f"x\\{quote('a')}", "x\\ `a`"),
    "after our own code": (f"`x`{quote('a')}`y`", "`x` `a` `y`"),
    "in a table": (f"| {quote('a|b')} |", "| `a¦b` |"),
    "inside our own code": (f"`{quote('a')}`", "\\` `a` \\`"),
    "inside our own fence": (f"```\n{quote('a')}\n```", "\\`\\`\\`\n`a`\n\\`\\`\\`"),
    "inside our own tilde fence": (f"~~~\n{quote('a')}\n~~~", "\\~\\~\\~\n`a`\n\\~\\~\\~"),
    "inside a link of ours": (f"[x]({quote('a')})", "[x]\u2060(`a`)"),
    "after a whole link of ours": (f"[x](https://y.z) {quote('a')}", "[x](https://y.z) `a`"),
    "a definition of ours": (f"[x]: {quote('a')}", "[x]\u2060: `a`"),
    "an escape of ours": (f"\\* {quote('a')} `b`", "\\* `a` `b`"),
    "nothing visible": (f'Msg: "{quote(chr(0x200B))}"', 'Msg: ""'),
    "invisible characters": (quote("a\u200bb\u2060c\u00add\u202ee"), "`abcde`"),
    "joiners that scripts need": (quote("می\u200cش 👩\u200d🔧 a\u200db"), "`می\u200cش 👩\u200d🔧 ab`"),
}


@pytest.mark.parametrize(("body", "expected"), _LINES.values(), ids=_LINES.keys())
def test_keeps_the_clients_words_in_code(body: str, expected: str) -> None:
    """What a client wrote never leaves its code, whatever stands around it."""
    assert follow_up_message(replace(follow_up(), body=body), threaded=True) == expected


def test_tears_mentions_when_the_form_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the reading of a finished post differ with the client's words, no mention of theirs survives in it."""
    monkeypatch.setattr("engine.connectors.mattermost.formatting._fenced", str)
    message = follow_up_message(follow_up("call @channel"), threaded=True)
    assert message == "The client wrote again:\ncall @\u2060channel"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("x" * 4096, "x" * 4096, id="as long as allowed"),
        pytest.param("x" * 4097, "x" * 4096 + " … [cut]", id="too long"),
    ],
)
def test_cuts_long_texts_visibly(text: str, shown: str) -> None:
    """What does not fit is cut, and the cut shows."""
    assert f"```text\n{shown}\n```" in escalation_message(escalation(text), labelled=True)


@pytest.mark.parametrize(
    ("body", "end"),
    [
        pytest.param("\n".join(f"{n}: {quote('`' * 4000)}" for n in range(9)), "`urgent`", id="repeated words"),
        pytest.param("our own line\n" * 2_000, "… [cut]\n\n**OC-2026-0001** · high · `urgent`", id="long template"),
        pytest.param("x" * 20_000, "… [cut]\n\n**OC-2026-0001** · high · `urgent`", id="one long line"),
    ],
)
def test_stays_within_the_limit(body: str, end: str) -> None:
    """No template makes a post that Mattermost refuses, and the facts in the last line survive."""
    message = escalation_message(replace(escalation(), body=body, tags=("urgent",)), labelled=True)
    assert len(message) <= MESSAGE_LIMIT
    assert message.endswith(end)


def test_obeys_an_older_servers_limit() -> None:
    """A server that stores only 4,000 characters gets no more."""
    assert len(escalation_message(escalation("y" * 4_000), labelled=True, limit=4_000)) <= 4_000


def test_fits_the_largest_body() -> None:
    """The worst text that a client can write stays far below the size that a server takes."""
    message = escalation_message(escalation("\U0001f4a5`" * 2_048), labelled=True)
    assert len(json.dumps(message, ensure_ascii=True).encode()) < 300_000


# Pieces from which a client makes trouble: mentions and keywords, everything that Markdown knows, what cannot be seen.
_PIECES = (
    *["@channel", "@all", "@oncall", "outage", "amina", "&#64;", "é", "🙂", "https://evil.example/", "![x](http://e/)"],
    *["`", "``", "```", "````", "~~~", "\\", "[", "](", ")", "]", ">", "#", "|", "<", ":", "”", '"', "-"],
    *("\n", "\n\n", " ", "    ", "- ", "1. ", "\r", "\u2028", "\x00"),
    *("\u200b", "\u2060", "\u202e", "\ufdd0", "\ufdd1", "\ufdd2", "\ud800"),
)
_HOSTILE = st.lists(st.sampled_from(_PIECES), max_size=16).map("".join)


@given(text=_HOSTILE, name=_HOSTILE, phone=_HOSTILE)
@settings(max_examples=150)
@example(text="```\n@channel", name="`", phone="\\")
def test_lets_no_client_call_anybody(text: str, name: str, phone: str) -> None:
    """Through every place for a client's words, nobody is called but by our own mention, and the layout stands."""
    message = escalation_message(escalation(text, name=name, phone=phone), labelled=False)
    assert mentions(message) == {"@oncall"}
    assert notified(message, _KEYWORDS) == frozenset()
    ours = [word for word in words(message) if word.startswith("@")]
    assert ours == ["@oncall"]
    lines = message.split("\n")
    assert lines[0] == "#### HIGH · New WhatsApp Client Request"
    assert "Issue Summary: 3CX outbound calls failing" in lines
    assert lines[-3:] == [
        "Action: @oncall please check WhatsApp and respond to the client now.",
        "",
        "**OC-2026-0001** · high · `whatsapp` `client-support` `3cx`",
    ]


_TEMPLATES: list[Callable[[str], str]] = [
    lambda words: f"`{words}`",
    lambda words: f"``{words} `x`",
    lambda words: f"```\n{words}\n```",
    lambda words: f"- ~~~\n  {words}\n  ~~~",
    lambda words: f"[{words}]({words})",
    lambda words: f"[x][{words}\n\n[{words}]: https://y.z",
    lambda words: f'![{words}]({words} "{words}")',
    lambda words: f"https://crm.example/{words}?{words}#{words}",
    lambda words: f"www.crm.example/{words}",
    lambda words: f"<https://x/{words}> <{words}>",
    lambda words: f"> {words}\n> {words}",
    lambda words: f"1. {words}\n2. {words}\n   {words}",
    lambda words: f"    {words}\n\n    {words}",
    lambda words: f"| a | {words} |\n|---|---|\n| {words} | b |",
    lambda words: f"\\{words}\\\\{words}&#6{words}",
    lambda words: f"**{words}** _{words}_ ~~{words}~~ :{words}:",
    lambda words: f'"{words}" “{words}” {words}"{words}"',
    lambda words: f"stray ` here\n{words}\nand ` there ``",
]


@given(template=st.sampled_from(_TEMPLATES), text=_HOSTILE)
@settings(max_examples=250)
def test_holds_in_templates_of_any_make(template: Callable[[str], str], text: str) -> None:
    """However a lead's template dresses the client's words, none of them speaks, to either reader."""
    shown = follow_up_message(replace(follow_up(), body=template(quote(text))), threaded=True)
    assert notified(shown, _KEYWORDS) == frozenset()
    assert mentions(shown) == frozenset()
    assert "outage" not in {*notifying_words(shown), *words(shown)}
    # The form alone holds: the last resort was not needed.
    assert "@\u2060" not in shown


@given(st.text(min_size=1, max_size=60))
def test_shows_what_the_client_wrote(text: str) -> None:
    """The words arrive complete: what an engineer reads is what the client wrote, without what cannot be seen."""
    visible = "".join(letter for letter in text if letter.isprintable() and letter.isascii()).strip()
    if visible:
        message = follow_up_message(follow_up(visible), threaded=True)
        assert list(code(message)) == [visible]
