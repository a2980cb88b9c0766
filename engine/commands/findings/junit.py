"""A Report as JUnit's XML, which every build server shows: a suite for each file, a case for each rule and section.

What is in order shows as passed, so that a lead sees what was looked at. Warnings that do not fail stand in the output
of their case. The form is the one that Jenkins publishes as junit-10.xsd.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from engine.commands.findings import Report, advice
from engine.commands.findings.outlines import Part, outline
from engine.core.diagnostics import Diagnostic, render

# What XML 1.0 cannot hold, escaped or not (section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WHOLE = Part("file", 0)


def show(report: Report) -> str:
    """One XML document."""
    paths = sorted({*report.files, *(found.path for found in report.diagnostics)})
    suites = [_suite(path, report) for path in paths]
    totals = {name: str(sum(int(suite.get(name, 0)) for suite in suites)) for name in ("tests", "failures", "errors")}
    root = ET.Element("testsuites", {"name": "engine validate", **totals})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(path: str, report: Report) -> ET.Element:
    parts = (_WHOLE, *outline(path, report.files.get(path, b"")))
    held: dict[int, list[Diagnostic]] = {number: [] for number in range(len(parts))}
    for found in report.diagnostics:
        if found.path == path:
            held[_part_of(found, parts)].append(found)
    name = _clean(report.placed[path])
    cases = [_case(name, parts[number].name, findings, report) for number, findings in held.items()]
    failures = sum(case.find("failure") is not None for case in cases)
    counted = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    suite = ET.Element("testsuite", {"name": name, **counted})
    suite.extend(cases)
    return suite


def _part_of(found: Diagnostic, parts: Sequence[Part]) -> int:
    return max(number for number, part in enumerate(parts) if part.line <= found.line)


def _case(suite: str, name: str, findings: Sequence[Diagnostic], report: Report) -> ET.Element:
    case = ET.Element("testcase", {"classname": suite, "name": _clean(name)})
    failing = [found for found in findings if report.fails(found)]
    if failing:
        more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        message = _clean(advice(failing[0]) + more)
        failure = ET.SubElement(case, "failure", {"type": failing[0].code, "message": message})
        failure.text = _rendered(failing)
    passing = [found for found in findings if not report.fails(found)]
    if passing:
        ET.SubElement(case, "system-out").text = _rendered(passing)
    return case


def _rendered(findings: Sequence[Diagnostic]) -> str:
    return _clean("".join(f"\n{render(found)}" for found in findings) + "\n")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
