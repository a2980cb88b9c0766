"""`engine audit`: what happened, searched, exported and verified.

Rows come from the running daemon, a page at a time; an export is verified without it. The audit holds ids and facts,
never a client's text, name or number.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.commands import private_files
from engine.commands.periods import Period, period
from engine.control.client import ControlClient
from engine.core import chains
from engine.core.chains import AuditRow, Head, Verdict
from engine.core.errors import NotFound, UsageError
from engine.settings import control_socket, state_directory

_PAGE = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PIPE_WIDTH = 240
# As the journal writes the details; a digest is over these very bytes.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def run(options: argparse.Namespace) -> int:
    """Search, export or verify."""
    if options.action == "verify":
        return _verify(options)
    client = ControlClient(control_socket(state_directory(options.config)))
    return _search(options, client) if options.action == "search" else _export(options, client)


def _search(options: argparse.Namespace, client: ControlClient) -> int:
    if options.limit < 1:
        raise UsageError("--limit must be at least 1")
    within = period(options)
    found: list[AuditRow] = []
    for row in takewhile(lambda row: row.at >= within.since, _rows(client, newest_first=True)):
        if _is_wanted(row, options, within):
            found.append(row)
        if len(found) == options.limit:
            break
    if options.format == "json":
        sys.stdout.write(json.dumps([_json(row) for row in found], indent=2) + "\n")
    else:
        _show(found)
    return 0 if found else NotFound.exit_code


def _is_wanted(row: AuditRow, options: argparse.Namespace, within: Period) -> bool:
    if row.at >= within.until or (options.kind and row.kind != options.kind):
        return False
    held = " ".join((row.kind, row.ticket_id or "", row.subject or "", row.details)).casefold()
    return options.text is None or options.text.casefold() in held


def _show(found: list[AuditRow]) -> None:
    # A pipe has no width, and a script must get whole words.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    if not found:
        console.print("no such rows; --since and --until say where to look (default: the last 30 days)")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("row", "at", "what", "ticket", "client", "details"):
        table.add_column(column, no_wrap=column in {"row", "at", "ticket"}, overflow="fold")
    for row in found:
        details = ", ".join(f"{name}={fact}" for name, fact in json.loads(row.details).items())
        cells = (str(row.seq), _written(row.at), row.kind, row.ticket_id or "", row.subject or "", details)
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    console.print(table)


def _export(options: argparse.Namespace, client: ControlClient) -> int:
    head = client.audit_head()["chain"]
    if options.output is None:
        for row in _rows(client):
            sys.stdout.write(_line(row))
        return 0
    rows = 0
    with private_files.create(options.output) as file:
        for row in _rows(client):
            file.write(_line(row))
            rows += 1
    sys.stdout.write(f"{options.output}: {rows} rows. `engine audit verify {options.output} --head {head}`\n")
    return 0


def _line(row: AuditRow) -> str:
    return json.dumps(_json(row)) + "\n"


def _verify(options: argparse.Namespace) -> int:
    noted = (options.head or "").lower()
    if noted and not _DIGEST.fullmatch(noted):
        raise UsageError("--head is none: it has 64 hexadecimal digits, as the daemon's log and `export` name it")
    if options.file:
        return _tell(_followed(noted or Head().chain, _of_file(options.file)), 0)
    client = ControlClient(control_socket(state_directory(options.config)))
    kept = client.audit_head()
    return _tell(_followed(noted or kept["chain"], _rows(client)), kept["rows"])


def _followed(wanted: str, rows: Iterator[AuditRow]) -> Verdict:
    verdict = chains.begin(wanted)
    for row in rows:
        verdict = chains.follow(verdict, (row,))
    return verdict


def _tell(verdict: Verdict, rows: int) -> int:
    """`rows`: at least so many were written."""
    for seq in verdict.breaks:
        sys.stdout.write(
            f"row {seq} does not follow from the row before it: one of the two was changed, or rows between them were "
            "removed, added or moved\n"
        )
    if len(verdict.breaks) == chains.MOST_BREAKS:
        sys.stdout.write("there may be more; only so many are named\n")
    if verdict.head.rows < rows:
        sys.stdout.write(f"{rows} rows were written and {verdict.head.rows} are there\n")
    if not verdict.met:
        sys.stdout.write(f"no row has the digest {verdict.wanted}: the rows up to it were changed or are missing\n")
    if verdict.unlinked:
        sys.stdout.write(f"{verdict.unlinked} newest rows of an older engine are not linked yet\n")
    if verdict.breaks or not verdict.met or verdict.head.rows < rows:
        return 1
    sys.stdout.write(f"The audit is whole: {verdict.head.rows} rows, head {verdict.head.chain}\n")
    return 0


def _rows(client: ControlClient, *, newest_first: bool = False) -> Iterator[AuditRow]:
    start = None
    while page := client.audited(start, _PAGE, newest_first=newest_first):
        yield from (_row(answer, answer["details"]) for answer in page)
        start = page[-1]["seq"]


def _of_file(path: Path) -> Iterator[AuditRow]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    answer = json.loads(line)
                    yield _row(answer, _encode(answer["details"]))
                except (ValueError, KeyError, TypeError) as error:
                    raise UsageError(f"{path}:{number} is no row of `engine audit export`") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no file of `engine audit export`") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {(error.strerror or 'the disk refuses').lower()}") from error


def _row(answer: dict[str, Any], details: str) -> AuditRow:
    return AuditRow(
        seq=answer["seq"],
        at=datetime.fromisoformat(answer["at"]),
        kind=answer["kind"],
        ticket_id=answer["ticketId"],
        inbox_id=answer["messageId"],
        subject=answer["subject"],
        details=details,
        chain=answer["chain"],
    )


def _json(row: AuditRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": _written(row.at),
        "kind": row.kind,
        "ticketId": row.ticket_id,
        "messageId": row.inbox_id,
        "subject": row.subject,
        "details": json.loads(row.details),
        "chain": row.chain,
    }


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
