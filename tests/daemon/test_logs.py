"""The log: what must never be in it is planted everywhere and looked for in the bytes that come out."""

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from engine import logs
from engine.core.errors import JournalUnavailable

pytestmark = pytest.mark.usefixtures("restored_logging")

PHONE = "+254712345678"
TOKEN = "tok-9f/8e+7d"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Colour(StrEnum):
    RED = "red"


@dataclass
class Person:
    phone: str = PHONE


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_SECRETS", logs._Secrets())
    logs.hide([TOKEN])


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def fail(error: BaseException, cause: BaseException | None = None) -> None:
    raise error from cause


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error with a traceback."""
    try:
        fail(error, cause)
    except type(error):
        pass
    return error


def plant(value: object) -> dict[str, Callable[[], None]]:
    """Every way for a value to get into a record."""
    text = f"client {value} wrote"
    cycle: dict[str, object] = {"phone": value}
    cycle["self"] = cycle
    chain = raised(RuntimeError(text), raised(OSError(5, text)))
    group = ExceptionGroup(text, [RuntimeError(text), ExceptionGroup(text, [OSError(text)])])
    noted = RuntimeError("see the note")
    noted.add_note(text)
    return {
        "message": lambda: logger.info(text),
        "argument": lambda: logger.info("client {} wrote", value),
        "keyword": lambda: logger.info("client {phone} wrote", phone=value),
        "bound": lambda: logger.bind(phone=value).info("x"),
        "bound under exception": lambda: logger.bind(exception=value).info("x"),
        "nested": lambda: logger.bind(a={"b": [{"c": (value, {value})}]}).info("x"),
        "key": lambda: logger.bind(a={str(value): 1}).info("x"),
        "cycle": lambda: logger.bind(a=cycle).info("x"),
        "path": lambda: logger.bind(a=Path(f"folder/{value}")).info("x"),
        "exception in an extra": lambda: logger.bind(error=RuntimeError(text)).info("x"),
        "exception": lambda: logger.opt(exception=RuntimeError(text)).error("x"),
        "chain": lambda: logger.opt(exception=chain).error("x"),
        "group": lambda: logger.opt(exception=group).error("x"),
        "note": lambda: logger.opt(exception=noted).error("x"),
        "object": lambda: logger.bind(person=Person(str(value)), raw=str(value).encode()).info("x"),
        "library": lambda: logging.getLogger("lib").warning("client %s wrote", value),
        "library's extra arguments": lambda: logging.getLogger("lib").warning("client", value),  # noqa: PLE1205 - a library's mistake
        "library's exception": lambda: logging.getLogger("lib").error("x", exc_info=chain),
        "markup": lambda: logger.opt(colors=True).info("<red>{}</red>", value),
    }


WAYS = tuple(plant(""))


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("value", "forbidden"),
    [
        pytest.param(PHONE, "712345", id="phone"),
        pytest.param("+254 (712) 345-678", "345-678", id="spaced phone"),
        pytest.param(254712345678, "712345", id="integer phone"),
        pytest.param("wamid.HBgMMjU0NzEyMzQ1Njc4FQIAEhg=", "HBgMMjU0", id="message id"),
        pytest.param(TOKEN, "9f/8e", id="token"),
        pytest.param(f"https://x/?t={TOKEN.replace('/', '%2F').replace('+', '%2B')}", "8e%2B7d", id="token in a URL"),
    ],
)
def test_what_is_planted_never_comes_out(form: logs.Format, way: str, value: object, forbidden: str) -> None:
    """Whatever way a number, message id or token takes into a record, the bytes of the log do not hold it."""
    stream = io.StringIO()
    logs.configure(form, "DEBUG", stream)
    plant(value)[way]()
    assert stream.getvalue().count("\n") >= 1
    assert forbidden not in stream.getvalue()


@given(st.text(st.characters(exclude_characters="•"), min_size=4, max_size=20))
def test_no_secret_survives_in_a_message(secret: str) -> None:
    """Any text that was hidden is gone from a message that holds it, digits and marks included."""
    keeper = logs._Secrets()
    keeper.add([secret])
    struck = keeper.strike(f"a{secret}b{secret}")
    assert secret not in struck
    assert "•••" in struck


def test_a_longer_secret_that_begins_with_a_shorter_one_is_hidden_whole(log: io.StringIO) -> None:
    """No tail of a token is left over."""
    logs.hide(["abcd", "abcd-efgh"])
    logger.info("with abcd-efgh and abcd")
    assert lines(log)[0]["message"] == "with ••• and •••"


def test_a_secret_too_short_to_recognise_is_not_hidden(log: io.StringIO) -> None:
    """Dots in every word would make the log useless."""
    logs.hide(["on", ""])
    logger.info("on call")
    assert lines(log)[0]["message"] == "on call"


def test_names_are_shortened(log: io.StringIO) -> None:
    """A person's name under its usual keys is an initial, however deep it stands."""
    logger.bind(name="Jackson Otieno", client={"displayName": "Jackson", "names": [{"name": "Jack"}]}).info("x")
    assert lines(log)[0]["extra"] == {"name": "J…", "client": {"displayName": "J…", "names": [{"name": "J…"}]}}


