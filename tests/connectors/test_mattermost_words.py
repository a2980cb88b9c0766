"""Which words in a thread command something, and that nothing else ever does."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.connectors.mattermost.words import Command, Misunderstood, read
from engine.core.decisions import Priority

_SAY = Command("say")
_HOW_LONG = "Nothing was done: for how long? Write e.g. `{}` and nothing after it."
_WHICH = (
    "Nothing was done: which priority? Write one of `priority low`, `priority normal`, `priority high`, "
    "`priority urgent` and nothing after it."
)
_NO_WORDS = "Nothing was sent: write the words for the client after `>> `, on the same line."
_QUOTED = "Nothing was sent: that looks like a quotation. Write `>> ` once, before all of the text."


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("take", Command("claim")),
        ("Take", Command("claim")),
        ("take \n", Command("claim")),
        ("drop", Command("release")),
        ("done", Command("resolve")),
        ("DONE restarted the trunk", Command("resolve", text="restarted the trunk")),
        ("done\nthe trunk\nwas down", Command("resolve", text="the trunk\nwas down")),
        ("reopen", Command("reopen")),
        ("snooze 30m", Command("snooze", span=timedelta(minutes=30))),
        ("Snooze  2 H", Command("snooze", span=timedelta(hours=2))),
        ("priority urgent", Command("priority", priority=Priority.URGENT)),
        ("priority Low", Command("priority", priority=Priority.LOW)),
        ("mute client 2h", Command("mute", span=timedelta(hours=2))),
        ("mute  Client  1d", Command("mute", span=timedelta(days=1))),
        (">> we are on it", Command("reply", text="we are on it")),
        (">>  line one\n\nline two ", Command("reply", text="line one\n\nline two")),
    ],
)
def test_reads_commands(message: str, wanted: Command) -> None:
    """Each command of the engineers' page, as people type it."""
    assert read(message) == wanted


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("snooze", _HOW_LONG.format("snooze 30m")),
        ("snooze alarms are loud", _HOW_LONG.format("snooze 30m")),
        ("snooze 30m please", _HOW_LONG.format("snooze 30m")),
        ("snooze 30 minutes", _HOW_LONG.format("snooze 30m")),
        ("snooze 0m", "Nothing was done: from 1m to 7d can be asked for, e.g. `snooze 30m`."),
        ("snooze 999999w", "Nothing was done: from 1m to 7d can be asked for, e.g. `snooze 30m`."),
        ("mute", _HOW_LONG.format("mute client 2h")),
        ("mute 2h", _HOW_LONG.format("mute client 2h")),
        ("mute client", _HOW_LONG.format("mute client 2h")),
        ("mute client for ever", _HOW_LONG.format("mute client 2h")),
        ("priority", _WHICH),
        ("priority critical", _WHICH),
        ("priority urgent now", _WHICH),
        (">>", _NO_WORDS),
        (">> ", _NO_WORDS),
        (">>\nwe are on it", _NO_WORDS),
        (">> > what the client said", _QUOTED),
        (">> a colleague's words\n> and mine\n\nanswer", _QUOTED),
    ],
)
def test_says_what_would_have_been_a_command(message: str, sentence: str) -> None:
    """What begins like a command and is none gets a sentence for the thread, and nothing happens."""
    assert read(message) == Misunderstood(sentence)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "take a look at this",
        "I take",
        "drop it",
        "reopen the ticket?",
        "taken",
        "take.",
        "take!",
        "take, please",
        "@engine-bot take",
        "/take",
        "*take*",
        "`take`",
        "```\ntake\n```",
        "~~~\ndone\n~~~",
        "    take",
        " take",
        "\ntake",
        "hello\ntake",
        "> take",
        "> done",
        "> > done",
        ">take",
        ">>done",
        ">>>> done",
        "> >> to the client",
        "\u200btake",
        "ta\u200bke",
        "take\u200b",
        "take\u00a0",
        "done\u00a0now",
        "take\u2003",
        "\ufefftake",
        "\u202etake",
        "tаke",  # noqa: RUF001 - a Cyrillic letter
        "ｔａｋｅ",  # noqa: RUF001 - full width
        "snooze\u00a030m",
        "ＳＮＯＯＺＥ 30m",  # noqa: RUF001 - full width
        "priority\u200b urgent",
        "\uff1e\uff1e to the client",
        "»  to the client",
        "\u226b to the client",
    ],
)
def test_takes_everything_else_for_talk(message: str) -> None:
    """Quoted, fenced, look-alike and torn words command nothing."""
    assert read(message) == _SAY


@pytest.mark.parametrize(
    "message",
    ["snooze ３０m", "snooze 30\u00a0m", "snooze \u200b30m", "priority urgent\u200b", "priority ｈigh"],  # noqa: RUF001
)
def test_reads_no_look_alikes_after_the_word(message: str) -> None:
    """A command's other words are plain ones too."""
    assert isinstance(read(message), Misunderstood)


_WORDS = ("take", "drop", "reopen", "done", "snooze", "mute", "priority", ">>")
_PIECES = st.one_of(
    st.sampled_from([*_WORDS, "client", "urgent", "30m", ">", "> ", "```", "~~~", "`", "\u200b", "\u2060", "\n", " "]),
    st.text(max_size=3),
)


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_a_command_begins_with_its_word(message: str) -> None:
    """Whatever is written: what is no talk begins with a command's word, in ASCII, and white space or the end after it;
    a bare word stands alone, and words for the client are never a quotation.
    """
    found = read(message)
    if found == _SAY:
        return
    word = next(word for word in _WORDS if message.lower().startswith(word))
    assert message[: len(word)].isascii()
    assert message[len(word) : len(word) + 1] in {"", " ", "\t", "\r", "\n"}
    if word in {"take", "drop", "reopen"}:
        assert message.rstrip(" \t\r\n").lower() == word
    if isinstance(found, Command) and found.kind == "reply":
        assert message.startswith(">> ")
        assert not any(line.lstrip().startswith(">") for line in found.text.split("\n"))


@given(st.text())
def test_what_stands_in_a_fence_or_quotation_is_talk(text: str) -> None:
    """No text becomes a command by being quoted or shown as code."""
    quoted = "\n".join(f"> {line}" for line in text.split("\n"))
    assert read(quoted) == read(f"```\n{text}\n```") == read(f"`{text}`") == read(f"\u200b{text}") == _SAY


@given(st.text(min_size=1))
def test_a_sentence_repeats_nothing(text: str) -> None:
    """What is not understood is answered with our own words alone."""
    alike = read(f"snooze \u2603{text}"), read(f"priority \u2603{text}"), read(f">> > \u2603{text}")
    assert alike == (
        Misunderstood(_HOW_LONG.format("snooze 30m")),
        Misunderstood(_WHICH),
        Misunderstood(_QUOTED),
    )
