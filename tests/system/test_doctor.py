"""`engine doctor` and `engine send test` against real processes, and how each thing that Mattermost can refuse is told:
in the log, at /readyz, by `engine status`, by the doctor, and in the operators' channel.
"""

import json
import re
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from standins.clients import Meta, Writer, plant
from standins.processes import Site, engine, wait_until

from engine import __version__
from engine.connectors.mattermost.refusals import TOKEN_REFUSED, archived, no_channel, no_member
from engine.journal.statements import MIGRATIONS

pytestmark = pytest.mark.system
CHANNELS = (
    "support-triage",
    "dev-support-escalations",
    "support-voip",
    "support-network",
    "support-billing",
    "support-accounts",
    "sales-requests",
)
OPERATIONS = "support-triage"
SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "required": ["ok", "counts", "findings"],
        "additionalProperties": False,
        "properties": {
            "ok": {"type": "boolean"},
            "counts": {
                "type": "object",
                "required": ["ok", "warn", "fail", "skip"],
                "additionalProperties": {"type": "integer", "minimum": 0},
            },
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["subject", "level", "text", "advice"],
                    "additionalProperties": False,
                    "properties": {
                        "subject": {"type": "string", "minLength": 1},
                        "level": {"enum": ["ok", "warn", "fail", "skip"]},
                        "text": {"type": "string", "minLength": 1},
                        "advice": {"type": ["string", "null"], "minLength": 1},
                    },
                },
            },
        },
    }
)
_CLOCK = "any   clock          KEPT"
_UNIT = "any   systemd        UNIT\n"
# What differs from run to run and from machine to machine.
_VARIABLE = (
    (r"\d+\.\d GB free", "N GB free"),
    (r"\d+\.\d MB", "N MB"),
    (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "NOW"),
    (r"examples, [0-9a-f]{12}", "examples, SHA"),
    (r"(?m)^\w+ +clock +(?:is being kept right|nobody keeps it right|timedatectl does not tell).*$", _CLOCK),
    (r"(?m)(?:^\w+ +systemd .*\n)+", _UNIT),
    (r"\d+ ok, (\d+) to look at, (\d+) failed, \d+ not", r"N ok, \1 to look at, \2 failed, N not"),
)
HEALTHY = """\
ok    configuration  SITE/engine.yaml, production, 1 connector: cloud
ok    secrets        cloud_access_token from the variable ENGINE_CLOUD_ACCESS_TOKEN
ok    secrets        cloud_app_secret from the variable ENGINE_CLOUD_APP_SECRET
ok    secrets        cloud_verify_token from the variable ENGINE_CLOUD_VERIFY_TOKEN
ok    secrets        mattermost_token from the variable ENGINE_MATTERMOST_TOKEN
ok    daemon         runs since NOW, version VERSION
ok    disk           N GB free at SITE/state
ok    disk           SITE/state can be written and flushed
ok    journal        holds together, N MB; 0 messages (0 undecided), 0 incidents, 0 deliveries (0 open), 0 audit rows, \
newest message none, schema SCHEMA
skip  journal        when it was last copied is not known to the engine: `engine journal backup`, once a day
ok    rules          50 rules, 308 examples, SHA
ok    rules          the daemon runs the same
ok    on-call        every post calls @oncall, at any hour
ok    on-call        @oncall is an account and in every channel
ok    mattermost     answers, version 11.6.0
ok    mattermost     the token is that of the bot account engine-bot
ok    mattermost     the bot may post in ~support-triage, ~dev-support-escalations, ~support-voip, ~support-network, \
~support-billing, ~support-accounts, ~sales-requests
ok    clock          agrees with Mattermost's
any   clock          KEPT
ok    cloud          Meta takes the access token for this number
skip  cloud          app secret, verify token and webhook show only when Meta calls: write to the number from a phone, \
then `engine incidents list`
ok    public url     URL/webhooks/cloud leads to the engine
warn  public url     URL/metrics is open to everybody: have the proxy pass on /webhooks/ alone, see deploy/nginx.conf
any   systemd        UNIT

N ok, 1 to look at, 0 failed, N not looked at
"""
BROKEN = """\
ok    configuration  SITE/engine.yaml, production, 1 connector: cloud
ok    secrets        cloud_access_token from the variable ENGINE_CLOUD_ACCESS_TOKEN
fail  secrets        cloud_app_secret cannot be had, there is no systemd credential cloud_app_secret, and neither \
ENGINE_CLOUD_APP_SECRET_FILE nor ENGINE_CLOUD_APP_SECRET is set: provide it there, or name a folder with --credentials
ok    secrets        cloud_verify_token from the variable ENGINE_CLOUD_VERIFY_TOKEN
ok    secrets        mattermost_token from the variable ENGINE_MATTERMOST_TOKEN
warn  daemon         no daemon runs on this state folder: `systemctl start engine`
skip  disk           the state folder SITE/state is not there yet: the daemon makes it at its first start
ok    disk           N GB free at SITE
skip  journal        there is no journal SITE/state/journal.db yet, the daemon makes it at its first start
skip  journal        when it was last copied is not known to the engine: `engine journal backup`, once a day
fail  rules          SITE/rules/10-telephony.yaml:19:15 E136 there is no priority "hihg": `engine validate SITE/rules` \
shows all of it
ok    on-call        every post calls @oncall, at any hour
fail  on-call        @oncall is not in ~support-accounts, and a post there does not reach them: add them to the channel
ok    mattermost     answers, version 5.37.0
warn  mattermost     the token is not of a bot account but of a person: posts stand under that person's name and end \
with the person's account: make a bot account and set mattermost_token
warn  mattermost     it offers no priority labels, so that titles say the priority: turn on \
ServiceSettings.PostPriority, from release 7.7 on
ok    mattermost     the bot may post in ~support-triage, ~dev-support-escalations, ~support-accounts, ~sales-requests
fail  mattermost     the bot may not post in ~support-voip: invite it there with /invite @engine-bot
fail  mattermost     the bot sees no ~support-network in team support: create it, invite the bot if it is private, or \
write its new name into the rules if it was renamed
fail  mattermost     ~support-billing is archived: unarchive it, or name another channel in the rules
ok    clock          agrees with Mattermost's
any   clock          KEPT
fail  cloud          Meta refuses the access token: make a new one for the system user, set access_token and restart
skip  public url     no daemon runs that could answer there
any   systemd        UNIT

N ok, 3 to look at, 7 failed, N not looked at
"""


