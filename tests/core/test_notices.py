"""What operators are told about the rules: places and sentences, never a quoted line."""

from datetime import UTC, datetime

import pytest

from engine.core.diagnostics import Diagnostic, Severity
from engine.core.notices import connection, place, rules_refused, rules_taken, services, unclean_end
from engine.core.quotes import plain, spans

SHA = "0123456789abcdef"


def _finding(line: int = 3, message: str = 'no channel is named "@all"', **other: object) -> Diagnostic:
    severity = Severity.WARNING if other else Severity.ERROR
    return Diagnostic("rules/a.yaml", line, 5, 4, severity, "E112", message, "    - a client's words", "a hint")


def test_a_refusal_tells_place_code_and_sentence_and_quotes_no_line() -> None:
    """The line and the advice may hold a client's words out of an example; warnings are no reason."""
    notice = rules_refused([_finding(), _finding(0), _finding(warning=True)], "ffff", SHA, at_start=False)
    assert plain(notice.text) == (
        "**The rules on disk cannot be used.** The last good ones (0123456789ab) stay in force:\n"
        '- rules/a.yaml:3:5 E112 no channel is named "@all"\n'
        '- rules/a.yaml E112 no channel is named "@all"'
    )
    assert (notice.matter, notice.state, notice.good) == ("rules", "refused ffff", False)


def test_what_a_lead_wrote_can_mention_nobody() -> None:
    """A finding is quoted as a client's text is."""
    notice = rules_refused([_finding()], "ffff", SHA, at_start=False)
    assert all(span.quoted for span in spans(notice.text) if "@all" in span.text)


def test_a_start_with_the_last_good_rules_says_so() -> None:
    """The first words are what has happened."""
    notice = rules_refused([_finding()], "ffff", SHA, at_start=True)
    assert notice.text.startswith("**Started with the last good rules (0123456789ab).**")
    assert notice.state == rules_refused([], "ffff", "another", at_start=False).state


def test_many_findings_are_ten_and_a_number() -> None:
    """A post is no report; one sentence takes one line."""
    findings = [_finding(number, "x" * 500) for number in range(1, 15)]
    lines = rules_refused(findings, "ffff", SHA, at_start=False).text.split("\n")
    assert len(lines) == 12
    assert lines[-1] == "- and 4 more: `engine validate` shows them"
    assert all(len(line) < 210 for line in lines)


def test_rules_that_work_are_told_by_their_hash() -> None:
    """All is well."""
    notice = rules_taken(SHA)
    assert notice.text == "**Rules reloaded, 0123456789ab.** The files on disk are in force."
    assert notice.good


def test_what_was_published_is_told_apart_from_the_files() -> None:
    """The operators' channel belongs to all nodes, so it says that one of them does not follow."""
    refused = rules_refused([_finding()], "ffff", SHA, at_start=False, published=True)
    assert refused.text.startswith(
        "**The published rules cannot be used on one node.** The last good ones (0123456789ab) stay in force:\n"
    )
    taken = rules_taken(SHA, published=True)
    assert taken.text == "**Rules reloaded, 0123456789ab.** The published ones are in force."


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("online", "**main is connected.**"),
        ("logged_out", "**main is logged out.** link it again"),
        ("connecting", None),
        ("linking", None),
        ("", None),
    ],
)
def test_a_connection_that_needs_a_person_is_told(state: str, text: str | None) -> None:
    """What passes by itself is not."""
    notice = connection("main", state, "link it again")
    assert (plain(notice.text) if notice else None) == text
    assert notice is None or (notice.matter, notice.state, notice.good) == ("connection main", state, state == "online")


def test_what_may_be_missing_is_told_with_the_moment() -> None:
    """In words for whoever has the phone at hand; each such end is a matter of its own."""
    notice = unclean_end("main", datetime(2026, 2, 12, 12, 3, 20, tzinfo=UTC))
    assert notice.text == (
        "**Some WhatsApp messages to main may be missing.** The program that holds the connection was ended by force "
        "(a crash, a kill or a power cut); the last thing that it got came at 2026-02-12 12:03 UTC. Up to 101 messages "
        "from right before that may not be here, although WhatsApp shows them as delivered. Those that left a trace "
        "are posted as messages that could not be read. Please look at the phone for what came in the minutes before."
    )
    assert (notice.matter, notice.state, notice.good) == ("unclean end of main", "2026-02-12T12:03:20+00:00", False)


def test_a_channel_that_refuses_is_told_with_what_to_do() -> None:
    """A name out of the rules and the sentence mention nobody; taking posts again is good news."""
    refused = place("noc", "invite the bot with /invite @engine-bot")
    assert plain(refused.text) == (
        "**~noc takes no posts.** invite the bot with /invite @engine-bot. What is for it waits until that is done."
    )
    assert all(span.quoted for span in spans(refused.text) if "~" in span.text or "@" in span.text)
    assert (refused.matter, refused.state, refused.good) == (
        "place noc",
        "invite the bot with /invite @engine-bot",
        False,
    )
    taken = place("noc", "")
    assert plain(taken.text) == "**~noc takes posts again.** What waited is being sent."
    assert (taken.matter, taken.state, taken.good) == ("place noc", "good", True)


def test_a_service_that_is_none_is_told_with_what_to_do() -> None:
    """Once for each set of them; a name out of the files mentions nobody."""
    missing = services(("@all", "noc"))
    assert plain(missing.text) == (
        "**The on-call files call a service that engine.yaml does not have: @all, noc.** It is left out of every call. "
        "Add it under `services` in engine.yaml and restart, or take it out of the on-call files."
    )
    assert all(span.quoted for span in spans(missing.text) if "@" in span.text)
    assert (missing.matter, missing.state, missing.good) == ("on-call services", "missing @all, noc", False)
    there = services(())
    assert plain(there.text) == "**Every service that the on-call files call is there.**"
    assert (there.matter, there.state, there.good) == ("on-call services", "good", True)
