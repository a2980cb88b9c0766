"""`engine send test`: has the running daemon post a test into a channel, the way posts go, and says what came of it.

Without a daemon nothing is posted: the daemon alone writes to its journal, and a post past it would prove nothing.
"""

import argparse
import sys

from engine.control.client import ControlClient
from engine.settings import MattermostSettings, control_socket, survey


def run(options: argparse.Namespace) -> int:
    """Post and wait: 0 when it stands in the channel, 1 when it was refused. DaemonUnreachable where none runs."""
    settings, _ = survey(options.config, {})
    answer = ControlClient(control_socket(settings.state)).send_test(options.channel, options.team)
    where = f"~{answer['channel']}" + (f" of team {answer['team']}" if answer["team"] else "")
    if not answer["posted"]:
        sys.stderr.write(f"engine: not posted in {where}: {answer['error']}\n")
        return 1
    if settings.mattermost is None:
        sys.stdout.write("Printed: mattermost is not configured, so no channel was reached.\n")
    else:
        sys.stdout.write(f"Posted in {where}: {_link(settings.mattermost, answer['team'], answer['receipt'])}\n")
    return 0


def _link(chat: MattermostSettings, team: str | None, post: str) -> str:
    return f"{chat.url}/{team or chat.team}/pl/{post}"
