"""The engineers' side through real processes: called in turn, heard by reaction and word, whoever is away meanwhile."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standins.clients import Writer
from standins.clocks import Clock
from standins.processes import Site, wait_until
from standins.shifts import Shift

pytestmark = pytest.mark.system
JACKSON, ACHIENG, WANJIRU = Writer(0), Writer(4), Writer(8)
NOT_NOW = "10m"


@pytest.fixture
def on_shift(build: Callable[..., Site]) -> Iterator[Callable[..., Shift]]:
    """Make an installation with engineers on duty, and start its daemon."""
    shifts: list[Shift] = []

    def make(*, program: str = "engine.cli", environ: dict[str, str] | None = None, **waits: str) -> Shift:
        site = build()
        site.program = program
        site.environ |= environ or {}
        shifts.append(Shift.begin(site, **waits))
        site.start()
        return shifts[-1]

    yield make
    for shift in shifts:
        shift.end()


def test_the_next_are_called_until_somebody_takes_it(on_shift: Callable[..., Shift]) -> None:
    """The post names who is on duty; nobody takes it, so a reminder and a page call the next; a reaction ends that,
    another one resolves it, and each that is taken back undoes what it did.
    """
    shift = on_shift()
    shift.write(JACKSON)
    root = shift.root(JACKSON)
    ticket = shift.ticket(root)
    assert "\nOn call: @amina\n" in shift.post(root)["message"]
    assert "Status: open" in shift.post(root)["message"]
    wait_until(lambda: bool(shift.calls(root)), "the next are called")
    assert shift.calls(root)[0] == (
        f"Nobody has taken {ticket} yet (high, open for under a minute). @amina @noc-lead please check WhatsApp and "
        "respond to the client now. Paged: noc."
    )
    wait_until(lambda: shift.alert(root) == "triggered", "the paging service is told")

    began = time.monotonic()
    shift.react(root, "amina", "eyes")
    shift.waits_for("Status: claimed by `amina`", root)
    took_s = time.monotonic() - began
    print(f"\n{took_s * 1000:.0f} ms from the reaction to the edited post")  # noqa: T201 - shown with -s
    wait_until(lambda: shift.alert(root) == "acknowledged", "the alert is acknowledged")
    assert shift.due_in_s(ticket) is None
    called = shift.kinds(ticket).count("called")
    assert shift.kinds(ticket) == ["called"] * called + ["claimed"]

    shift.react(root, "otieno", "white_check_mark")
    shift.waits_for("Status: resolved by `otieno`", root)
    wait_until(lambda: shift.alert(root) == "resolved", "the alert is resolved")
    shift.unreact(root, "otieno", "white_check_mark")
    shift.waits_for("Status: claimed by `amina`", root)
    assert shift.due_in_s(ticket) is None
    shift.unreact(root, "amina", "eyes")
    shift.waits_for("Status: open", root)
    wait_until(lambda: len(shift.calls(root)) == called + 1, "the next are called again")
    assert shift.kinds(ticket) == [*["called"] * called, "claimed", "resolved", "reopened", "released", "called"]


def test_a_ladder_that_nobody_stops_ends_with_the_last_call(on_shift: Callable[..., Shift]) -> None:
    """Every rung is called once and in order, twice round, and the last words say that they are the last."""
    shift = on_shift(first="1s", second="1s")
    shift.write(JACKSON)
    root = shift.root(JACKSON)
    ticket = shift.ticket(root)
    wait_until(lambda: len(shift.calls(root)) == 4, "the ladder is climbed to its end")
    assert [facts["rung"] for _, facts in shift.audited(ticket, ["called"])] == ["1", "2", "3", "4"]
    assert [facts["whom"] for _, facts in shift.audited(ticket, ["called"])] == [
        "@amina @noc-lead noc",
        "@amina",
        "@amina @noc-lead noc",
        "@noc-lead @oncall",
    ]
    assert shift.calls(root)[3].endswith("This was the last call: nobody else is called.")
    assert shift.due_in_s(ticket) is None
    told = shift.pager.recorded()
    assert [event["event_action"] for event in told["events"]] == ["trigger", "trigger"]
    assert told["opened"] == {f"oc/production/{ticket}": 1}


def test_words_in_the_thread_do_what_they_say(on_shift: Callable[..., Shift], tmp_path: Path) -> None:
    """A pause holds the next call for as long as it says, and not longer; a priority begins the ladder anew; what is
    nearly a command is answered and does nothing; talk takes the incident.
    """
    clock = Clock(tmp_path / "ahead")
    clock.set(0)
    shift = on_shift(program="standins.altered", environ={"CLOCK_AHEAD": str(clock.file)}, first="4s", second=NOT_NOW)
    shift.write(JACKSON)
    root = shift.root(JACKSON)
    ticket = shift.ticket(root)
    shift.say(root, "amina", "snooze 2s")
    wait_until(
        lambda: "Nothing was done: from 1m to 7d can be asked for, e.g. `snooze 30m`." in shift.thread(root),
        "a pause of two seconds is answered",
    )
    shift.say(root, "amina", "snooze 1m")
    shift.waits_for("paused until", root)
    due_in_s = shift.due_in_s(ticket)
    assert due_in_s is not None
    assert due_in_s > 50
    assert shift.calls(root) == []
    clock.set(61)
    wait_until(lambda: len(shift.calls(root)) == 1, "the next are called when the pause is over")

    shift.say(root, "amina", "Priority URGENT")
    shift.waits_for("urgent", root)
    wait_until(lambda: shift.due_in_s(ticket) is not None, "the ladder begins anew")
    wait_until(lambda: len(shift.calls(root)) == 2, "the first of the ladder's calls comes once more")
    assert shift.calls(root)[1].startswith(f"Nobody has taken {ticket} yet (urgent, ")
    shift.say(root, "otieno", "I am looking at the trunk")
    shift.waits_for("Status: claimed by `otieno`", root)
    shift.say(root, "otieno", "done the trunk was down")
    shift.waits_for("Status: resolved by `otieno`", root)
    assert shift.kinds(ticket) == ["snoozed", "called", "prioritised", "called", "claimed", "resolved"]
    assert any(text.endswith("`the trunk was down`") for text in shift.thread(root))


def test_a_claim_while_the_daemon_is_down_is_found_before_anybody_is_called(on_shift: Callable[..., Shift]) -> None:
    """A reaction and a word from the time without a daemon count at its next start, though calls are overdue."""
    shift = on_shift(first="2s", second="2s")
    shift.write(JACKSON)
    shift.write(ACHIENG)
    roots = shift.root(JACKSON), shift.root(ACHIENG)
    wait_until(shift.site.is_idle, "nothing is under way")
    shift.site.kill()
    before = [len(shift.calls(root)) for root in roots]
    shift.react(roots[0], "amina", "eyes")
    shift.say(roots[1], "otieno", "take")
    wait_until(lambda: all((shift.due_in_s(shift.ticket(root)) or 0) < -1 for root in roots), "calls are overdue")
    shift.site.start()
    shift.waits_for("Status: claimed by `amina`", roots[0])
    shift.waits_for("Status: claimed by `otieno`", roots[1])
    assert [len(shift.calls(root)) for root in roots] == before
    assert [shift.due_in_s(shift.ticket(root)) for root in roots] == [None, None]
    assert [shift.kinds(shift.ticket(root)) for root in roots] == [["called"] * found + ["claimed"] for found in before]


@pytest.mark.parametrize("by", ["reaction", "word"])
def test_a_claim_of_a_post_whose_answer_was_lost_is_found(on_shift: Callable[..., Shift], by: str) -> None:
    """The daemon dies after Mattermost took a post and before it said so; what engineers do about it counts."""
    shift = on_shift(first=NOT_NOW, second=NOT_NOW)
    shift.site.mattermost.order(kill={"on": "POST /api/v4/posts", "when": "after", "pid": shift.site.pid})
    shift.write(JACKSON)
    root = shift.root(JACKSON)
    assert shift.site.wait() == -signal.SIGKILL
    if by == "reaction":
        shift.react(root, "amina", "eyes")
    else:
        shift.say(root, "amina", "take")
    shift.site.start()
    shift.waits_for("Status: claimed by `amina`", root)
    assert shift.kinds(shift.ticket(root)) == ["claimed"]


def test_what_happens_while_the_stream_is_broken_counts_once(on_shift: Callable[..., Shift]) -> None:
    """A socket that is cut is taken up again; of one that went deaf everything is looked up."""
    shift = on_shift(program="standins.altered", environ={"PING_S": "1"}, first=NOT_NOW, second=NOT_NOW)
    for writer in (JACKSON, ACHIENG, WANJIRU):
        shift.write(writer)
    roots = [shift.root(writer) for writer in (JACKSON, ACHIENG, WANJIRU)]
    wait_until(shift.site.is_idle, "nothing is under way")
    shift.site.mattermost.order(sockets="cut")
    shift.react(roots[0], "amina", "eyes")
    shift.waits_for("Status: claimed by `amina`", roots[0])
    shift.site.mattermost.order(sockets="grow_deaf")
    shift.react(roots[1], "otieno", "eyes")
    shift.say(roots[2], "otieno", "done")
    shift.waits_for("Status: claimed by `otieno`", roots[1])
    shift.waits_for("Status: resolved by `otieno`", roots[2])
    shift.react(roots[0], "amina", "white_check_mark")
    shift.waits_for("Status: resolved by `amina`", roots[0])
    assert [shift.kinds(shift.ticket(root)) for root in roots] == [["claimed", "resolved"], ["claimed"], ["resolved"]]


def test_mattermost_is_away_while_calls_are_due(on_shift: Callable[..., Shift]) -> None:
    """Once nobody can be heard for longer than is waited for that, the page goes out; the post and the reminders follow
    in their order when Mattermost is back.
    """
    shift = on_shift(program="standins.altered", environ={"AWAY_S": "3"}, first="1s", second="1s")
    shift.write(WANJIRU)
    shift.root(WANJIRU)
    shift.site.mattermost.refuse()
    shift.write(JACKSON)
    wait_until(lambda: len(shift.pager.recorded()["alerts"]) == 2, "the paging service is told of both")
    assert any("reactions and thread commands are not heard" in one for one in shift.site.readiness()["failing"])
    shift.site.mattermost.accept()
    root = shift.root(JACKSON)
    ticket = shift.ticket(root)
    wait_until(lambda: len(shift.calls(root)) == 4, "the ladder is climbed to its end")
    wait_until(shift.site.is_idle, "nothing is under way")
    assert [facts["rung"] for _, facts in shift.audited(ticket, ["called"])] == ["1", "2", "3", "4"]
    said = [text for text in shift.thread(root) if text.startswith("Nobody has taken")]
    assert ["Paged: noc." in text for text in said] == [True, False, True, False]
    assert said[3].endswith("nobody else is called.")
    assert shift.pager.recorded()["opened"][f"oc/production/{ticket}"] == 1


def test_a_reload_changes_who_is_called_next(on_shift: Callable[..., Shift]) -> None:
    """SIGHUP with other on-call files: the next rung calls whoever is on duty now, by the ladder as it is now."""
    shift = on_shift(first="5s", second=NOT_NOW)
    shift.write(JACKSON)
    root = shift.root(JACKSON)
    assert "\nOn call: @amina\n" in shift.post(root)["message"]
    sha = shift.site.status()["rulesetSha"]
    shift.assign("otieno", first="5s", second=NOT_NOW)
    shift.site.signal(signal.SIGHUP)
    wait_until(lambda: shift.site.status()["rulesetSha"] != sha, "the new files are in force")
    wait_until(lambda: bool(shift.calls(root)), "the next are called")
    assert " @otieno @noc-lead please check WhatsApp " in shift.calls(root)[0]


def test_only_members_of_the_channel_may_command(on_shift: Callable[..., Shift]) -> None:
    """Another bot and somebody who has left the channel are not heard, by reaction or word, now or after a restart."""
    shift = on_shift(first=NOT_NOW, second=NOT_NOW)
    shift.write(JACKSON)
    root = shift.root(JACKSON)
    shift.site.mattermost.order(bot="other-bot")
    shift.react(root, "otieno", "eyes")
    shift.waits_for("Status: claimed by `otieno`", root)
    shift.unreact(root, "otieno", "eyes")
    shift.waits_for("Status: open", root)
    shift.site.mattermost.order(leave={"channel": "dev-support-escalations", "user": "otieno"})
    for stranger in ("otieno", "other-bot"):
        shift.react(root, stranger, "eyes")
        shift.react(root, stranger, "white_check_mark")
        shift.say(root, stranger, "done")
    shift.site.kill()
    shift.site.start()
    shift.say(root, "amina", "take")
    shift.waits_for("Status: claimed by `amina`", root)
    assert shift.kinds(shift.ticket(root)) == ["claimed", "released", "claimed"]
