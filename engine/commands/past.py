"""Messages of the past for the commands that try rules on them: from the running daemon's journal or from a file.

A file holds JSON, one object a line: an event as it is posted, or `{"event": …, "decision": …, "followUp": …}` as
`engine backtest --export` writes it. Messages come as a stream, the journal's newest first, so that a month of them
needs no more memory than a page.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from engine.commands.folders import Side, load
from engine.commands.periods import EARLIEST, Period
from engine.control.client import ControlClient
from engine.core import backtests
from engine.core.backtests import Past
from engine.core.contracts import parse_event
from engine.core.errors import ConfigurationError, DaemonUnreachable, EngineError, InvalidEvent, UsageError
from engine.settings import control_socket, rules_folders, state_directory

# The daemon decides no message while it reads a page: 100 of them take it about 5 ms.
_PAGE = 100
_KEYS = frozenset({"event", "decision", "followUp", "id", "acceptedAt"})


class UnreadableFile(EngineError):
    """A file of messages holds something else, or cannot be read."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Record:
    """A message together with the JSON that it came as."""

    # When the journal accepted it; in a file, when it was received.
    at: datetime
    past: Past
    # As `--export` writes it.
    written: dict[str, Any]


def own_rules(options: argparse.Namespace) -> Side:
    """The rules in `--rules`; else those of engine.yaml, where there is one; else the folder `rules`."""
    if options.rules:
        return load(options.rules, options.templates)
    try:
        rules, templates = map(str, rules_folders(options.config))
    except ConfigurationError:
        if options.config.exists() or options.config != Path("engine.yaml"):
            raise
        return load("rules", options.templates)
    return load(rules, options.templates or templates)


def records(options: argparse.Namespace, within: Period) -> Iterator[Record]:
    """The messages of the period, at most `--limit`; see the module for the order."""
    if options.limit < 1:
        raise UsageError("--limit must be at least 1")
    found = _of_file(options.source) if options.source else _of_journal(options.config, within.since)
    return islice((one for one in found if within.since <= one.at < within.until), options.limit)


def _of_journal(config: Path, since: datetime) -> Iterator[Record]:
    client = ControlClient(control_socket(state_directory(config)))

    def ask(before: int | None) -> list[dict[str, Any]]:
        try:
            return client.decided(since, before, _PAGE)
        except DaemonUnreachable as error:
            raise DaemonUnreachable(f"{error}; messages in a file are read with --from FILE.jsonl") from error

    # The daemon prepares the next page while this one is decided.
    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(ask, None)
        while page := waiting.result():
            waiting = ahead.submit(ask, page[-1]["id"])
            yield from (_record(answer, datetime.fromisoformat(answer["acceptedAt"])) for answer in page)


def _record(answer: dict[str, Any], at: datetime) -> Record:
    event, decision = answer["event"], answer.get("decision")
    past = Past(
        event=None if event is None else parse_event(json.dumps(event).encode()),
        seen=None if decision is None else backtests.of_log(decision),
        follow_up=answer.get("followUp") is True,
    )
    return Record(at, past, {key: answer[key] for key in ("event", "decision", "followUp") if key in answer})


def _of_file(path: Path) -> Iterator[Record]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _of_line(line.removeprefix(b"\xef\xbb\xbf"), f"{path}:{number}")
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {(error.strerror or 'the disk refuses').lower()}") from error


def _of_line(line: bytes, place: str) -> Record:
    wanted = 'each line must be an event, or {"event": …, "decision": …}'
    try:
        given = json.loads(line)
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{place}: the text is no UTF-8; {wanted}") from error
    except json.JSONDecodeError as error:
        raise UnreadableFile(f"{place}:{error.colno}: this is no JSON; {wanted}") from None
    except RecursionError:
        raise UnreadableFile(f"{place}: brackets stand too deep one inside the other; {wanted}") from None
    if not isinstance(given, dict):
        raise UnreadableFile(f"{place}: this is JSON, but no object in braces; {wanted}")
    answer = given if "event" in given else {"event": given}
    if unknown := sorted(answer.keys() - _KEYS):
        raise UnreadableFile(f'{place}: "{unknown[0]}" is no key of a message; {wanted}')
    try:
        record = _record(answer, EARLIEST)
    except InvalidEvent as error:
        raise UnreadableFile(f"{place}: {error.field or 'the event'} {error.problem}; {wanted}") from None
    except (AttributeError, TypeError) as error:
        raise UnreadableFile(f"{place}: decision: must be a decision log, an object in braces; {wanted}") from error
    if answer.get("decision") is not None and record.past.seen is None:
        raise UnreadableFile(f"{place}: decision: rule, priority, channel or ack is missing; {wanted}")
    at = record.past.event.received_at if record.past.event else EARLIEST
    return Record(at, record.past, record.written)
