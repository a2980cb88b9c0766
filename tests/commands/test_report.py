"""`engine incidents report`: how fast clients were helped, as text, JSON, Markdown and a picture."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from standins.inprocess import LiveDaemon, live_daemon

from engine.cli import main
from engine.commands.incident_reports import charts, documents, markdown, scales, words
from engine.core import reports
from engine.core.decisions import Priority
from engine.core.incidents import IncidentStatus
from engine.core.reports import Dimension, Measured, Report, Step, Target, Times

SINCE = datetime(2026, 2, 9, tzinfo=UTC)
_SVG = "{http://www.w3.org/2000/svg}"


def row(number: int, priority: Priority = Priority.HIGH, rule: str = "voip-outbound") -> Measured:
    spans = {Step.ACKNOWLEDGED: timedelta(milliseconds=8 + number), Step.CLAIMED: timedelta(minutes=number)}
    opened_at = SINCE + timedelta(hours=10 * number)
    status = IncidentStatus.CLAIMED
    return Measured(number, opened_at, False, priority, ("3cx",), rule, "support", status, True, True, spans)  # noqa: FBT003


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - it is our own


def report(*rows: Measured, days: int = 7, targets: tuple[Target, ...] = ()) -> Report:
    until = SINCE + timedelta(days=days)
    return reports.summarise(rows, SINCE, until, until, ZoneInfo("UTC"), targets)


ROWS = (row(1), row(2), row(3, Priority.URGENT), row(12, Priority.LOW, 'a|b<c>"&'))
TARGETS = (Target(Step.CLAIMED, timedelta(minutes=2)),)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """One daemon with one acknowledged message."""
    with live_daemon(tmp_path_factory.mktemp("report")) as live:
        assert live.post("m1", "my phone has no dial tone, says Jackson").json()["accepted"] == 1
        deadline = monotonic() + 20
        while len(live.said) < 2:
            assert monotonic() < deadline
            sleep(0.01)
        yield live


def asked(daemon: LiveDaemon, *words_: str) -> int:
    # The message says that it was written in February.
    return main(["incidents", "report", "--config", str(daemon.config), "--since", "2026-02-12", *words_])


def test_the_daemon_s_incidents_are_reported(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence, by step and by rule; nothing of the client is in any form of it."""
    for form in ("text", "json", "markdown"):
        assert asked(daemon, "--by", "rule", "--format", form) == 0
        shown = capsys.readouterr().out
        for secret in ("Jackson", "254700000001", "dial tone", "wa-1"):
            assert secret not in shown
    assert asked(daemon, "--by", "rule") == 0
    shown = capsys.readouterr().out
    assert ": 1, of which nobody has 1 and somebody has 0." in shown
    assert "by rule, median / 90 %" in shown
    assert "busiest: Thursday 10:00 (1)" in shown