def test_ids_stay_readable(log: io.StringIO) -> None:
    """What operators look things up by is not taken for a phone number."""
    logger.bind(ticket="OC-2026-0001", inbox=41, at=datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)).info("decided")
    assert lines(log)[0]["extra"] == {"ticket": "OC-2026-0001", "inbox": 41, "at": "2026-02-12T10:15:30+00:00"}


def test_values_become_what_json_knows(log: io.StringIO) -> None:
    """Plain values stay what they are; an object that the log does not know is named by its type."""
    logger.bind(
        none=None,
        yes=True,
        ratio=0.0034521,
        colour=Colour.RED,
        span=timedelta(seconds=1.5),
        parts=("a", 1),
        person=Person(),
        error=JournalUnavailable("the disk is full"),
    ).info("x")
    assert lines(log)[0]["extra"] == {
        "none": None,
        "yes": True,
        "ratio": 0.0034521,
        "colour": "red",
        "span": 1.5,
        "parts": ["a", 1],
        "person": "(Person)",
        "error": "engine.core.errors.JournalUnavailable: the disk is full",
    }


def test_a_json_line_has_the_documented_keys(log: io.StringIO) -> None:
    """Time with its zone, level in small letters, message; extra and exception only where there are any."""
    logger.info("started")
    (line,) = lines(log)
    assert set(line) == {"time", "level", "message"}
    assert (line["level"], line["message"]) == ("info", "started")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


def test_a_traceback_shows_places_and_causes_but_no_values(log: io.StringIO) -> None:
    """Oldest first, with what was said; what variables held is nowhere."""

    def write(held: str) -> None:
        assert held
        fail(JournalUnavailable("the disk is full"), raised(OSError(28, "No space left on device")))

    try:
        write("held by" + " a variable")
    except JournalUnavailable:
        logger.exception("not written")
    text = lines(log)[0]["exception"]
    assert text.index("OSError: [Errno 28] No space left on device") < text.index("which led to:")
    assert text.endswith("engine.core.errors.JournalUnavailable: the disk is full")
    assert "in write" in text
    assert "held by a variable" not in text


@pytest.mark.parametrize("suppressed", [True, False])
def test_an_exception_while_handling_another_is_told_unless_hidden(log: io.StringIO, *, suppressed: bool) -> None:
    """`raise … from None` means it."""
    error = RuntimeError("second")
    error.__context__ = OSError("first")
    error.__suppress_context__ = suppressed
    logger.opt(exception=error).error("x")
    assert ("first" in lines(log)[0]["exception"]) is not suppressed


def test_an_exception_that_leads_to_itself_has_an_end(log: io.StringIO) -> None:
    """Libraries that raise a kept exception again build circles."""
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__context__, second.__context__ = second, first
    logger.opt(exception=first).error("x")
    assert lines(log)[0]["exception"] == "RuntimeError: second\nwhich led to:\nRuntimeError: first"


