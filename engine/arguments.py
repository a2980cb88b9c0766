"""What can be typed after `engine`: the commands with their arguments and their help.

Called by `cli`, which carries out what was parsed. Imports no command, so that `engine --help` does not pay for any.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine import __version__

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

_DESCRIPTION = (
    "A WhatsApp support router: rules decide, the client is acknowledged, the on-call engineer gets one post."
)
_FIRST_STEPS = """\
first steps:
  engine demo                      watch a dozen conversations being routed, without any account
  engine init support              write a working folder: engine.yaml, rules, templates
  engine validate rules/           check the rules: every finding of every file, with its place
  engine test rules/               run their examples and scenarios
  engine explain "no dial tone"    see which rule decides, why, and why not the others
"""
_CLASSES = """\
classes:
  patch  nothing that is decided changes: titles, examples, reasons, purposes, what no live rule uses
  minor  something more matches, is tagged, summarised or worded otherwise, or a rule is added or has another name
  major  a channel, priority, ack, escalate, stop, mention or follow_up; a rule that is removed, switched off or moved
         past one that acts otherwise; something matches no more; another text of a file about on-call
The class of the whole is the gravest of them; the last line says it. Comments, layout, the order within lists and
the file that a rule stands in are no difference.
"""
_JOURNAL = """\
While the daemon runs it writes the backup itself, as its own user: name a FILE in a folder which that user can write,
such as the state folder. restore and copy need a stopped daemon. A journal in PostgreSQL is backed up and restored by
PostgreSQL's own means.
"""
_BACKTEST = """\
Without --against, what was decided at the time is compared with the rules in --rules; with it, --rules with --against.
Whether a message joined an open incident is taken from the journal as it was then: an incident that other rules would
have opened, kept apart or escalated earlier is not followed further. The words of clients are shown as short excerpts
in which names that the network gave, numbers and addresses are masked; --show-text shows them as they were written.
"""
_DOCTOR = """\
Each line is ok, warn, fail or skip (it could not be looked at, with the reason), the subject, what was found and what
to do. Nothing is changed, nothing is sent to anybody, and no line tells a secret or anything of a client's. Secrets are
looked for as `engine run` does; without CREDENTIALS_DIRECTORY in /run/credentials/engine.service. Exit code 0: nothing
failed. 1: something did. 77, 78: engine.yaml cannot be read, or is not one.
"""
_PUBLISH = """\
Once something is published, every node runs what was published last, after a restart too, whatever its own files say.
`engine reload` loads that anew; `engine rules publish --withdraw` returns every node to its own files. The rules are
checked before anything changes, and again on each node: where they do not work, the last good ones stay in force.
Exit code 0: all nodes run them. 1: the rules are refused, or some nodes do not run them; it says which and why.
"""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `command`, and `action` where a command has several, say which was asked for."""
    whole = argparse.ArgumentParser(
        prog="engine",
        description=_DESCRIPTION,
        epilog=_FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"engine {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_try(commands)
    _add_rules(commands)
    _add_history(commands)
    _add_daemon(commands)
    return whole


def _add_try(commands: "_Commands") -> None:
    demo = commands.add_parser("demo", help="watch sample conversations being routed, without any account")
    demo.add_argument("--interactive", action="store_true", help="route what you type, line by line")
    demo.add_argument("--rules", type=Path, help="a rules folder to try (default: the starter rules)")
    demo.add_argument("--templates", type=Path, help="its templates (default: the folder beside it)")
    init = commands.add_parser("init", help="write a working folder: engine.yaml, rules, templates")
    init.add_argument("directory", type=Path, help="created when it does not exist; no file is ever overwritten")


def _add_rules(commands: "_Commands") -> None:
    validate = commands.add_parser("validate", help="check a rules folder: every finding of every file in one pass")
    validate.add_argument("path", type=Path, help="the rules folder")
    validate.add_argument("--templates", type=Path, help="the templates folder (default: beside the rules)")
    validate.add_argument("--strict", action="store_true", help="warnings fail too")
    forms = ["text", "json", "github", "sarif", "junit"]
    validate.add_argument("--format", choices=forms, default="text", help="default: text")
    validate.add_argument("--output", type=Path, help="write to this file", metavar="FILE")
    validate.add_argument("--watch", action="store_true", help="check again at each change, until Ctrl-C")
    test = commands.add_parser("test", help="run the rules' examples and scenarios, and see what they leave out")
    test.add_argument("rules", type=Path, nargs="?", default=Path("rules"), help="the rules folder (default: rules)")
    test.add_argument("--templates", type=Path, help="the templates folder (default: beside the rules)")
    test.add_argument("--filter", help="only tests with this in their rule, name or file", metavar="TEXT")
    test.add_argument("--format", choices=["text", "json", "junit"], default="text", help="default: text")
    test.add_argument("--coverage", action="store_true", help="list the words and conditions that no test reaches")
    test.add_argument("--min", type=int, help="fail below this share of them, in percent", metavar="N")
    test.add_argument("--mutate", action="store_true", help="delete one at a time and list those that no test misses")
    test.add_argument("--verbose", action="store_true", help="name the tests that pass too, and list everything")
    explain = commands.add_parser("explain", help="show which rule decides about a message, why, and why not others")
    explain.add_argument("text", help="the client's message")
    explain.add_argument("--rules", type=Path, default=Path("rules"), help="default: rules")
    explain.add_argument("--templates", type=Path, help="the templates folder (default: beside the rules)")
    explain.add_argument("--name", help="the client's name")
    explain.add_argument("--phone", help="the client's number, e.g. +254700000001")
    explain.add_argument("--at", help="when it is received, e.g. 2026-02-12T22:15:00+03:00 (default: now)")
    explain.add_argument("--source", default="whatsapp", help="default: whatsapp")
    explain.add_argument("--format", choices=["text", "json"], default="text", help="default: text")
    schema = commands.add_parser("schema", help="print the rule language for editors, as JSON Schema")
    schema.add_argument("--oncall", action="store_true", help="that of the files about on-call instead")
    _add_oncall(commands)
    codes = commands.add_parser("help", help="explain the code of a finding, e.g. `engine help E112`; or list all")
    codes.add_argument("codes", nargs="*", help="as `engine validate` prints them", metavar="CODE")


def _add_oncall(commands: "_Commands") -> None:
    oncall = commands.add_parser("oncall", help="who is on duty, by the schedules of a rules folder")
    actions = oncall.add_subparsers(dest="action", metavar="ACTION", required=True)
    who = actions.add_parser("who", help="who is on duty now, or at another time, and in the days that follow")
    who.add_argument("--rules", type=Path, default=Path("rules"), help="the rules folder (default: rules)")
    who.add_argument("--at", help="e.g. 2027-02-12T22:15:00+03:00 (default: now)", metavar="TIME")
    who.add_argument("--schedule", help="only this one", metavar="NAME")
    who.add_argument("--next", help="list the shifts of so long, e.g. 14d", metavar="SPAN")
    who.add_argument("--format", choices=["text", "json", "ics"], default="text", help="default: text")
    who.add_argument("--svg", type=Path, help="draw them as a picture into this file", metavar="FILE")
    diff = actions.add_parser("diff", help="for which days others are on duty in another folder")
    diff.add_argument("old", metavar="OLD", help="a rules folder, or REVISION:FOLDER for what git holds of one")
    diff.add_argument("new", metavar="NEW", help="the folder to compare it with")
    diff.add_argument("--next", default="14d", help="how far to look ahead (default: 14d)", metavar="SPAN")


def _add_history(commands: "_Commands") -> None:
    """What would a change do, what did it do."""
    raw = argparse.RawDescriptionHelpFormatter
    diff = commands.add_parser(
        "diff", help="what two rules folders mean otherwise, whatever their text", epilog=_CLASSES, formatter_class=raw
    )
    diff.add_argument("first", metavar="A", help="a rules folder, or REVISION:FOLDER for what git holds of one")
    diff.add_argument("second", metavar="B", nargs="?", help="the folder to compare it with")
    diff.add_argument("--git", metavar="REVISION", help="compare A as it was in this revision with A on the disk")
    diff.add_argument("--templates-a", metavar="DIR", help="the templates of A (default: beside the rules)")
    diff.add_argument("--templates-b", metavar="DIR", help="the templates of B (default: beside the rules)")
    diff.add_argument("--format", choices=["text", "json"], default="text", help="default: text")
    diff.add_argument("--exit-code", action="store_true", help="end with 1 when there is a difference")
    past = argparse.ArgumentParser(add_help=False)
    past.add_argument("--since", metavar="SPAN", help="e.g. 30d, 12h or 2026-02-12 in UTC (default: 30d; a file: all)")
    past.add_argument("--until", metavar="SPAN", help="the same, for the end (default: now)")
    past.add_argument("--rules", metavar="DIR", help="default: the one in engine.yaml, or rules")
    past.add_argument("--templates", metavar="DIR", help="the templates of these rules (default: beside them)")
    past.add_argument("--from", dest="source", type=Path, metavar="FILE.jsonl", help="messages of a file, one a line")
    past.add_argument(
        "--config", type=Path, default=Path("engine.yaml"), help="default: engine.yaml in this folder", metavar="FILE"
    )
    past.add_argument("--limit", type=int, default=100_000, help="the newest messages at most (default: 100000)")
    backtest = commands.add_parser(
        "backtest",
        parents=[past],
        help="run past messages through other rules: only the outcomes that change",
        epilog=_BACKTEST,
        formatter_class=raw,
    )
    backtest.add_argument("--against", metavar="DIR", help="other rules; REVISION:FOLDER for what git holds of them")
    backtest.add_argument("--against-templates", metavar="DIR", help="their templates (default: beside them)")
    backtest.add_argument("--show-text", action="store_true", help="show what clients wrote, unmasked")
    backtest.add_argument(
        "--export", type=Path, metavar="FILE.jsonl", help="only write the messages, to be read by --from"
    )
    backtest.add_argument("--format", choices=["text", "json", "markdown"], default="text", help="default: text")
    rules = commands.add_parser("rules", help="what rules did; publish them for all nodes")
    actions = rules.add_subparsers(dest="action", metavar="ACTION", required=True)
    stats = actions.add_parser(
        "stats", parents=[past], help="how often each rule matched and decided, and what rules on trial would change"
    )
    stats.add_argument("--format", choices=["text", "json"], default="text", help="default: text")
    publish = actions.add_parser(
        "publish", help="have all nodes of a journal run these rules", epilog=_PUBLISH, formatter_class=raw
    )
    publish.add_argument("rules", nargs="?", help="the rules folder, or REVISION:FOLDER (default: that of engine.yaml)")
    publish.add_argument("--templates", help="the templates folder (default: beside the rules)", metavar="DIR")
    publish.add_argument("--withdraw", action="store_true", help="return every node to its own files")
    publish.add_argument(
        "--config", type=Path, default=Path("engine.yaml"), help="default: engine.yaml in this folder", metavar="FILE"
    )


def _add_daemon(commands: "_Commands") -> None:
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument(
        "--config", type=Path, default=Path("engine.yaml"), help="default: engine.yaml in this folder", metavar="FILE"
    )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--format", choices=["text", "json"], default="text", help="default: text")
    run = commands.add_parser("run", parents=[config], help="run the daemon (systemd does this)")
    run.add_argument("--log-format", choices=["auto", "json", "text"], default="auto", help="default: auto")
    run.add_argument("--log-level", choices=["DEBUG", "INFO", "WARNING", "ERROR"], default="INFO", help="default: INFO")
    doctor = commands.add_parser(
        "doctor",
        parents=[config, as_json],
        help="what is wrong with this installation, and what to do about it",
        epilog=_DOCTOR,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doctor.add_argument(
        "--credentials", type=Path, metavar="DIR", help="a folder of secrets by name, e.g. /etc/engine/credentials"
    )
    commands.add_parser("status", parents=[config, as_json], help="how the running daemon is doing")
    commands.add_parser("pause", parents=[config], help="kill switch: stop acknowledging clients; posts go on")
    commands.add_parser("resume", parents=[config], help="acknowledge clients again")
    reload = commands.add_parser("reload", parents=[config], help="reload the rules and wait for the result")
    reload.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="wait, print the findings, exit 1 when the rules are refused (default); --no-wait only begins",
    )
    incidents = commands.add_parser("incidents", help="list incidents, or show one with its history")
    actions = incidents.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", parents=[config, as_json], help="the newest incidents")
    listing.add_argument("--status", help="open, claimed, resolved or lapsed")
    listing.add_argument("--limit", type=int, default=20, help="default: 20")
    show = actions.add_parser("show", parents=[config, as_json], help="one incident")
    show.add_argument("ticket", help="e.g. OC-2026-0001")
    _add_report(actions, config)
    deliveries = commands.add_parser("deliveries", help="list deliveries, give one up, or send a dead one again")
    actions = deliveries.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", parents=[config, as_json], help="the newest deliveries")
    listing.add_argument("--state", help="queued, sending, sent, dead or held")
    listing.add_argument("--limit", type=int, default=20, help="default: 20")
    show = actions.add_parser("show", parents=[config, as_json], help="one delivery: text, receipts, history")
    show.add_argument("id", help="as `engine deliveries list` shows it")
    drop = actions.add_parser("drop", parents=[config], help="give up one that will never be taken; its lane goes on")
    drop.add_argument("id", help="as `engine deliveries list` shows it")
    drop.add_argument("--reason", required=True, help="one line for the audit")
    redrive = actions.add_parser("redrive", parents=[config], help="send a dead or held delivery again")
    redrive.add_argument("id", help="as `engine deliveries list` shows it")
    redrive.add_argument("--reason", help="one line for the audit")
    _add_send(commands, config)
    _add_client(commands, config)
    _add_audit(commands, config)
    _add_journal(commands, config)
    _add_whatsapp(commands, config)


def _add_report(actions: "_Commands", config: argparse.ArgumentParser) -> None:
    report = actions.add_parser(
        "report", parents=[config], help="how fast clients were acknowledged and helped, without anything of theirs"
    )
    report.add_argument("--since", metavar="SPAN", help="e.g. 30d, 12h or 2026-02-12 in UTC (default: 30d)")
    report.add_argument("--until", metavar="SPAN", help="the same, for the end (default: now)")
    report.add_argument(
        "--by", choices=["priority", "rule", "channel", "tag", "day"], default="priority", help="default: priority"
    )
    report.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="STEP[.PRIORITY]=SPAN",
        help="count what came in time, e.g. claimed.urgent=5m; may be given several times",
    )
    report.add_argument("--timezone", default="UTC", metavar="ZONE", help="of days and hours (default: UTC)")
    report.add_argument("--format", choices=["text", "json", "markdown"], default="text", help="default: text")
    report.add_argument("--svg", type=Path, metavar="FILE", help="draw it into this file, too")