def test_json_is_for_programs(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Spans are seconds; every dimension is there."""
    assert asked(daemon, "--format", "json", "--target", "acknowledged=1h") == 0
    told = json.loads(capsys.readouterr().out)
    times = told["times"]["acknowledged"]
    assert (told["incidents"], times["count"], times["met"], times["judged"]) == (1, 1, 1, 1)
    assert 0 <= times["median"] < 60
    assert [one["incidents"] for one in told["byPriority"]] == [1]
    assert {"byRule", "byChannel", "byTag", "byDay", "week", "open", "claimed"} <= told.keys()


@pytest.mark.parametrize("since", ["0001-01-01", "0001-01-01T00:00:00+14:00"])
def test_a_time_before_all_times_means_everything(
    daemon: LiveDaemon, tmp_path: Path, since: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Likewise one after all; in every zone, drawn or not, though the ends of the calendar overflow."""
    words_ = ("--since", since, "--until", "9999-12-31T23:59-12:00", "--timezone", "Pacific/Kiritimati")
    assert asked(daemon, *words_, "--svg", str(tmp_path / "all.svg")) == 0
    assert ": 1, of which nobody has 1 and somebody has 0." in capsys.readouterr().out


def test_the_picture_is_written(daemon: LiveDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into the file, over an earlier one; the text is printed all the same."""
    file = tmp_path / "report.svg"
    file.write_text("earlier")
    assert asked(daemon, "--svg", str(file)) == 0
    assert "Incidents from" in capsys.readouterr().out
    assert parsed(file.read_text()).tag == f"{_SVG}svg"
    assert asked(daemon, "--svg", str(tmp_path / "nowhere" / "x.svg")) == 77
    assert capsys.readouterr().err.endswith("x.svg cannot be written: no such file or directory\n")


@pytest.mark.parametrize(
    ("words_", "problem"),
    [
        pytest.param(("--target", "claimed"), 'engine: --target "claimed" is none', id="no span"),
        pytest.param(("--target", "seen=5m"), 'engine: --target "seen=5m" is none', id="no step"),
        pytest.param(("--target", "claimed.soon=5m"), 'engine: --target "claimed.soon=5m" is none', id="no priority"),
        pytest.param(("--timezone", "Mars"), 'engine: --timezone "Mars" is none', id="no zone"),
        pytest.param(("--timezone", "../etc"), 'engine: --timezone "../etc" is none', id="no path"),
        pytest.param(("--since", "2099-01-01"), "engine: --since must lie before now", id="the future"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, words_: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the form that it should have, before any daemon is asked."""
    assert main(["incidents", "report", "--config", str(tmp_path / "engine.yaml"), *words_]) == 2
    assert capsys.readouterr().err.startswith(problem)


def test_markdown_is_pinned() -> None:
    """A table of the steps, one of the groups, the busiest hours; a pipe in a name breaks no table."""
    assert markdown.show(report(*ROWS, targets=TARGETS), Dimension.RULE, "UTC") == (
        """\
**Incidents from 2026-02-09 to 2026-02-15 (UTC): 4, of which nobody has 0 and somebody has 4.**

| step | incidents | median | 90 % | 99 % | within target |
| --- | ---: | ---: | ---: | ---: | ---: |
| acknowledged | 4 | 10 ms | 20 ms | 20 ms | - |
| claimed | 4 | 2 min | 12 min | 12 min | 50 % of 4 |
| answered | 0 | - | - | - | - |
| resolved | 0 | - | - | - | - |

By rule, median / 90 %:

| rule | incidents | acknowledged | claimed | answered | resolved |
| --- | ---: | ---: | ---: | ---: | ---: |
| voip-outbound | 3 | 10 ms / 11 ms | 2 min / 3 min | - | - |
| a&#124;b<c>"& | 1 | 20 ms / 20 ms | 12 min / 12 min | - | - |

Busiest: Monday 10:00 (1), Monday 20:00 (1), Tuesday 06:00 (1).
"""
    )


def test_a_period_without_incidents_is_told() -> None:
    """In every form, without tables of nothing."""
    assert "Busiest" not in markdown.show(report(), Dimension.PRIORITY, "UTC")
    assert words.busiest(report()) == ""
    assert documents.show(report(), "UTC")["byRule"] == []


def test_targets_and_groups_are_in_the_document() -> None:
    """What was asked for is told with the answer."""
    told = documents.show(report(*ROWS, targets=(Target(Step.CLAIMED, timedelta(minutes=5), Priority.URGENT),)), "UTC")
    assert told["targets"] == [{"step": "claimed", "priority": "urgent", "seconds": 300.0}]
    assert [one["priority"] for one in told["byPriority"]] == ["urgent", "high", "low"]
    assert told["times"]["answered"]["median"] is None


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(report(*ROWS), id="a week"),
        pytest.param(report(days=1), id="nothing"),
        pytest.param(report(*ROWS, days=100), id="weeks"),
        pytest.param(report(ROWS[0], days=1), id="one"),
    ],
)
def test_the_picture_stands_alone(drawn: Report) -> None:
    """Well-formed, no script, nothing to fetch, within its bounds, for light and dark pages."""
    text = charts.draw(drawn, "Africa/Nairobi")
    root = parsed(text)
    assert {one.tag.removeprefix(_SVG) for one in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "text", "path", "circle",
    }  # fmt: skip
    assert "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for one in root.iter():
        assert 0 <= float(one.get("x", 0)) <= width
        assert 0 <= float(one.get("y", 0)) <= height
        assert float(one.get("width", 0)) >= 0


def test_the_picture_says_what_it_shows() -> None:
    """Each day's bars and each point of a line have their words."""
    told = [one.text for one in parsed(charts.draw(report(*ROWS), "UTC")).iter(f"{_SVG}title")]
    assert "2026-02-09: 2 high" in told
    assert "2026-02-10: median 3 min" in told


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0081, "8 ms"), (1.44, "1.4 s"), (45.9, "45 s"), (60, "1 min"), (3720, "1 h 2 min"), (None, "-")],
)
def test_a_span_is_said_as_people_say_it(seconds: float | None, expected: str) -> None:
    """Milliseconds for what the engine does, minutes for what people do."""
    assert words.span(None if seconds is None else timedelta(seconds=seconds)) == expected


def test_a_share_is_told_with_its_number() -> None:
    """A share of two incidents is no promise."""
    assert words.share(Times(3, met=1, judged=2)) == "50 % of 2"
    assert words.share(Times(3)) == "-"


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (4, (0, 1, 2, 3, 4)),
        (42, (0, 10, 20, 30, 40, 50)),
        (900, (0, 200, 400, 600, 800, 1000)),
    ],
)
def test_an_axis_of_counts_has_round_numbers(most: int, expected: tuple[int, ...]) -> None:
    """Whole ones, the last at or above the most."""
    assert scales.counts(most) == expected


def test_an_axis_of_spans_holds_every_span() -> None:
    """At least two round spans; what lies beyond the axis stands at its ends."""
    ticks = scales.spans([timedelta(seconds=5), timedelta(minutes=30)])
    assert [words.span(tick) for tick in ticks] == ["1 s", "10 s", "1 min", "10 min", "1 h"]
    assert len(scales.spans([timedelta(0)])) == 2
    assert len(scales.spans([timedelta(days=9000)])) == 2
    assert scales.share(timedelta(0), ticks) == 0
    assert scales.share(timedelta(days=9), ticks) == 1
    assert scales.share(timedelta(minutes=1), ticks) == pytest.approx(0.5, abs=0.01)
