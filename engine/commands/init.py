"""`engine init DIR`: a working folder with engine.yaml, rules and templates; nothing is ever overwritten."""

import argparse
import sys
from pathlib import Path

from engine.core.errors import PermissionRefused, UsageError
from engine.starter import starter_folder

_CONFIG = """\
# The router's configuration. Secrets are never in this file: each is looked for as a systemd credential, then in the
# file that ENGINE_<NAME>_FILE names, then in ENGINE_<NAME>.
environment: development            # development | production
rules: rules
templates: templates
state: state                        # the journal and the last good rules
journal: sqlite
http: {listen: "127.0.0.1:8080"}
acknowledge: on                     # the kill switch at start; `engine pause` and `engine resume` while running

connectors:
  # POST /events/desk with a bearer token (ENGINE_DESK_TOKEN); what would be sent is printed.
  desk: {type: http, reply_through: screen}
  screen: {type: console}
  # A linked phone: `engine whatsapp link` links it, see deploy/whatsapp-web.md.
  # main: {type: whatsapp-web}
  # Meta's Cloud API, at /webhooks/cloud; its secrets are ENGINE_CLOUD_ACCESS_TOKEN, ENGINE_CLOUD_APP_SECRET and
  # ENGINE_CLOUD_VERIFY_TOKEN:
  # cloud: {type: whatsapp-cloud, phone_number_id: "1234567890"}

# Without this section posts are printed (development only). ENGINE_MATTERMOST_TOKEN is the bot's token:
# mattermost: {url: https://chat.example.org, team: support, channel_override: dev-support-escalations,
#              operations_channel: support-operations}

oncall: {source: static, mention: "@oncall"}
"""


def run(options: argparse.Namespace) -> int:
    """Write what is missing, name what was left alone, and say what to do next."""
    directory: Path = options.directory
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file; name a folder to write into")
    written: list[Path] = []
    kept: list[Path] = []
    try:
        for name, content in _contents():
            _write(directory / name, content, written, kept)
    except OSError as error:
        raise PermissionRefused(f"cannot write {error.filename}: {error.strerror}") from error
    sys.stdout.write(f"{len(written)} files written to {directory}\n")
    if kept:
        sys.stdout.write(f"{len(kept)} files were there already and are as they were\n")
    sys.stdout.write(
        f"\nnext:\n  cd {directory}\n  engine validate rules/\n"
        '  engine explain "I have issues with my 3CX, I can\'t make outbound calls" --name Jackson\n'
        "  ENGINE_DESK_TOKEN=secret engine run\n"
    )
    return 0


def _contents() -> list[tuple[Path, bytes]]:
    contents = [(Path("engine.yaml"), _CONFIG.encode())]
    for part in ("rules", "templates"):
        source = starter_folder(part)
        contents += [
            (Path(part) / path.relative_to(source), path.read_bytes())
            for path in sorted(source.rglob("*"))
            if path.is_file() and path.suffix in {".yaml", ".j2", ".md", ".json"}
        ]
    return contents


def _write(target: Path, content: bytes, written: list[Path], kept: list[Path]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("xb") as file:
            file.write(content)
    except FileExistsError:
        kept.append(target)
    else:
        written.append(target)