def _add_send(commands: "_Commands", config: argparse.ArgumentParser) -> None:
    send = commands.add_parser("send", help="have the running daemon post a test into a channel")
    actions = send.add_subparsers(dest="action", metavar="ACTION", required=True)
    test = actions.add_parser("test", parents=[config], help="post a test and wait for what becomes of it")
    test.add_argument("--channel", required=True, metavar="NAME", help="as in its address, e.g. support-triage")
    test.add_argument("--team", metavar="NAME", help="as in its address (default: the one in engine.yaml)")


def _add_client(commands: "_Commands", config: argparse.ArgumentParser) -> None:
    client = commands.add_parser("client", help="export what is kept of one client, or erase it")
    actions = client.add_subparsers(dest="action", metavar="ACTION", required=True)
    whom = argparse.ArgumentParser(add_help=False, parents=[config])
    whom.add_argument("phone", nargs="?", help="e.g. +254712345678")
    whom.add_argument("--conversation", help="instead of a number, for a hidden one", metavar="CONNECTOR:ID")
    export = actions.add_parser("export", parents=[whom], help="everything that is kept, as JSON")
    export.add_argument("--output", type=Path, help="write to this file, readable for you only", metavar="FILE")
    erase = actions.add_parser("erase", parents=[whom], help="erase it for good")
    erase.add_argument("--yes", action="store_true", help="do it; without, only say what would be erased")