def examine(site: Site, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`engine doctor` with the daemon's secrets."""
    ended = engine("doctor", "--config", str(site.config), *arguments, environ={**site.environ, **environ})
    assert ended.stderr == ""
    return ended


def shown(site: Site, text: str) -> str:
    """What the doctor wrote, without what differs from run to run."""
    text = (
        text.replace(str(site.folder), "SITE")
        .replace(site.url, "URL")
        .replace(f"version {__version__}", "version VERSION")
    )
    text = text.replace(f"schema {len(MIGRATIONS)}", "schema SCHEMA")
    for pattern, stead in _VARIABLE:
        text = re.sub(pattern, stead, text)
    return text


def with_public_url(site: Site) -> Site:
    listen = f'listen: "127.0.0.1:{site.port}"'
    text = site.config.read_text("utf-8").replace(listen, f'{listen}, public_url: "{site.url}"')
    site.config.write_text(text, "utf-8")
    return site


def test_a_healthy_installation_is_told_line_by_line(build: Callable[..., Site]) -> None:
    """Everything that can be looked at is, and the journal by the daemon; the same as JSON for programs."""
    site = with_public_url(build())
    site.mattermost.order(person={"oncall": list(CHANNELS)})
    site.start()
    ended = examine(site)
    assert shown(site, ended.stdout).splitlines() == HEALTHY.splitlines()
    assert ended.returncode == 0
    told = json.loads(examine(site, "--format", "json").stdout)
    SCHEMA.validate(told)
    assert (told["ok"], told["counts"]["fail"]) == (True, 0)
    assert len(told["findings"]) == len(HEALTHY.splitlines()) - 2


def test_a_broken_installation_is_told_with_what_to_do(build: Callable[..., Site]) -> None:
    """Each fault has its line, and none hides another."""
    site = with_public_url(build())
    file = site.folder / "rules" / "10-telephony.yaml"
    file.write_text(file.read_text("utf-8").replace("priority: high", "priority: hihg", 1), "utf-8")
    site.mattermost.order(person={"oncall": [name for name in CHANNELS if name != "support-accounts"]})
    site.mattermost.order(set={"is_bot": False, "labels_promised": False, "version": "5.37.0"})
    for channel in (
        {"name": "support-voip", "member": False},
        {"name": "support-network", "member": False, "private": True},
        {"name": "support-billing", "archived": True},
    ):
        site.mattermost.order(channel=channel)
    site.environ["ENGINE_CLOUD_ACCESS_TOKEN"] = "an-old-one"
    del site.environ["ENGINE_CLOUD_APP_SECRET"]
    ended = examine(site)
    assert shown(site, ended.stdout).splitlines() == BROKEN.splitlines()
    assert ended.returncode == 1
    told = json.loads(examine(site, "--format", "json").stdout)
    SCHEMA.validate(told)
    assert (told["ok"], told["counts"]["fail"]) == (False, 7)
    assert not any(site.state.glob("*"))


def test_a_configuration_that_is_none_ends_it(build: Callable[..., Site]) -> None:
    """Nothing else can be looked at then."""
    site = build()
    site.config.write_text("connectors: [", "utf-8")
    ended = engine("doctor", "--config", str(site.config), environ=site.environ)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert "engine.yaml:1" in ended.stderr


def told_everywhere(site: Site, sentence: str) -> None:
    """The log, the probe, the status and the doctor all say the same."""
    wait_until(
        lambda: site.readiness() == {"ready": False, "failing": [f"mattermost: {sentence}"]}, f"/readyz: {sentence}"
    )
    assert site.status()["connectors"]["mattermost"]["problem"] == sentence
    assert sentence in " ".join(site.command("status").stdout.split())
    assert any(record["level"] == "error" and sentence in record["message"] for record in site.records())
    failures = [line for line in examine(site).stdout.splitlines() if line.startswith("fail")]
    assert f"fail  mattermost     {sentence}" in failures


def operators_heard(site: Site) -> list[str]:
    """What stands in the operators' channel."""
    place = site.channel_id(OPERATIONS)
    return [post["message"] for post in site.posts() if post["channel_id"] == place]


def said_last(site: Site, text: str) -> bool:
    """Whether that is the newest word of the daemon to its operators."""
    return operators_heard(site)[-1:] == [text]


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "not a member": ({"name": "support-voip", "member": False}, no_member("support-voip", "engine-bot")),
    "archived": ({"name": "support-voip", "archived": True}, archived("support-voip")),
    "renamed or hidden": (
        {"name": "support-voip", "member": False, "private": True},
        no_channel("support-voip", "support"),
    ),
}


