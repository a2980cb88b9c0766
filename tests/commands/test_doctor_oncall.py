"""What `engine doctor` finds about on-call: the files, the next day, the people, the services beyond Mattermost."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from commands.examined import NOW, SECRETS, installation, lines
from standins import jsm, opsgenie, pagerduty
from standins.inprocess import CONFIG, write_config
from standins.loopback import Answer, Loopback, Network, Request, serving

from engine.commands.doctor import callings, duties, installations, rulesets
from engine.commands.doctor.installations import Installation
from engine.connectors.mattermost.examinations import Person, Place
from engine.ruleset.loader import Loaded
from engine.starter import starter_folder

NOC = (Path(__file__).parents[1] / "cases/oncall/good/noc.yaml").read_text(encoding="utf-8")
CALENDAR = Path(__file__).parents[1] / "cases/oncall/good/voip.ics"
SCHEDULE = "oncall: {{source: schedule}}\n"
CHAT = "mattermost: {{url: 'http://127.0.0.1:1', team: support, operations_channel: ops}}\n"
WITH_NOC = "services: {{noc: {{type: pagerduty}}}}\n"


class Examined:
    """An installation with on-call files, and what the files come to."""

    def __init__(self, folder: Path, extra: str, files: str | None = NOC, more_rules: str = "") -> None:
        rules = folder / "rules"
        if not rules.exists():
            rules.mkdir()
            for path in starter_folder("rules").glob("*.yaml"):
                (rules / path.name).write_bytes(path.read_bytes())
        if more_rules:
            (rules / "99-more.yaml").write_text(more_rules, encoding="utf-8")
        if files is not None:
            (rules / "oncall").mkdir(exist_ok=True)
            (rules / "oncall/noc.yaml").write_text(files, encoding="utf-8")
            calendar = rules / "oncall/voip.ics"
            calendar.write_bytes(CALENDAR.read_bytes())
            written_at = (NOW - timedelta(hours=2)).timestamp()
            os.utime(calendar, (written_at, written_at))
        config = write_config(folder, rules, CONFIG + extra)
        secrets = {
            **SECRETS,
            "ENGINE_NOC_ROUTING_KEY": pagerduty.ROUTING_KEY,
            "ENGINE_NOC_JSM_API_KEY": jsm.API_KEY,
            "ENGINE_ONCALL_PAGERDUTY_TOKEN": pagerduty.TOKEN,
            "ENGINE_ONCALL_JSM_TOKEN": jsm.TOKEN,
            "ENGINE_ONCALL_OPSGENIE_API_KEY": opsgenie.API_KEY,
        }
        found = installations.find(config, secrets, None)
        self.installation = Installation(config, found.settings, found.missing, None)
        self.loaded: Loaded = rulesets.read(self.installation, NOW)

    def duty(self) -> list[str]:
        return lines(duties.duty(self.installation, self.loaded, NOW))

    async def keepers(self) -> list[str]:
        roster = duties.roster(self.installation, self.loaded)
        return lines(await callings.keepers(self.installation, roster))

    async def paging(self) -> list[str]:
        return [line for one in self.installation.settings.services for line in lines(await callings.paging(one))]


LADDER = "schedule:voip-primary; after 5m schedule:voip-primary, person:lead and ~support-voip; after 10m @here"
END = "again 2 times; in the end person:lead, @oncall"
NO_SERVICE = (
    'fail on-call the on-call files call the service "noc": add it under "services" in engine.yaml, or take it out of '
    "the on-call files"
)


def test_the_next_day_is_told_by_schedule(tmp_path: Path) -> None:
    """Whom posts call, each ladder in a line, and who has each schedule with its hand-offs."""
    assert Examined(tmp_path, SCHEDULE + WITH_NOC).duty() == [
        "ok on-call posts call @oncall and whoever is on call",
        "ok on-call urgent: schedule:voip-primary, person:lead; in the end @oncall",
        f"ok on-call high, normal: {LADDER}, service:noc; {END}",
        f"ok on-call low: {LADDER}, service:noc; {END} (while business-hours has nobody, nobody again)",
        "ok on-call voip-primary, the next 24 h (Asia/Riyadh): alice",
        (
            "ok on-call business-hours, the next 24 h (Asia/Riyadh): lead, from Tue 2027-01-05 18:00 nobody, from Wed "
            "2027-01-06 09:00 lead"
        ),
        "ok on-call voip-imported, the next 24 h (Asia/Riyadh): alice, from Wed 2027-01-06 11:00 nobody",
    ]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        pytest.param(
            '["schedule:voip-primary", "person:lead"], wait: 2m',
            '["schedule:business-hours"], wait: 2m',
            (
                "warn on-call nobody is on duty by business-hours from Tue 2027-01-05 18:00 to Wed 2027-01-06 09:00: "
                "add an override or a layer; until then those of `nobody` are called"
            ),
            id="a gap that is called",
        ),
        pytest.param(
            "  business-hours:\n    gaps: allow",
            "  business-hours:\n    gaps: forbid",
            (
                "fail on-call nobody is on duty by business-hours from Tue 2027-01-05 18:00 to Wed 2027-01-06 09:00: "
                "add an override or a layer; until then those of `nobody` are called"
            ),
            id="a gap that is forbidden",
        ),
        pytest.param(
            "alice: {mattermost: alice, ",
            "alice: {",
            (
                "warn on-call alice has no name in Mattermost and cannot be called there: write `mattermost: NAME` "
                "under people.alice in the on-call files"
            ),
            id="somebody without a name",
        ),
        pytest.param(
            "max_age: 26h", "max_age: 1h", "warn on-call the calendar of voip-imported is 2 h old", id="an old calendar"
        ),
    ],
)
def test_what_is_wrong_with_the_next_day_is_told(tmp_path: Path, before: str, after: str, line: str) -> None:
    """Each in a line of its own, in the words of the files."""
    assert NOC.count(before) == 1
    told = Examined(tmp_path, SCHEDULE + WITH_NOC, NOC.replace(before, after)).duty()
    assert [one for one in told if not one.startswith("ok")] == [line]


@pytest.mark.parametrize(
    ("extra", "files", "line"),
    [
        pytest.param(
            "",
            NOC,
            "warn on-call the on-call files are not used: set oncall.source: schedule",
            id="files that are not used",
        ),
        pytest.param(
            SCHEDULE,
            None,
            (
                "fail on-call there are no on-call files, so that every post calls @oncall and nobody by name: write "
                "them in RULES/oncall, see deploy/oncall.md"
            ),
            id="no files",
        ),
        pytest.param(
            "oncall: {{source: schedule, pagerduty: {{schedules: {{voip: P1}}}}}}\n",
            None,
            (
                "warn on-call there are no on-call files, so that every post calls @oncall and nobody by name: write "
                "them in RULES/oncall, see deploy/oncall.md"
            ),
            id="a service and no files",
        ),
        pytest.param(
            SCHEDULE,
            "version: 2\n",
            (
                "fail on-call who is called cannot be told, because the on-call files have errors: `engine validate "
                "RULES`"
            ),
            id="broken files",
        ),
        pytest.param(SCHEDULE, NOC, NO_SERVICE, id="a service that is none"),
        pytest.param(
            "oncall: {{source: schedule, order: [pagerduty], pagerduty: {{schedules: {{business-hours: P1}}}}}}\n"
            + WITH_NOC,
            NOC,
            (
                'fail on-call nobody is asked who is on call by voip-primary: add "schedule" to oncall.order in '
                "engine.yaml"
            ),
            id="nobody is asked",
        ),
    ],
)
def test_files_and_configuration_have_to_fit(tmp_path: Path, extra: str, files: str | None, line: str) -> None:
    """What is missing in either, with what to do."""
    told = Examined(tmp_path, extra, files).duty()
    assert [one.replace(str(tmp_path / "rules"), "RULES") for one in told if not one.startswith("ok")] == [line]


def test_a_service_that_is_asked_first_may_say_otherwise(tmp_path: Path) -> None:
    """The files tell the next day then as far as they can; a gap in them is no failure."""
    extra = "oncall: {{source: schedule, pagerduty: {{schedules: {{business-hours: P1}}}}}}\n" + WITH_NOC
    told = Examined(tmp_path, extra, NOC.replace("hours:\n    gaps: allow", "hours:\n    gaps: forbid")).duty()
    assert [one for one in told if "by business-hours" in one or "business-hours," in one] == [
        (
            "ok on-call business-hours, the next 24 h (Asia/Riyadh): lead, from Tue 2027-01-05 18:00 nobody, from Wed "
            "2027-01-06 09:00 lead, unless PagerDuty says otherwise"
        ),
        (
            "warn on-call nobody is on duty by business-hours from Tue 2027-01-05 18:00 to Wed 2027-01-06 09:00: add "
            "an override or a layer; until then those of `nobody` are called"
        ),
    ]


def test_whoever_is_called_must_be_where_the_post_is(tmp_path: Path) -> None:
    """In every channel of the rules; in a rung's own one whom the rung calls, in the operators' one nobody by name."""
    files = NOC.replace("channel: support-voip", "channel: escalation")
    rules = "channels: {escalation: {team: other}}\n"
    found = Examined(tmp_path, SCHEDULE + WITH_NOC + CHAT, files, rules)
    here, loaded = found.installation, found.loaded
    assert duties.usernames(here, loaded, NOW) == ("oncall", "alice", "noc-lead")
    escalation, ops, triage = Place("escalation", "other"), Place("ops"), Place("support-triage")
    assert {escalation, ops, triage} <= set(rulesets.places(here, loaded))
    only = duties.elsewhere(here, loaded, NOW)
    assert only == {escalation: {"alice", "noc-lead"}, ops: {"oncall"}}
    people = (
        Person("bob", exists=True, absent=(escalation, ops)),
        Person("alice", exists=True, absent=(triage, escalation, ops)),
    )
    assert lines(duties.called(people, only)) == [
        "ok on-call @bob is an account and in every channel",
        (
            "fail on-call @alice is not in ~support-triage, ~escalation of team other, and a post there does not reach "
            "them: add them to the channel"
        ),
    ]
    unused = Examined(tmp_path, CHAT, files)
    assert duties.usernames(unused.installation, unused.loaded, NOW) == ("oncall",)
    assert duties.elsewhere(unused.installation, unused.loaded, NOW) == {}
    assert escalation not in rulesets.places(unused.installation, unused.loaded)


async def test_services_that_keep_schedules_are_asked_once(tmp_path: Path) -> None:
    """Who is on call there now, by names of the chat; what a person has to mend in either system."""
    duty, site = pagerduty.PagerDuty(), jsm.Jsm()
    duty.oncall = {"P1": [("alice@example.com", "2027-01-05T15:00:00Z")], "P3": [("x@example.com", None)], "P4": []}
    site.oncall["5e1f"] = ["712020:1", "712020:2"]
    async with serving(duty) as one, serving(site) as other:
        found = Examined(tmp_path, _sources(one, other) + WITH_NOC)
        assert await found.keepers() == [
            "ok on-call PagerDuty has on call by voip-primary now: @alice until 2027-01-05 15:00 UTC",
            (
                "fail on-call business-hours, PagerDuty has no schedule with this id: take it from the schedule's "
                "address in the browser"
            ),
            (
                "warn on-call PagerDuty has on call by voip-imported now: 1 without a name in Mattermost: write their "
                "e-mail addresses and Mattermost names under people in the on-call files"
            ),
            "warn on-call PagerDuty has on call by gone now: nobody",
            (
                "warn on-call engine.yaml has the schedule gone from PagerDuty, and no policy can call it: write it "
                "under schedules in the on-call files"
            ),
            (
                "warn on-call Jira Service Management has on call by voip-primary now: @bob, 1 without a name in "
                "Mattermost: write their e-mail addresses and Mattermost names under people in the on-call files"
            ),
        ]
        assert len(one.seen) == 4
        assert len(other.seen) == 1
        (tmp_path / "rules/oncall/noc.yaml").unlink()
        bare = Examined(tmp_path, _sources(one, other), None)
        assert (await bare.keepers())[0].startswith("warn on-call PagerDuty has on call by voip-primary now: 1 without")
    assert (await found.keepers())[0].startswith("fail on-call voip-primary, PagerDuty cannot be reached")
    assert await Examined(tmp_path, "").keepers() == []


async def test_opsgenie_is_asked_and_ends(tmp_path: Path) -> None:
    """Who is on call there now, without anybody's address; when it ends, and whose shifts it may change until then."""
    network = opsgenie.Opsgenie()
    network.oncall["5e1f"] = ["ALICE@example.com", "Night shift"]
    async with serving(network) as loopback:
        schedules = "{{business-hours: 5e1f, voip-imported: 7a2b}}"
        extra = f"oncall: {{{{source: schedule, opsgenie: {{{{url: '{loopback.url}', schedules: {schedules}}}}}}}}}\n"
        found = Examined(tmp_path, extra + WITH_NOC)
        assert await found.keepers() == [
            (
                "warn on-call Opsgenie has on call by business-hours now: @alice, 1 without a name in Mattermost: "
                "write their e-mail addresses and Mattermost names under people in the on-call files"
            ),
            (
                "fail on-call voip-imported, Opsgenie has no schedule with this id: take it from the schedule's "
                "address in the browser"
            ),
        ]
    assert [one for one in found.duty() if "otherwise" in one] == [
        (
            "ok on-call business-hours, the next 24 h (Asia/Riyadh): lead, from Tue 2027-01-05 18:00 nobody, from Wed "
            "2027-01-06 09:00 lead, unless Opsgenie says otherwise"
        ),
        (
            "ok on-call voip-imported, the next 24 h (Asia/Riyadh): alice, from Wed 2027-01-06 11:00 nobody, unless "
            "Opsgenie says otherwise"
        ),
    ]
    (ends,) = (line for line in lines(installations.configuration(found.installation)) if "Opsgenie" in line)
    assert ends.endswith(
        "Opsgenie ends on 2027-04-05, and 120 days after its account was migrated: then it tells nobody who is on "
        "call: move the schedules to Jira Service Management and write oncall.jsm"
    )
    assert ends.startswith(f"warn configuration {tmp_path}/engine.yaml:")


