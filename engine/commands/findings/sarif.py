"""A Report as SARIF 2.1.0 (OASIS, errata 01), which code scanning and editors read.

Paths are relative to the top of the repository and have no base of their own, so that the log is the same on every
machine; a reader resolves them against its checkout. Columns count code points.
"""

import json
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote

from engine import __version__
from engine.commands.findings import Report, advice
from engine.commands.findings.fingerprints import fingerprints
from engine.commands.findings.fixes import replacement
from engine.core.diagnostics import Diagnostic, Severity
from engine.ruleset import codes

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FINGERPRINT = "engineFinding/v1"

_Json: TypeAlias = Mapping[str, "_Json"] | list["_Json"] | str | int | bool


def show(report: Report) -> str:
    """One SARIF log with one run, indented."""
    pages = [page for page in codes.pages().values() if codes.about_rules(page.code)]
    index = {page.code: number for number, page in enumerate(pages)}
    named = zip(report.diagnostics, fingerprints(report.diagnostics), strict=True)
    run: dict[str, _Json] = {
        "tool": {
            "driver": {
                "name": "engine",
                "version": __version__,
                "rules": [_rule(page) for page in pages],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(found, name, index, report) for found, name in named],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _rule(page: codes.Page) -> _Json:
    text = " ".join(page.text.split())
    wrong, right = (f"```yaml\n{_outdented(example)}\n```" for example in (page.wrong, page.right))
    return {
        "id": page.code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": text},
        "help": {"text": codes.render(page), "markdown": f"{text}\n\nWrong:\n\n{wrong}\n\nRight:\n\n{right}\n"},
        "defaultConfiguration": {"level": _level(codes.severity(page.code))},
    }


def _outdented(example: str) -> str:
    return "\n".join(line[4:] for line in example.split("\n"))


def _level(severity: Severity) -> str:
    return "error" if severity is Severity.ERROR else "warning"


def _result(found: Diagnostic, fingerprint: str, index: Mapping[str, int], report: Report) -> _Json:
    artifact: _Json = {"uri": uri(report.placed[found.path])}
    region = _region(found)
    result: dict[str, _Json] = {
        "ruleId": found.code,
        "ruleIndex": index[found.code],
        "level": _level(found.severity),
        "message": {"text": advice(found)},
        "locations": [{"physicalLocation": _located(artifact, region)}],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
    }
    if found.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": other.message},
                "physicalLocation": _located({"uri": uri(report.placed[other.path])}, {"startLine": other.line}),
            }
            for number, other in enumerate(found.related, 1)
        ]
    text = replacement(found)
    if text is not None:
        deleted = {key: value for key, value in region.items() if key != "snippet"}
        change: _Json = {"deletedRegion": deleted, "insertedContent": {"text": text}}
        fix: _Json = {
            "description": {"text": found.hint},
            "artifactChanges": [{"artifactLocation": artifact, "replacements": [change]}],
        }
        result["fixes"] = [fix]
    return result


def _located(artifact: _Json, region: Mapping[str, _Json]) -> _Json:
    return {"artifactLocation": artifact, "region": region} if region else {"artifactLocation": artifact}


def _region(found: Diagnostic) -> dict[str, _Json]:
    """Where the mark is; empty for a finding about the whole file. The end column is the first one behind it."""
    if not found.line:
        return {}
    end = found.column + found.length
    if found.source:
        # A mark may go on over the next lines; behind the end of its line is the column of the line break.
        end = max(found.column, min(end, len(found.source) + 1))
    region: dict[str, _Json] = {"startLine": found.line, "startColumn": found.column, "endColumn": end}
    if found.source:
        region["snippet"] = {"text": found.source}
    return region


def uri(path: str) -> str:
    """A path as a URI reference: relative as it is, absolute with the scheme "file"."""
    encoded = quote(path, safe="/", errors="surrogateescape")
    return f"file://{encoded}" if path.startswith("/") else encoded