@pytest.mark.parametrize(
    "error",
    [ValueError("dead line"), KeyError("dead line"), UnicodeDecodeError("utf-8", b"dead line", 0, 1, "dead line")],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_that_quotes_its_value_loses_its_words(log: io.StringIO, error: Exception) -> None:
    """By convention these repeat the value that they refuse, and that may be what a client wrote."""
    logger.opt(exception=raised(RuntimeError("above"), error)).error("x")
    (line,) = lines(log)
    assert (
        f"{type(error).__name__} (its words may quote a client and are not shown)\nwhich led to:" in line["exception"]
    )
    assert "dead" not in line["exception"]


def test_no_other_sink_sees_more(log: io.StringIO) -> None:
    """Masking happens before any sink, so one that is added later cannot leak either."""
    seen: list[str] = []
    logger.add(lambda message: seen.append(f"{message}{message.record}"), diagnose=True, backtrace=True)
    logger.opt(exception=raised(RuntimeError(PHONE))).bind(phone=PHONE).error(f"{PHONE} {TOKEN}")
    assert len(seen) == 1
    assert "712345" not in seen[0]
    assert TOKEN not in seen[0]


def test_exception_without_an_exception_is_only_a_message(log: io.StringIO) -> None:
    """`logger.exception` outside a handler is a mistake that must not cost the line."""
    logger.exception("x")
    logging.getLogger("lib").error("y", exc_info=True)  # noqa: LOG014 - the same
    assert [set(line) - {"extra"} for line in lines(log)] == [{"time", "level", "message"}] * 2


def test_an_extra_is_never_taken_for_a_traceback(log: io.StringIO) -> None:
    """The key belongs to the log; a caller's value under it is left out."""
    logger.bind(exception=5).info("x")
    assert set(lines(log)[0]) == {"time", "level", "message"}


def test_libraries_log_through_the_same_door(log: io.StringIO) -> None:
    """Their name is an extra, their level is kept, also one that only they know."""
    logging.getLogger("uvicorn.error").warning("odd request from %s", PHONE)
    logging.getLogger("lib").log(35, "between")
    assert [(line["level"], line["message"], line["extra"]) for line in lines(log)] == [
        ("warning", "odd request from +254…78", {"logger": "uvicorn.error"}),
        ("level 35", "between", {"logger": "lib"}),
    ]


@pytest.mark.parametrize("name", ["httpx", "httpcore.connection", "uvicorn.error", "uvicorn.access", "asyncio"])
def test_each_request_of_a_library_is_not_news(log: io.StringIO, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs of every call stay out; warnings come through."""
    # A server without an access log, run by another test, cuts its logger off for the whole process.
    monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    logging.getLogger(name).info("HTTP Request: GET https://x/y")
    logging.getLogger(name).warning("trouble")
    assert [line["message"] for line in lines(log)] == ["trouble"]


def test_the_level_is_the_lowest_that_is_written() -> None:
    """Below it nothing is written, ours or a library's."""
    stream = io.StringIO()
    logs.configure("json", "WARNING", stream)
    logger.info("no")
    logging.getLogger("lib").info("no")
    logger.warning("yes")
    assert [line["message"] for line in lines(stream)] == ["yes"]


def test_configuring_again_replaces(log: io.StringIO) -> None:
    """One line per record, on the newest stream."""
    second = io.StringIO()
    logs.configure("json", "DEBUG", second)
    logger.info("once")
    logging.getLogger("lib").warning("once")
    assert log.getvalue() == ""
    assert len(lines(second)) == 2


@pytest.mark.parametrize(
    ("form", "stream", "environ", "expected"),
    [
        pytest.param(
            "auto",
            Terminal(),
            {},
            "\x1b[2mTIME\x1b[0m \x1b[33mWARNING \x1b[0m \x1b[33mlate\x1b[0m  \x1b[2mticket=OC-2026-0001 n=[1]\x1b[0m\n",
            id="terminal",
        ),
        pytest.param(
            "text", Terminal(), {"NO_COLOR": "1"}, "TIME WARNING  late  ticket=OC-2026-0001 n=[1]\n", id="no colour"
        ),
        pytest.param("text", io.StringIO(), {}, "TIME WARNING  late  ticket=OC-2026-0001 n=[1]\n", id="text in a pipe"),
    ],
)
def test_text_is_for_people(form: logs.Format, stream: io.StringIO, environ: dict[str, str], expected: str) -> None:
    """Time, level, message and extras on one line, coloured on a terminal unless asked not to."""
    logs.configure(form, "DEBUG", stream, environ)
    logger.bind(ticket="OC-2026-0001", n=[1]).warning("late")
    text = stream.getvalue()
    start = text.index(":") - 2
    assert text[:start] + "TIME" + text[start + 12 :] == expected


def test_auto_in_a_pipe_is_json() -> None:
    """What a machine collects, a machine can read."""
    stream = io.StringIO()
    logs.configure("auto", "DEBUG", stream)
    logger.info("x")
    assert lines(stream)[0]["message"] == "x"


def test_text_cannot_steer_a_terminal() -> None:
    """A network's words reach the log; escape sequences and broken characters in them do nothing."""
    stream = io.StringIO()
    logs.configure("text", "DEBUG", stream)
    logger.opt(exception=RuntimeError("\x1b[2J")).bind(said="\x07").error("a\x1b]0;b\ud800\nnext")
    text = stream.getvalue()
    assert "�[2J" in text
    assert "said=�" in text
    assert "a�]0;b\\ud800\nnext" in text


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[tuple[Path, Any, dict[str, str]]]:
    path = tmp_path / "journal"
    with path.open("w", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        yield path, stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


@pytest.mark.parametrize(
    ("level", "priority"),
    [("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("SUCCESS", 5), ("INFO", 6), ("DEBUG", 7), ("TRACE", 7)],
)
def test_the_journal_gets_each_line_s_priority(
    journal: tuple[Path, Any, dict[str, str]], level: str, priority: int
) -> None:
    """`journalctl -p warning` works, because every line begins with its priority."""
    path, stream, environ = journal
    logs.configure("text", "TRACE", stream, environ)
    logger.log(level, "one\ntwo")
    assert [line[:3] for line in path.read_text(encoding="utf-8").splitlines()] == [f"<{priority}>"] * 2


def test_another_stream_gets_no_priority(journal: tuple[Path, Any, dict[str, str]]) -> None:
    """The variable is inherited by children whose output goes elsewhere."""
    path, stream, _ = journal
    logs.configure("json", "DEBUG", stream, {"JOURNAL_STREAM": "1:2"})
    logger.info("x")
    assert path.read_text(encoding="utf-8").startswith("{")


def test_a_stream_that_fails_does_not_stop_the_engine(capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk under the log is reported on stderr, masked, and the caller goes on."""

    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    logs.configure("json", "DEBUG", Broken())
    logger.bind(phone=PHONE).info(PHONE)
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "712345" not in said