async def test_a_channel_that_refuses_is_told_everywhere(build: Callable[..., Site]) -> None:
    """Each refusal with what to do; the operators hear of its beginning and of its end, once each, and posts that wait
    for one channel are not hidden by those that other channels take.
    """
    site = build()
    text = site.config.read_text("utf-8")
    text = text.replace("team: support}", f"team: support, operations_channel: {OPERATIONS}}}")
    site.config.write_text(text, "utf-8")
    site.start()
    number = 0
    told: list[str] = []
    async with Meta(site) as meta:
        for channel, sentence in REFUSALS.values():
            site.mattermost.order(channel=channel)
            # The second one writes about something else, for another channel.
            writers = [Writer(number + 1), Writer(number + 2), Writer(number + 5)]
            plant(site, writers)
            number += 8
            await meta.deliver(writers[0].notification(0))
            refused = f"**`~support-voip` takes no posts.** `{sentence}`. What is for it waits until that is done."
            wait_until(partial(said_last, site, refused), f"the operators hear: {sentence}")
            # Another channel takes its post.
            await meta.deliver(writers[1].notification(0))
            told_everywhere(site, sentence)
            site.mattermost.order(channel={"name": "support-voip"})
            await meta.deliver(writers[2].notification(0))
            taken = "**`~support-voip` takes posts again.** What waited is being sent."
            wait_until(partial(said_last, site, taken), "the operators hear that it is over")
            wait_until(lambda: site.readiness()["ready"], "it is ready again")
            told += [refused, taken]
    assert operators_heard(site) == told


async def test_a_token_that_is_refused_is_told_everywhere(build: Callable[..., Site]) -> None:
    """A disabled bot and a revoked token are answered alike, and the sentence names both."""
    site = build()
    site.start()
    async with Meta(site) as meta:
        writers = [Writer(0), Writer(4)]
        plant(site, writers)
        site.mattermost.order(set={"disabled": True})
        await meta.deliver(writers[0].notification(0))
        told_everywhere(site, TOKEN_REFUSED)
        site.mattermost.order(set={"disabled": False})
        await meta.deliver(writers[1].notification(0))
        wait_until(lambda: site.readiness()["ready"], "it is ready again")


def test_a_test_post_is_ordered_by_a_command(site: Site) -> None:
    """The link where it was posted, the sentence where not, and nothing at all without a daemon; no test makes the
    daemon not ready.
    """
    posted = site.command("send", "test", "--channel", "support-voip")
    (post,) = site.posts()
    assert (posted.returncode, posted.stderr) == (0, "")
    assert posted.stdout == f"Posted in ~support-voip: {site.mattermost.url}/support/pl/{post['id']}\n"
    assert post["message"].startswith("This is a test of the support engine, ordered by an operator at `20")
    refused = site.command("send", "test", "--channel", "support-voip", "--team", "sales")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "engine: not posted in ~support-voip of team sales: 404 app.team.get_by_name.missing.app_error: Mattermost has "
        "no team sales that the bot is in: add the bot to it, or correct mattermost.team\n"
    )
    assert site.readiness() == {"ready": True, "failing": []}
    assert site.status()["deliveries"] == {}
    site.kill()
    nobody = site.command("send", "test", "--channel", "support-voip")
    assert (nobody.returncode, nobody.stdout, len(site.posts())) == (1, "", 1)
    assert "the daemon does not answer" in nobody.stderr
