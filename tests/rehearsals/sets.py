"""Small rule-sets with tests, as the loader gives them."""

from engine.rehearsals import trials, units
from engine.rehearsals.trials import Table
from engine.ruleset import compiler, loader
from engine.ruleset.loader import Loaded
from engine.ruleset.matcher import Ruleset
from engine.ruleset.snapshots import Snapshot

HEAD = """\
schema: 1
defaults: {channel: triage, ack: default, tags: [whatsapp]}
channels: {triage: {}, voip: {}, network: {}}
"""
LAST = "  - {id: last, when: always}\n"
ESCALATION = "Title\n\nClient: {{ client_name | default('somebody') }}\nSummary: {{ issue_summary }}\n{{ oncall }}\n"
ACK = "Hello{% if client_name is defined %} {{ client_name }}{% endif %}, we have it."


def loaded(rules: str, scenarios: str = "", sections: str = "") -> Loaded:
    """The folder with these rules (a list below `rules:`) and scenarios."""
    files = {
        "rules/10-rules.yaml": f"{HEAD}{sections}rules:\n{rules}{LAST}".encode(),
        "templates/ack/default.j2": ACK.encode(),
        "templates/ack/urgent.j2": b"At once.",
        "templates/escalation/default.j2": ESCALATION.encode(),
    }
    if scenarios:
        files["rules/tests/a.yaml"] = f"schema: 1\nscenarios:\n{scenarios}".encode()
    found = loader.check(Snapshot(files), "rules", "templates")
    wrong = [each for each in found.diagnostics if each.code[0] == "E" and each.code not in {"E205", "E206"}]
    assert wrong == []
    return found


def ruleset(found: Loaded) -> Ruleset:
    """The compiled rules, also where an example fails."""
    assert found.templates is not None
    return found.ruleset or compiler.compile_rules(found.document, found.templates, found.sha)


def table(found: Loaded) -> Table:
    """Every message of every test with what it meets."""
    assert found.templates is not None
    return trials.table(found.document, ruleset(found), units.cut_all(found.document), found.templates)
