"""Engineers by the dozen, each with a habit, who look at Mattermost and do something about what they see; and the count
of what came of it.

`Crew` looks for new posts and reacts or writes in their threads, whether a daemon runs or not. `reckon` then says for
each incident whether everything that was done counted once, and whether everybody was called who had to be.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx
from standins import mattermost
from standins.shifts import FURTHER, PAGING, RUNGS, Shift

CHANNELS = ("dev-support-escalations", "support-triage", "support-voip", "support-network", "support-billing")
_LOOK_S = 0.25
_MARGIN_MS = 2_000
_PEOPLE = ("amina", "otieno")
# Later than that after a claim stands in the chat, nobody may be called about it. Usually it is heard at once; where
# the answer to the post was lost, it has to be settled first (eight seconds) and looked at then (within five).
_HEARD_WITHIN_S = 15.0


class Habit(StrEnum):
    """What an engineer does about an incident."""

    NOTHING = "nothing"
    EYES = "eyes"
    TAKE = "take"
    TALK = "talk"
    DONE = "done"
    # Eyes, and later a check mark.
    BOTH = "both"
    # Eyes, and later not.
    BACK = "back"
    URGENT = "urgent"


_HABITS = (*(Habit.NOTHING,) * 2, *(Habit.EYES,) * 2, *list(Habit)[2:])


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did in the chat."""

    # Of the order that the stand-in takes, e.g. "react", and what it is about: an emoji or words.
    how: str
    what: str
    person: str
    # By the machine's clock.
    at: float


@dataclass(slots=True)
class Case:
    """An incident as the crew sees it."""

    root: str
    ticket: str
    habit: Habit
    deeds: list[Deed] = field(default_factory=list)


class Crew:
    """Everybody who looks at the chat; `run` until cancelled, then `finish`."""

    def __init__(self, shift: Shift, seed: int) -> None:
        self._url = shift.site.mattermost.url
        self._chance = random.Random(seed)  # noqa: S311 - habits, not secrets
        self._http = httpx.AsyncClient(trust_env=False, timeout=30)
        self._channels = [shift.site.channel_id(name) for name in CHANNELS]
        self._since = 0
        self._busy: set[asyncio.Task[None]] = set()
        # By root post.
        self.cases: dict[str, Case] = {}

    async def run(self) -> None:
        """Look at the chat again and again."""
        while True:
            await self._look()
            await asyncio.sleep(_LOOK_S)

    async def finish(self) -> None:
        """Look once more and let everybody do what they are about to."""
        await self._look()
        await asyncio.gather(*self._busy)
        await self._http.aclose()

    async def _look(self) -> None:
        began_ms = int(_now() * 1000)
        for channel_id in self._channels:
            answer = await self._http.get(
                f"{self._url}/api/v4/channels/{channel_id}/posts",
                params={"since": self._since},
                headers={"authorization": f"Bearer {mattermost.TOKEN}"},
            )
            for post in answer.raise_for_status().json()["posts"].values():
                ticket = post["props"].get("oc", {}).get("ticket")
                if ticket and not post["root_id"] and post["id"] not in self.cases:
                    self._meet(Case(post["id"], ticket, self._chance.choice(_HABITS)))
        self._since = began_ms - _MARGIN_MS

    def _meet(self, case: Case) -> None:
        self.cases[case.root] = case
        task = asyncio.create_task(self._attend(case))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _attend(self, case: Case) -> None:
        person = self._chance.choice(_PEOPLE)
        first_s, second_s = self._chance.uniform(0, 3), self._chance.uniform(0.2, 1.5)
        for pause_s, (how, what) in zip((first_s, second_s), _steps(case.habit), strict=False):
            await asyncio.sleep(pause_s)
            about = {"root": case.root, "message": what} if how == "say" else {"post": case.root, "emoji": what}
            order = {how: {**about, "user": person}}
            (await self._http.post(f"{self._url}/_control", json=order)).raise_for_status()
            case.deeds.append(Deed(how, what, person, _now()))


def _steps(habit: Habit) -> tuple[tuple[str, str], ...]:
    match habit:
        case Habit.NOTHING:
            return ()
        case Habit.EYES:
            return (("react", "eyes"),)
        case Habit.TAKE:
            return (("say", "take"),)
        case Habit.TALK:
            return (("say", "let me look at that"),)
        case Habit.DONE:
            return (("say", "done by a restart"),)
        case Habit.BOTH:
            return (("react", "eyes"), ("react", "white_check_mark"))
        case Habit.BACK:
            return (("react", "eyes"), ("unreact", "eyes"))
        case Habit.URGENT:
            return (("say", "priority urgent"),)


