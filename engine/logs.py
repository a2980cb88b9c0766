"""Log records into lines, with nothing of a client in them: the only module that configures loguru and logging.

`configure` installs one sink and, before it, a patcher through which every record of the process passes, those of
libraries included: phone numbers and message ids are masked in messages, extras and tracebacks, names are shortened,
and secrets that `hide` was told become dots. What a client wrote cannot be recognised, so the rest of the engine never
logs it; the one hole that is closed here are exceptions whose words quote the value that they refuse.
"""

import json
import logging
import os
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TextIO
from urllib.parse import quote

from loguru import logger

from engine.core.masking import mask_name, mask_text

if TYPE_CHECKING:
    from loguru import Message, Record

Format = Literal["json", "text", "auto"]

# Extras that hold a person's name, wherever they are nested.
_NAMES = frozenset({"name", "client_name", "display_name", "clientName", "displayName"})
# Under this key the patcher leaves the masked traceback; an extra of a caller's never keeps it.
_TRACEBACK = "exception"
# A shorter secret cannot be told from an ordinary word.
_HIDDEN_LENGTH = 4
# Deeper than anybody nests extras, and an end to those that contain themselves.
_DEPTH = 8
# Without one of these `mask_text` changes nothing.
_MASKABLE = re.compile(r"\d|wamid")
# A terminal would obey them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# By convention their words quote the value that they refuse, which may be what a client wrote.
_QUOTING: tuple[type[BaseException], ...] = (ValueError, LookupError)
# Libraries that log each request, with its URL, or each connection at INFO.
_CHATTY = ("httpx", "httpcore", "uvicorn", "uvicorn.error", "asyncio")
# sd-daemon(3): what the journal takes as the priority of a line.
_PRIORITIES = ((50, 2), (40, 3), (30, 4), (25, 5), (20, 6), (0, 7))
_COLOURS = {
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[1;31m",
    "DEBUG": "\x1b[2m",
    "TRACE": "\x1b[2m",
}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class _Secrets:
    """The process's secrets as one pattern; the log is the process's too."""

    def __init__(self) -> None:
        self._texts: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, texts: Iterable[str]) -> None:
        forms = {
            form
            for text in texts
            if len(text) >= _HIDDEN_LENGTH
            for form in (text, quote(text, safe="", errors="replace"))
        }
        self._texts |= forms
        # The longest first: one secret may begin with another.
        longest_first = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def strike(self, text: str) -> str:
        return self._pattern.sub("•••", text) if self._pattern else text


_SECRETS = _Secrets()


def hide(secrets: Iterable[str]) -> None:
    """Never show these texts again, not even inside an URL; those shorter than four characters are not recognised."""
    _SECRETS.add(secrets)


