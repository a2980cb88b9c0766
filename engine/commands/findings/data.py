"""A Report as JSON for editors and scripts: everything that the text says, with places as numbers."""

import dataclasses
import json

from engine.commands.findings import Report, counts


def show(report: Report) -> str:
    """One JSON object, indented."""
    errors, warnings, _ = counts(report.diagnostics)
    content = {
        "findings": [dataclasses.asdict(found) for found in report.diagnostics],
        "errors": errors,
        "warnings": warnings,
        "rules": report.rules,
        "examples": report.examples,
        "rulesetSha": report.ruleset_sha,
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
