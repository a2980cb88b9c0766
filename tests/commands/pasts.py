"""Rules, templates and messages for the tests of the commands that look back."""

import json
from pathlib import Path
from typing import Any

RULES = """\
schema: 1
defaults: {channel: triage, ack: default, tags: [whatsapp]}
channels: {triage: {}, voip: {}}
rules:
  - id: calls
    when:
      - words: [call]
    priority: high
    channel: voip
    summary: Calls failing
    examples: {match: [call], no_match: [hello]}
  - id: slow
    when:
      - words: [slow]
    tags: [slow]
    examples: {match: [slow], no_match: [hello]}
  - id: last
    when: always
    examples: {match: [hello]}
"""
POST = "New request\n\n{{ oncall }}: {{ raw_text }}\n"


def write_rules(folder: Path, rules: str = RULES) -> Path:
    """A rules folder with its templates beside it; the rules folder."""
    for path, text in {
        "rules/10.yaml": rules,
        "templates/ack/default.j2": "Hello.\n",
        "templates/escalation/default.j2": POST,
    }.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder / "rules"


def event(text: str, number: int = 1, day: int = 12) -> dict[str, Any]:
    return {
        "source": "whatsapp",
        "receivedAt": f"2026-02-{day:02d}T10:15:30Z",
        "conversationId": f"wa-{number}",
        "client": {"phone": "+254700000001", "displayName": "Jackson Otieno"},
        "message": {"id": f"m{number}", "text": text},
    }


def decision(rule: str, **said: object) -> dict[str, object]:
    """A decision log of `RULES`."""
    usual: dict[str, object] = {
        "rule": rule,
        "matched": [rule],
        "priority": "normal",
        "tags": ["whatsapp"],
        "channel": "triage",
        "summary": "hello",
        "ack": "default",
        "escalate": True,
    }
    return usual | said


def write_lines(path: Path, *lines: object) -> Path:
    """A file of messages; a text is written as it is."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return path
