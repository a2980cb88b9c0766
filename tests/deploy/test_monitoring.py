"""deploy/grafana and deploy/prometheus: they ask for what the daemon has, and each alert fires when it should."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from standins.inprocess import live_daemon
from standins.tools import output_of, tool

from engine.metrics import Metrics

_DEPLOY = Path(__file__).parents[2] / "deploy"
_ALERTS = _DEPLOY / "prometheus" / "alerts.yaml"
_CASES = Path(__file__).parent / "alerts.yaml"
_DASHBOARD: dict[str, Any] = json.loads((_DEPLOY / "grafana" / "dashboard.json").read_text())
_RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(_ALERTS.read_text())["groups"] for rule in group["rules"]
]
# What Prometheus itself adds to each sample.
_OF_PROMETHEUS = {"job", "instance", "le"}
_METRIC = re.compile(r"\b((?:engine|process)_[a-z_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
# Grafana's, with a value that Prometheus can read.
_VARIABLES = {"$__rate_interval": "5m", "$job": "engine", "$instance": ".*"}


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in _DASHBOARD["panels"] if panel["type"] != "row"]


def _expressions() -> dict[str, str]:
    """Every question to Prometheus by where it stands."""
    asked = {f"{panel['title']} {one['refId']}": one["expr"] for panel in _panels() for one in panel["targets"]}
    asked |= {one["name"]: one["expr"] for one in _DASHBOARD["annotations"]["list"]}
    return asked | {rule["alert"]: rule["expr"] for rule in _RULES}


_EXPRESSIONS = _expressions()


def _labels() -> dict[str, set[str]]:
    """The labels of each family that the daemon can have, by the name under which its samples are asked for."""
    known: dict[str, set[str]] = {}
    for one in _families(Metrics()):
        name, labels = one._name, set(one._labelnames)
        kinds = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
        known |= dict.fromkeys((name + end for end in kinds.get(one._type, ("",))), labels)
    return known


def _families(metrics: Metrics) -> Iterator[Any]:
    yield from (one for one in metrics._registry._collector_to_names if hasattr(one, "_labelnames"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a running daemon tells."""
    with live_daemon(tmp_path_factory.mktemp("metrics")) as live:
        return httpx.get(f"{live.url}/metrics").text


@pytest.mark.parametrize("where", _EXPRESSIONS)
def test_what_is_asked_for_is_told(page: str, where: str) -> None:
    """Every metric that a panel or an alert names is one of a running daemon, and so is every label."""
    named = _METRIC.findall(_EXPRESSIONS[where])
    assert named or 'up{job="engine"}' in _EXPRESSIONS[where]
    known = _labels()
    for name, selectors in named:
        family = re.sub(r"_(bucket|count|sum)$", "", name)
        assert re.search(rf"^# TYPE {family} ", page, re.MULTILINE), name
        assert set(_LABEL.findall(selectors)) <= known.get(name, set()) | _OF_PROMETHEUS, selectors


def test_every_metric_of_ours_is_shown_or_watched() -> None:
    """Nobody measures what nobody looks at; those are named that only a question of one's own needs."""
    asked = {name for text in _EXPRESSIONS.values() for name, _ in _METRIC.findall(text)}
    asked |= {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in asked}
    unasked = {one._name for one in _families(Metrics())} - asked
    assert unasked == {"engine_events_accepted", "engine_events_duplicate", "engine_rules_loaded"}


def test_the_panels_stand_beside_each_other() -> None:
    """None over another, each with a number of its own, a title, words about it and the data source that is chosen."""
    panels = _DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: Counter[tuple[int, int]] = Counter()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        taken.update((at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"]))
    assert max(taken.values()) == 1
    for panel in _panels():
        assert panel["description"].endswith(".")
        assert {one["datasource"]["uid"] for one in [panel, *panel["targets"]]} == {"${datasource}"}
        assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"])


def test_the_dashboard_is_whole() -> None:
    """What it is to show is there."""
    titles = " / ".join(panel["title"] for panel in _panels())
    wanted = ("by priority", "Until claimed", "Age of the oldest", "by destination and state", "Oldest delivery")
    for words in (*wanted, "Connections", "Errors", "Journal", "Memory"):
        assert words in titles


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """What it is, what it means, what to do, and a page with a heading that is there."""
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "action", "runbook_url"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert not told["summary"].endswith(".")
    for words in (told["description"], told["action"]):
        assert words.endswith((".", "?"))
    name, _, heading = told["runbook_url"].removeprefix("deploy/").partition("#")
    headings = re.findall(r"^#+ (.*)$", (_DEPLOY / name).read_text(), re.MULTILINE)
    assert heading in {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}


def test_each_alert_has_a_case_that_fires_and_one_that_is_silent() -> None:
    """A case without a sample at any of its moments is a silent one."""
    cases: dict[str, set[bool]] = {}
    for case in yaml.safe_load(_CASES.read_text())["tests"]:
        name, verb = case["name"].split()[:2]
        fires = any(one["exp_samples"] for one in case["promql_expr_test"])
        assert fires == (verb == "fires"), case["name"]
        cases.setdefault(name, set()).add(fires)
    assert cases == {rule["alert"]: {True, False} for rule in _RULES}


@pytest.mark.system
def test_prometheus_takes_the_alerts_and_each_fires_when_it_should() -> None:
    """As promtool reads and plays them."""
    assert f"SUCCESS: {len(_RULES)} rules found" in output_of(tool("promtool"), "check", "rules", str(_ALERTS))
    assert "SUCCESS" in output_of(tool("promtool"), "test", "rules", str(_CASES))


@pytest.mark.system
def test_prometheus_reads_every_question_of_the_dashboard(tmp_path: Path) -> None:
    """With Grafana's variables filled in, each is an expression."""
    rules = []
    for number, (where, asked) in enumerate(_EXPRESSIONS.items()):
        expression = asked
        for name, stands in _VARIABLES.items():
            expression = expression.replace(name, stands)
        rules.append({"record": f"question:{number}", "expr": expression, "labels": {"where": where}})
    file = tmp_path / "questions.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in output_of(tool("promtool"), "check", "rules", str(file))
