"""The section `outages` of engine.yaml: how many clients with the same trouble are one outage. Called by `document`."""

from datetime import timedelta

from engine.core.practices import Watch
from engine.ruleset.syntax import Fault
from engine.settings.sections import VALUE, Section

_CLIENTS = 3
_WITHIN = timedelta(minutes=10)


def read(top: Section) -> Watch | None:
    """What makes an outage; None where the section is absent: nothing does."""
    if not top.has("outages"):
        return None
    section = top.part("outages").only("tags", "clients", "within")
    section.expect("tags")
    tags = section.texts("tags")
    for tag, at in tags:
        if not tag.strip():
            section.faults.append(Fault(at, VALUE, "a tag is empty", "name a tag that rules give, e.g. 3cx"))
    clients = section.count("clients", _CLIENTS)
    if clients == 1:
        section.fault("clients", VALUE, '"clients" is at least 2: one client is no outage')
    within = section.span("within", _WITHIN)
    if within <= timedelta(0):
        section.fault("within", VALUE, '"within" is longer than nothing, e.g. 10m')
    return Watch(frozenset(tag for tag, _ in tags), clients, within)