def _add_audit(commands: "_Commands", config: argparse.ArgumentParser) -> None:
    audit = commands.add_parser("audit", help="what happened: search it, export it, verify that nobody changed it")
    actions = audit.add_subparsers(dest="action", metavar="ACTION", required=True)
    search = actions.add_parser("search", parents=[config], help="the newest rows that hold a text")
    search.add_argument("text", nargs="?", help="a ticket, rule, delivery, node or reason, or a part of one")
    search.add_argument("--kind", help="received, decided, acknowledged, escalated, failed, dropped, reloaded, …")
    search.add_argument("--since", metavar="SPAN", help="e.g. 30d, 12h or 2026-02-12 in UTC (default: 30d)")
    search.add_argument("--until", metavar="SPAN", help="the same, for the end (default: now)")
    search.add_argument("--limit", type=int, default=50, help="default: 50")
    search.add_argument("--format", choices=["text", "json"], default="text", help="default: text")
    export = actions.add_parser("export", parents=[config], help="all of it, one JSON object a line, the oldest first")
    export.add_argument("--output", type=Path, help="write to this file, readable for you only", metavar="FILE")
    verify = actions.add_parser("verify", parents=[config], help="follow the chain from the first row to the last")
    verify.add_argument("file", type=Path, nargs="?", help="an export (default: ask the daemon)", metavar="FILE")
    verify.add_argument("--head", help="an end of the chain that was noted before, from the log", metavar="DIGEST")


