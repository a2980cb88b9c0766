"""A Report as JUnit's XML, which every build server shows: a suite for each file, a case for each test.

The form is the one that Jenkins publishes as junit-10.xsd.
"""

import re
from xml.etree import ElementTree as ET

from engine.commands.rehearsal_reports import Report, share, shown_percent
from engine.core.diagnostics import render
from engine.rehearsals.cases import Result
from engine.rehearsals.verdicts import Mismatch

# What XML 1.0 cannot hold, escaped or not (section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARK = "\N{REPLACEMENT CHARACTER}"


def show(report: Report) -> str:
    """One XML document."""
    by_file: dict[str, list[Result]] = {}
    for result in report.results:
        by_file.setdefault(result.at.path, []).append(result)
    suites = [_suite(path, results) for path, results in by_file.items()]
    suites += _broken(report) + _too_little(report)
    totals = {name: str(sum(int(suite.get(name, 0)) for suite in suites)) for name in ("tests", "failures", "errors")}
    root = ET.Element("testsuites", {"name": "engine test", "time": f"{report.took_s:.3f}", **totals})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(path: str, results: list[Result]) -> ET.Element:
    failures = sum(not result.passed for result in results)
    suite = ET.Element(
        "testsuite", {"name": _clean(path), "tests": str(len(results)), "failures": str(failures), "errors": "0"}
    )
    for result in results:
        name = f"{' '.join(result.title.split())} (line {result.at.line})"
        case = ET.SubElement(suite, "testcase", {"name": _clean(name), "classname": _clean(result.rule or path)})
        if not result.passed:
            first = result.mismatches[0]
            message = f"{first.fact}: expected {first.wanted}, came {first.found}"
            failure = ET.SubElement(case, "failure", {"message": _clean(message), "type": result.kind.value})
            failure.text = _clean("\n".join(map(_explained, result.mismatches)))
    return suite


def _explained(mismatch: Mismatch) -> str:
    step = f"step {mismatch.seen.number}: " if mismatch.seen else ""
    lines = [f"{mismatch.at.path}:{mismatch.at.line}:{mismatch.at.column}  {step}{mismatch.fact}"]
    lines += [f"expected  {mismatch.wanted}", f"came      {mismatch.found}", *mismatch.why]
    return "\n  ".join(lines)


def _broken(report: Report) -> list[ET.Element]:
    """Errors in the rules as errors of one suite: nothing could be tested."""
    if not report.broken:
        return []
    number = str(len(report.broken))
    suite = ET.Element("testsuite", {"name": "rules", "tests": number, "failures": "0", "errors": number})
    for finding in report.broken:
        name = f"{finding.code} {finding.path}:{finding.line}:{finding.column}"
        case = ET.SubElement(suite, "testcase", {"name": _clean(name), "classname": _clean(finding.path)})
        error = ET.SubElement(case, "error", {"message": _clean(finding.message), "type": finding.code})
        error.text = _clean(render(finding))
    return [suite]


def _too_little(report: Report) -> list[ET.Element]:
    """The wanted coverage as a test of its own."""
    if report.atoms is None or not report.minimum:
        return []
    failures = str(int(report.too_little))
    suite = ET.Element("testsuite", {"name": "coverage", "tests": "1", "failures": failures, "errors": "0"})
    case = ET.SubElement(suite, "testcase", {"name": f"at least {report.minimum} %", "classname": "coverage"})
    if report.too_little:
        message = f"only {shown_percent(*share(report.atoms))} of the atoms are reached"
        ET.SubElement(case, "failure", {"message": message, "type": "coverage"})
    return [suite]


def _clean(text: str) -> str:
    return _FORBIDDEN.sub(_MARK, text)