@dataclass(slots=True)
class Count:
    """What came of a number of incidents."""

    incidents: int = 0
    deeds: int = 0
    called: int = 0
    triggers: int = 0
    # Reminders and pages that had not left when somebody took the incident.
    given_up: int = 0
    # Pages that PagerDuty was told twice, because a kill left their first answer unknown; it merged them.
    merged: int = 0
    # From a claim in the chat to the last call about it, where that came after it.
    late_s: list[float] = field(default_factory=list)
    # Deeds that the journal has not taken, or more than once.
    deeds_lost: list[str] = field(default_factory=list)
    deeds_doubled: list[str] = field(default_factory=list)
    calls_missing: list[str] = field(default_factory=list)
    calls_doubled: list[str] = field(default_factory=list)
    calls_after_claim: list[str] = field(default_factory=list)
    # Posts that say something else than the journal.
    posts_wrong: list[str] = field(default_factory=list)
    alerts_wrong: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that must not be."""
        return [f"{name}: {one}" for name, found in self._faults() for one in found]

    def _faults(self) -> Iterator[tuple[str, list[str]]]:
        yield "actions lost", self.deeds_lost
        yield "actions taken twice", self.deeds_doubled
        yield "calls missing", self.calls_missing
        yield "calls twice", self.calls_doubled
        yield "calls after a claim", self.calls_after_claim
        yield "posts wrong", self.posts_wrong
        yield "alerts wrong", self.alerts_wrong

    def table(self) -> str:
        """The count for a person."""
        rows: list[tuple[str, object]] = [
            ("incidents", self.incidents),
            ("reactions and words", self.deeds),
            ("reminders", self.called),
            ("pages", self.triggers),
            ("calls given up", self.given_up),
            ("pages told twice, merged", self.merged),
            *((name, len(found)) for name, found in self._faults()),
        ]
        late = f"{max(self.late_s):.2f} s" if self.late_s else "none"
        return "\n".join(f"{name:<28}{figure:>10}" for name, figure in (*rows, ("latest call after a claim", late)))


# How many rows of the audit a deed makes, by what it is.
_MARKS: Mapping[str, str] = {
    "eyes": "claimed",
    "take": "claimed",
    "let me look at that": "claimed",
    "done by a restart": "resolved",
    "white_check_mark": "resolved",
    "priority urgent": "prioritised",
}
_SAID = {
    "claimed": "` has taken ",
    "released": " back: it is open.",
    "resolved": " has resolved ",
    "prioritised": "Priority: ",
    "called": "Nobody has taken ",
}
# What the audit says of a call that was given up, because somebody took the incident before it had left, and of one
# that is made after all.
_GIVEN_UP = "before this call had left"
_MADE_AFTER_ALL = "the incident was given back"


def reckon(shift: Shift, cases: Mapping[str, Case]) -> Count:
    """Count what stands in the journal and at the networks against what the crew did."""
    audits: dict[str, list[tuple[float, str, dict[str, str]]]] = {}
    for at, kind, ticket, details in shift.rows(
        "SELECT at / 1e6, kind, ticket_id, details FROM audit WHERE ticket_id IS NOT NULL ORDER BY seq"
    ):
        audits.setdefault(ticket, []).append((at, kind, dict(json.loads(details))))
    threads: dict[str, list[str]] = {}
    roots: dict[str, str] = {}
    elsewhere: Counter[str] = Counter()
    spared_keys: set[str] = set()
    further = shift.site.channel_id(FURTHER)
    for post in shift.site.posts():
        if post["root_id"]:
            threads.setdefault(post["root_id"], []).append(post["message"])
        elif post["channel_id"] == further:
            elsewhere[post["message"].partition("**")[2].partition("**")[0]] += 1
        else:
            roots[post["id"]] = post["message"]
    pager = shift.pager.recorded()
    count = Count(incidents=len(cases), deeds=sum(len(case.deeds) for case in cases.values()))
    for root, case in cases.items():
        rows = [row for row in audits.get(case.ticket, []) if row[1] in _SAID]
        spared = _given_up(audits.get(case.ticket, []), "dropped", _GIVEN_UP)
        if spared["page-noc"]:
            spared_keys.add(f"oc/production/{case.ticket}")
        spared.subtract(_given_up(audits.get(case.ticket, []), "redriven", _MADE_AFTER_ALL))
        count.given_up += spared.total()
        _reckon_deeds(count, case, rows)
        _reckon_calls(count, case, rows)
        _reckon_post(count, case, rows, roots[root], threads.get(root, []), spared["note"])
        _reckon_further(count, case, rows, elsewhere[case.ticket], spared["channel"])
        _reckon_alert(count, case, rows, pager, spared["page-noc"])
    # Word about an alert that is not open is right only where its page was given up.
    count.alerts_wrong += [
        f"dropped {event['dedup_key']}" for event in pager["dropped"] if event["dedup_key"] not in spared_keys
    ]
    return count


_Rows = list[tuple[float, str, dict[str, str]]]


def _given_up(rows: _Rows, what: str, why: str) -> Counter[str]:
    """The ends of the names of the deliveries of which the audit tells that."""
    told = (facts for _, kind, facts in rows if kind == what)
    return Counter(facts["delivery"].partition("-")[2] for facts in told if facts.get("reason", "").endswith(why))


def _reckon_deeds(count: Count, case: Case, rows: _Rows) -> None:
    made = Counter(kind for _, kind, _ in rows)
    wanted = Counter(_MARKS[deed.what] for deed in case.deeds if deed.how != "unreact")
    if case.habit is Habit.BACK:
        # Both may have happened unseen.
        if made["claimed"] != made["released"] or made["claimed"] > 1:
            count.deeds_lost.append(f"{case.ticket} {case.habit}: {dict(made)}")
        return
    for kind in ("claimed", "released", "resolved", "prioritised"):
        # An incident that is urgent already stays so.
        least = 0 if kind == "prioritised" else wanted[kind]
        if made[kind] < least:
            count.deeds_lost.append(f"{case.ticket} {case.habit}: no {kind}")
        if made[kind] > wanted[kind]:
            count.deeds_doubled.append(f"{case.ticket} {case.habit}: {made[kind]} x {kind}")


def _reckon_calls(count: Count, case: Case, rows: _Rows) -> None:
    """From the last time that the ladder began anew, each of its rungs once and in order."""
    climbs, held = _climbs(rows)
    ended = any(kind in {"claimed", "resolved"} for _, kind, _ in rows) and case.habit is not Habit.BACK
    name = f"{case.ticket} {case.habit}"
    count.called += sum(map(len, climbs))
    count.calls_after_claim += [name] * held
    for climb in climbs:
        if len(climb) != len(set(climb)):
            count.calls_doubled.append(f"{name}: {climb}")
        whole = list(RUNGS) if climb is climbs[-1] and not ended else list(RUNGS[: len(climb)])
        if climb != whole:
            count.calls_missing.append(f"{name}: {climb}")
    if ended and case.deeds:
        late = [at - case.deeds[0].at for at, kind, _ in rows if kind == "called" and at > case.deeds[0].at]
        count.late_s += late[-1:]
        count.calls_after_claim += [
            f"{name}: {by_s:.1f} s after it was seen" for by_s in late if by_s > _HEARD_WITHIN_S
        ]


def _climbs(rows: _Rows) -> tuple[list[list[int]], int]:
    """The rungs that were called, anew after each change of the priority, and how many of them while it was taken."""
    climbs: list[list[int]] = [[]]
    taken = False
    held = 0
    for _, kind, facts in rows:
        if kind == "prioritised":
            climbs.append([])
        elif kind == "called":
            climbs[-1].append(int(facts["rung"]))
            held += taken
        else:
            taken = kind != "released"
    return climbs, held


def _reckon_post(count: Count, case: Case, rows: _Rows, post: str, thread: list[str], given_up: int) -> None:
    made = Counter(kind for _, kind, _ in rows)
    made["called"] -= given_up
    told = Counter(kind for text in thread for kind, mark in _SAID.items() if mark in text)
    for kind in _SAID:
        if told[kind] > made[kind]:
            count.calls_doubled.append(f"{case.ticket} {case.habit}: {told[kind]} x {kind} in the thread")
        if told[kind] < made[kind]:
            count.calls_missing.append(f"{case.ticket} {case.habit}: {told[kind]} x {kind} in the thread")
    last = next((kind for _, kind, _ in reversed(rows) if kind in {"claimed", "released", "resolved"}), "released")
    stands = {"claimed": "Status: claimed by", "released": "Status: open", "resolved": "Status: resolved by"}[last]
    if stands not in post:
        count.posts_wrong.append(f"{case.ticket} {case.habit}: not {stands!r}")


def _paging(rows: _Rows) -> int:
    """How often the rung was called that pages, and tells a further channel."""
    return sum(kind == "called" and int(facts["rung"]) in PAGING for _, kind, facts in rows)


def _reckon_further(count: Count, case: Case, rows: _Rows, told: int, given_up: int) -> None:
    wanted = _paging(rows) - given_up
    if told != wanted:
        found = count.calls_doubled if told > wanted else count.calls_missing
        found.append(f"{case.ticket} {case.habit}: {told} of {wanted} in the further channel")


def _reckon_alert(count: Count, case: Case, rows: _Rows, pager: Mapping[str, Any], given_up: int) -> None:
    key = f"oc/production/{case.ticket}"
    paged = _paging(rows) - given_up
    triggers = sum(event["dedup_key"] == key and event["event_action"] == "trigger" for event in pager["events"])
    count.triggers += paged
    count.merged += max(0, triggers - paged)
    if triggers < paged:
        count.calls_missing.append(f"{case.ticket} {case.habit}: {triggers} of {paged} pages")
    if pager["opened"].get(key, 0) != bool(paged):
        count.alerts_wrong.append(f"{case.ticket} {case.habit}: opened {pager['opened'].get(key, 0)} times")
    elif paged:
        made = {kind for _, kind, _ in rows}
        state = pager["alerts"][key]["state"]
        right = {"resolved"} if "resolved" in made else {"acknowledged"} if "claimed" in made else {"triggered"}
        # After a release the alert is as the service makes it of a further trigger.
        if state not in (right | {"triggered"} if case.habit is Habit.BACK else right):
            count.alerts_wrong.append(f"{case.ticket} {case.habit}: {state}")


def _now() -> float:
    return time.time()  # noqa: TID251 - people have clocks of their own
