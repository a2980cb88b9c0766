"""An installation whose engineers are on duty: on-call files with short waits, a paging service, people who react.

The people are those of the stand-in for Mattermost, amina and otieno, and noc-lead, who leads them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import httpx
from standins import deadly, pagerduty
from standins.clients import Writer, plant
from standins.graph import signature
from standins.processes import Site, Standin, wait_until

# The channel that the second rung tells, too.
FURTHER = "support-accounts"
# Who is on duty, and how long each of the two rungs waits for a claim; climbed twice, then nobody is left to call.
ROSTER = """\
version: 1
timezone: Africa/Nairobi
people:
  amina: {{mattermost: amina}}
  otieno: {{mattermost: otieno}}
  lead: {{mattermost: noc-lead}}
schedules:
  noc:
    layers:
      - name: always
        members: [{{from: 2026-01-05, list: [{duty}]}}]
mentions: ["@oncall"]
policies:
  default:
    levels:
      - {{notify: ["schedule:noc"], wait: {first}}}
      - {{notify: ["schedule:noc", "person:lead", "service:noc"], wait: {second}, channel: {further}}}
    repeat: 1
    nobody: {{notify: ["person:lead", "mention:@oncall"]}}
"""
# The rungs of that ladder after the post itself, the last call included, and those of them that page.
RUNGS = (1, 2, 3, 4)
PAGING = (1, 3)
_STATIC = "oncall: {source: static,"
_CALLED = "Nobody has taken "


@dataclass
class Shift:
    """The installation and the paging service; nothing is started."""

    site: Site
    pager: Standin

    @classmethod
    def begin(cls, site: Site, *, first: str = "2s", second: str = "2s") -> "Shift":
        """Put on-call files, people and a paging service beside an installation."""
        pager = Standin("pagerduty", site.folder, site.nursery)
        assert pager.ready(), "the stand-in for PagerDuty did not start: its log is in the installation's folder"
        shift = cls(site, pager)
        text = site.config.read_text("utf-8")
        assert _STATIC in text
        services = f'services: {{noc: {{type: pagerduty, url: "{pager.url}"}}}}\n'
        site.config.write_text(text.replace(_STATIC, "oncall: {source: schedule,") + services, "utf-8")
        site.environ["ENGINE_NOC_ROUTING_KEY"] = pagerduty.ROUTING_KEY
        site.planted.add(pagerduty.ROUTING_KEY)
        shift.assign("amina", first=first, second=second)
        everywhere = ["dev-support-escalations", *deadly.CHANNELS]
        site.mattermost.order(person=dict.fromkeys(("amina", "otieno", "noc-lead"), everywhere))
        return shift

    def assign(self, duty: str, *, first: str = "2s", second: str = "2s") -> None:
        """Write the on-call files."""
        folder = self.site.folder / "rules" / "oncall"
        folder.mkdir(exist_ok=True)
        (folder / "noc.yaml").write_text(ROSTER.format(duty=duty, first=first, second=second, further=FURTHER), "utf-8")

    def write(self, writer: Writer, message: int = 0) -> None:
        """A client writes; the daemon takes it."""
        plant(self.site, [writer])
        body = json.dumps(writer.notification(message)).encode()
        headers = {"content-type": "application/json", "x-hub-signature-256": signature(body)}
        url = f"{self.site.url}/webhooks/cloud"
        httpx.post(url, content=body, headers=headers, trust_env=False, timeout=10).raise_for_status()

    def root(self, writer: Writer) -> str:
        """The id of the client's post, once it is there."""

        def found() -> list[str]:
            return [post["id"] for post in self.site.posts() if not post["root_id"] and writer.name in post["message"]]

        wait_until(lambda: bool(found()), "the client's post is there")
        return found()[0]

    def post(self, post_id: str) -> dict[str, Any]:
        """A post as it reads now."""
        return next(post for post in self.site.posts() if post["id"] == post_id)

    def thread(self, root: str) -> list[str]:
        """What stands in its thread, oldest first."""
        return [post["message"] for post in self.site.posts() if post["root_id"] == root]

    def calls(self, root: str) -> list[str]:
        """The reminders in its thread."""
        return [text for text in self.thread(root) if text.startswith(_CALLED)]

    def react(self, root: str, user: str, emoji: str) -> None:
        self.site.mattermost.order(react={"post": root, "user": user, "emoji": emoji})

    def unreact(self, root: str, user: str, emoji: str) -> None:
        self.site.mattermost.order(unreact={"post": root, "user": user, "emoji": emoji})

    def say(self, root: str, user: str, message: str) -> None:
        self.site.mattermost.order(say={"root": root, "user": user, "message": message})

    def ticket(self, root: str) -> str:
        return str(self.post(root)["props"]["oc"]["ticket"])

    def alert(self, root: str) -> str:
        """How the alert of a post's incident stands; empty where there is none."""
        alerts = self.pager.recorded()["alerts"]
        return str(alerts.get(f"oc/production/{self.ticket(root)}", {"state": ""})["state"])

    def waits_for(self, text: str, root: str) -> None:
        """Wait until the post reads so."""
        wait_until(lambda: text in self.post(root)["message"], f"the post says {text!r}", look_s=0.01)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in the journal."""
        return rows_of(self.site, query, *values)

    def due_in_s(self, ticket: str) -> float | None:
        """In how long the next is called about an incident; None: nobody is."""
        found = self.rows(
            "SELECT due_at / 1e6 - unixepoch('subsec') FROM timers WHERE name = 'call' AND ticket_id = ?", ticket
        )
        return found[0][0] if found else None

    def audited(self, ticket: str, kinds: Sequence[str] = ()) -> list[tuple[str, dict[str, str]]]:
        """The audit of an incident, oldest first: all of it, or those kinds."""
        found = self.rows("SELECT kind, details FROM audit WHERE ticket_id = ? ORDER BY seq", ticket)
        return [(kind, dict(json.loads(details))) for kind, details in found if not kinds or kind in kinds]

    def kinds(self, ticket: str) -> list[str]:
        """What engineers did, and what came of nobody doing anything, oldest first."""
        ours = ("claimed", "released", "resolved", "reopened", "called", "snoozed", "prioritised", "muted")
        return [kind for kind, _ in self.audited(ticket, ours)]

    def end(self) -> None:
        self.pager.close()


def rows_of(site: Site, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What stands in the journal of an installation."""
    connection = apsw.Connection(str(site.state / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(10_000)
    try:
        return list(connection.execute(query, values))
    finally:
        connection.close()
