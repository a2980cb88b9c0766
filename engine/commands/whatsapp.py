"""`engine whatsapp`: link a phone for a connector of type whatsapp-web, look at the links, unlink.

Linking needs a stopped daemon, because one process alone may use a session. It ends by itself after its time, whatever
the library does.
"""

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import segno

from engine.commands import private_files
from engine.connectors.whatsapp_web import Launch
from engine.connectors.whatsapp_web.linking import Linked, link, log_out
from engine.connectors.whatsapp_web.sessions import give_away, is_linked
from engine.control.client import ControlClient
from engine.core.errors import NotFound, PermissionRefused, UsageError
from engine.settings import WhatsAppWebSettings, control_socket, whatsapp_sessions

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_LONGEST_S = 900
_LOGOUT_S = 60
# What ends a command without success, as a sentence of what to do.
_FAILURES: Mapping[Linked, str] = {
    Linked.LATE: (
        "no phone was linked in time. If the phone asked for a passkey instead, this account cannot be linked yet: use "
        "the Cloud API or Twilio, see deploy/whatsapp-web.md"
    ),
    Linked.PHONE: "WhatsApp gives no code for this number: is it right, with its country? Try the QR code instead",
    Linked.REFUSED: "the phone or WhatsApp refused: try again in some minutes, and see deploy/whatsapp-web.md",
    Linked.UNREACHABLE: "WhatsApp cannot be reached: is web.whatsapp.com, port 443, open from here?",
    Linked.OUTDATED: "WhatsApp refuses this version of neonize: install a newer version of the engine",
    Linked.UNLINKED: "no phone is linked",
}


def run(options: argparse.Namespace) -> int:
    """Do it and say what came of it."""
    state, sessions = whatsapp_sessions(options.config)
    daemon = ControlClient(control_socket(state))
    return _COMMANDS[options.action](options, sessions, daemon)


def _chosen(options: argparse.Namespace, sessions: Sequence[WhatsAppWebSettings]) -> WhatsAppWebSettings:
    names = ", ".join(one.name for one in sessions)
    if not sessions:
        raise NotFound(f"{options.config} has no connector of type whatsapp-web: see deploy/whatsapp-web.md")
    if options.connector is None:
        if len(sessions) > 1:
            raise UsageError(f"name one connector with --connector: {names}")
        return sessions[0]
    found = next((one for one in sessions if one.name == options.connector), None)
    if found is None:
        raise NotFound(f'no connector of type whatsapp-web is named "{options.connector}": there is {names}')
    return found


def _link(options: argparse.Namespace, sessions: Sequence[WhatsAppWebSettings], daemon: ControlClient) -> int:
    chosen = _chosen(options, sessions)
    if options.phone is not None and not _PHONE.fullmatch(options.phone):
        raise UsageError("--phone is the account's number with its country, e.g. +254712345678")
    if not 1 <= options.timeout <= _LONGEST_S:
        raise UsageError(f"--timeout is a number of seconds from 1 to {_LONGEST_S}")
    if daemon.answers():
        raise UsageError("the daemon runs and has the session: stop it first, then link, then start it")
    if is_linked(chosen.session):
        raise UsageError(f"a phone is linked already: `engine whatsapp logout --connector {chosen.name}` unlinks it")
    if options.png is not None:
        # An existing file is refused before anybody scans anything.
        private_files.create(options.png).close()
    codes = _Codes(options.png)
    try:
        outcome = asyncio.run(_linked(chosen, options, codes.show))
    finally:
        codes.remove()
        _give_away(chosen)
    return _told(*outcome, f"Linked. Start the daemon; {chosen.name} connects by itself.\n")


async def _linked(
    chosen: WhatsAppWebSettings, options: argparse.Namespace, show: Callable[[str, str], None]
) -> tuple[Linked, str]:
    phone = options.phone.removeprefix("+") if options.phone else None
    return await link(Launch(chosen.session), phone, show, options.timeout)


class _Codes:
    """Shows codes to the person with the phone; a QR code in a file too, for as long as it is of use."""

    def __init__(self, png: Path | None) -> None:
        self._png = png

    def show(self, kind: str, code: str) -> None:
        """One code, in place of the one before."""
        if kind == "pairing":
            sys.stdout.write(
                f"On the phone: WhatsApp, linked devices, link a device, link with phone number. Type: {code}\n"
            )
            sys.stdout.flush()
            return
        picture = segno.make_qr(code)
        sys.stdout.write("On the phone: WhatsApp, linked devices, link a device. Scan the newest code:\n")
        picture.terminal(out=sys.stdout, compact=True)
        sys.stdout.flush()
        if self._png is not None:
            fresh = self._png.with_name(f".{self._png.name}.{os.getpid()}")
            try:
                with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                    picture.save(file, kind="png", scale=8)
                fresh.replace(self._png)
            except OSError as error:
                raise PermissionRefused(f"{self._png} cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """A code that is over helps nobody."""
        if self._png is not None:
            self._png.unlink(missing_ok=True)


def _told(outcome: Linked, sentence: str, success: str) -> int:
    if outcome is Linked.DONE:
        sys.stdout.write(success)
        return 0
    sys.stderr.write(f"engine: {sentence or _FAILURES[outcome]}\n")
    return 1


def _status(options: argparse.Namespace, sessions: Sequence[WhatsAppWebSettings], daemon: ControlClient) -> int:
    chosen = [_chosen(options, sessions)] if options.connector or not sessions else list(sessions)
    known = daemon.status()["connectors"] if daemon.answers() else None
    found = [_state(one, known) for one in chosen]
    if options.format == "json":
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        for one in found:
            problem = f", {one['problem']}" if one["problem"] else ""
            sys.stdout.write(f"{one['connector']}: {one['state']}{problem}\n")
    return 0 if all(one["state"] in {"online", "linked"} for one in found) else 1


def _state(one: WhatsAppWebSettings, known: Mapping[str, Mapping[str, object]] | None) -> dict[str, object]:
    """What the daemon knows; without a daemon, what the file of the session tells."""
    if known is None:
        linked = is_linked(one.session)
        problem = "the daemon does not run" if linked else f"run `engine whatsapp link --connector {one.name}`"
        return {"connector": one.name, "state": "linked" if linked else "unlinked", "problem": problem}
    told = known.get(one.name, {"state": "unknown", "problem": "the daemon was started with another engine.yaml"})
    return {"connector": one.name, "state": told["state"], "problem": told["problem"]}


def _logout(options: argparse.Namespace, sessions: Sequence[WhatsAppWebSettings], daemon: ControlClient) -> int:
    chosen = _chosen(options, sessions)
    done = f"Unlinked. `engine whatsapp link --connector {chosen.name}` links a phone again.\n"
    if daemon.answers():
        daemon.log_out(chosen.name)
        return _told(Linked.DONE, "", done)
    if not is_linked(chosen.session):
        raise NotFound(f"no phone is linked for {chosen.name}")
    try:
        outcome = asyncio.run(log_out(Launch(chosen.session), _LOGOUT_S))
    finally:
        _give_away(chosen)
    return _told(*outcome, done)


def _give_away(chosen: WhatsAppWebSettings) -> None:
    """The files are the daemon's, also where root ran the command."""
    try:
        give_away(chosen.session)
    except OSError as error:
        raise PermissionRefused(
            f"{chosen.session} cannot be given to the daemon's user: {(error.strerror or 'refused').lower()}"
        ) from error


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, Sequence[WhatsAppWebSettings], ControlClient], int]] = {
    "link": _link,
    "status": _status,
    "logout": _logout,
}