def configure(form: Format, level: str, stream: TextIO, environ: Mapping[str, str] | None = None) -> None:
    """Log to `stream` alone, from `level` up. "auto" is text on a terminal and JSON lines anywhere else.

    Lines begin with the priority when `environ` says that the stream is the systemd journal, and have no colours when
    it holds NO_COLOR. May be called again.
    """
    environ = environ or {}
    terminal = stream.isatty()
    text = form == "text" or (form == "auto" and terminal)
    colour = terminal and "NO_COLOR" not in environ
    line = _as_text(colour=colour) if text else _as_json
    prefixed = _is_journal(stream, environ)

    def write(message: "Message") -> None:
        record = message.record
        written = line(record)
        if prefixed:
            priority = next(priority for number, priority in _PRIORITIES if record["level"].no >= number)
            written = "\n".join(f"<{priority}>{part}" for part in written.split("\n"))
        stream.write(written + "\n")
        stream.flush()

    # Loguru's own traceback would show the values of variables; the patcher writes ours.
    logger.configure(
        handlers=[{"sink": write, "level": level, "format": "", "backtrace": False, "diagnose": False}],
        patcher=_mask_record,
    )
    logging.basicConfig(handlers=[_Intercept()], level=logger.level(level).no, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _mask_record(record: "Record") -> None:
    record["message"] = _mask(record["message"])
    extra = {key: _mask_value(value, key) for key, value in record["extra"].items() if key != _TRACEBACK}
    raised = record["exception"]
    if raised is not None:
        if raised.value is not None:
            extra[_TRACEBACK] = "\n".join(_traceback(raised.value, set()))
        # No sink, ours or another, can show more than the masked text.
        record["exception"] = None
    record["extra"] = extra


def _mask(text: str) -> str:
    # Secrets first: masking the digits in one would make it unrecognisable, and leave the rest of it.
    struck = _SECRETS.strike(text)
    # Most texts are words of ours: asking first takes a tenth of the time.
    return mask_text(struck) if _MASKABLE.search(struck) else struck


def _mask_value(value: object, key: str = "", depth: int = 0) -> object:
    """The value in types that JSON knows; an object of an unknown type is named by its type, not shown."""
    match value:
        case None | bool() | float():
            return value
        case str():
            # StrEnum members are written as their value.
            return mask_name(str(value)) if key in _NAMES else _mask(str(value))
        case int():
            # A phone number without its plus is an integer too.
            shown = _mask(str(int(value)))
            return int(value) if shown == str(int(value)) else shown
        case dict() if depth < _DEPTH:
            return {_mask(str(name)): _mask_value(part, str(name), depth + 1) for name, part in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _DEPTH:
            return [_mask_value(part, key, depth + 1) for part in value]
        case date():
            # datetime too.
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case PurePath():
            return _mask(str(value))
        case BaseException():
            return _words(value)
        case _:
            return f"({type(value).__name__})"


def _words(error: BaseException) -> str:
    """The last line of a traceback."""
    kind = type(error).__qualname__
    if isinstance(error, _QUOTING):
        return f"{kind} (its words may quote a client and are not shown)"
    # Survives an exception that cannot be written as text.
    said = "".join(traceback.format_exception_only(error)).strip()
    return _mask(said)


def _traceback(error: BaseException, seen: set[int]) -> list[str]:
    """The exception and what led to it, oldest first: where, and what was said, never the values of variables."""
    lines: list[str] = []
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and id(earlier) not in seen:
        lines = [*_traceback(earlier, seen), "which led to:"]
    frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    lines += [_mask(frames), _words(error)] if frames else [_words(error)]
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            lines += [f"  | {line}" for text in _traceback(part, seen) for line in text.split("\n")]
    return lines


def _as_json(record: "Record") -> str:
    extra = dict(record["extra"])
    line: dict[str, Any] = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name.lower(),
        "message": record["message"],
    }
    raised = extra.pop(_TRACEBACK, None)
    if extra:
        line["extra"] = extra
    if raised is not None:
        line["exception"] = raised
    # Lone surrogates, which a stream in UTF-8 refuses, are escaped along with everything beyond ASCII.
    return json.dumps(line)


def _as_text(*, colour: bool) -> Callable[["Record"], str]:
    dim, plain = (_DIM, _PLAIN) if colour else ("", "")

    def line(record: "Record") -> str:
        extra = dict(record["extra"])
        raised = extra.pop(_TRACEBACK, None)
        level = record["level"].name
        tint = _COLOURS.get(level, "") if colour else ""
        written = f"{dim}{record['time']:%H:%M:%S.%f}"[:-3] + f"{plain} {tint}{level:<8}{plain if tint else ''} "
        written += f"{tint}{_printable(record['message'])}{plain if tint else ''}"
        if extra:
            written += f"  {dim}" + " ".join(f"{key}={_shown(value)}" for key, value in extra.items()) + plain
        if raised is not None:
            written += f"\n{_printable(raised)}"
        return written

    return line


def _shown(value: object) -> str:
    return _printable(value) if isinstance(value, str) else json.dumps(value)


def _printable(text: str) -> str:
    """Without what a terminal obeys, and without lone surrogates, which no stream in UTF-8 takes."""
    return _CONTROLS.sub("�", text).encode("utf-8", "backslashreplace").decode()


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether this stream is the one that JOURNAL_STREAM names by device and inode (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        # A stream in memory has no descriptor.
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Intercept(logging.Handler):
    """Hands the records of libraries over to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass it on with the library's name."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, LookupError):
            # The library's placeholders and arguments do not fit; logging itself would print the arguments.
            message = str(record.msg)
        level: str | int = record.levelname
        try:
            logger.level(record.levelname)
        except ValueError:
            level = record.levelno
        raised = record.exc_info if record.exc_info and record.exc_info[0] is not None else None
        logger.opt(exception=raised).bind(logger=record.name).log(level, message)