async def test_a_service_without_its_secret_is_not_asked(tmp_path: Path) -> None:
    """And one whose token can be none says so."""
    extra = "oncall: {{source: schedule, pagerduty: {{url: 'http://127.0.0.1:1', schedules: {{voip: P1}}}}}}\n"
    lacking = installation(tmp_path, extra)
    assert lines(await callings.keepers(lacking, None)) == [
        "skip on-call oncall_pagerduty_token cannot be had here, so that it cannot be asked"
    ]
    wrong = installation(tmp_path, extra, {**SECRETS, "ENGINE_ONCALL_PAGERDUTY_TOKEN": "two words"})
    assert lines(await callings.keepers(wrong, None)) == [
        (
            "fail on-call the token for PagerDuty is empty or holds characters that no token has: correct the url, or "
            "oncall_pagerduty_token"
        )
    ]


class _Elsewhere(Network):
    """Something else at the address of a paging service."""

    def __init__(self) -> None:
        self.status = 302
        self.asked: list[Request] = []

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        return Answer(self.status)

    def recorded(self) -> None:
        return None

    async def control(self, order: Mapping[str, object]) -> None:
        return None


async def test_paging_services_are_reached_without_a_page(tmp_path: Path) -> None:
    """Nobody is called and no key is sent, so whether it fits stays unknown."""
    duty, site = pagerduty.PagerDuty(), jsm.Jsm()
    async with serving(duty) as one, serving(site) as other:
        found = Examined(tmp_path, _services(one.url, f"{other.url}/jsm/ops/integration"))
        assert await found.paging() == [
            "ok noc PagerDuty answers",
            "skip noc whether PagerDuty takes noc_routing_key shows only when somebody is paged",
            "ok noc-jsm Jira Service Management answers",
            "skip noc-jsm whether Jira Service Management takes noc_jsm_api_key shows only when somebody is paged",
        ]
        assert (duty.events, site.taken) == ([], [])
    assert (await found.paging())[0].startswith("fail noc PagerDuty cannot be reached")
    network = _Elsewhere()
    async with serving(network) as one:
        found = Examined(tmp_path, _services(one.url, one.url))
        assert (await found.paging())[0] == (
            "fail noc PagerDuty is not at this address (302): correct services.noc.url"
        )
        network.status = 503
        assert (await found.paging())[0] == "warn noc PagerDuty answered 503: try again later"
    assert {request.method for request in network.asked} == {"GET"}
    assert not any("authorization" in request.headers for request in network.asked)


def _services(first: str, second: str) -> str:
    return (
        f"services: {{{{noc: {{{{type: pagerduty, url: '{first}'}}}}, noc-jsm: {{{{type: jsm, url: '{second}'}}}}}}}}\n"
    )


def _sources(first: Loopback, second: Loopback) -> str:
    return f"""\
oncall:
  source: schedule
  pagerduty:
    url: {first.url}
    schedules: {{{{voip-primary: P1, business-hours: P2, voip-imported: P3, gone: P4}}}}
  jsm:
    url: {second.url}
    cloud_id: {jsm.CLOUD_ID}
    user: {jsm.USER}
    schedules: {{{{voip-primary: 5e1f}}}}
    people: {{{{bob@example.com: "712020:1"}}}}
"""