def _add_journal(commands: "_Commands", config: argparse.ArgumentParser) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    journal = commands.add_parser(
        "journal", help="check, back up, put back or move the journal", epilog=_JOURNAL, formatter_class=raw
    )
    actions = journal.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", parents=[config], help="whether everything in it holds together")
    check.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a backup (default: the journal itself)")
    backup = actions.add_parser(
        "backup", parents=[config], help="copy it into a new file, while the daemon runs or not"
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="must not exist yet")
    restore = actions.add_parser("restore", parents=[config], help="put a backup in its place, while no daemon runs")
    restore.add_argument("file", type=Path, metavar="FILE", help="a backup")
    restore.add_argument("--replace", action="store_true", help="put a journal with content aside, under a dated name")
    copy = actions.add_parser("copy", parents=[config], help="move it from SQLite to PostgreSQL, while no daemon runs")
    copy.add_argument("--to", required=True, metavar="postgresql://…", help="an empty schema; without the password")


def _add_whatsapp(commands: "_Commands", config: argparse.ArgumentParser) -> None:
    whatsapp = commands.add_parser("whatsapp", help="link a phone for a connector of type whatsapp-web, or unlink it")
    actions = whatsapp.add_subparsers(dest="action", metavar="ACTION", required=True)
    number = argparse.ArgumentParser(add_help=False, parents=[config])
    number.add_argument("--connector", metavar="NAME", help="as in engine.yaml (default: the only one there is)")
    link = actions.add_parser("link", parents=[number], help="link a phone, while no daemon runs")
    link.add_argument("--phone", metavar="NUMBER", help="show a code to type on the phone of this number, e.g. +2547…")
    link.add_argument(
        "--png", type=Path, metavar="FILE", help="write the QR code to this file too, readable for you only"
    )
    link.add_argument("--timeout", type=int, default=180, metavar="SECONDS", help="default: 180")
    status = actions.add_parser("status", parents=[number], help="how the linked numbers are doing")
    status.add_argument("--format", choices=["text", "json"], default="text", help="default: text")
    actions.add_parser("logout", parents=[number], help="unlink this device; only linking anew undoes it")
