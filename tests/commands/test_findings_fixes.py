"""Which advice can be carried out as it stands."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from engine.commands.findings.fixes import replacement
from engine.core.diagnostics import Diagnostic, Severity
from engine.ruleset import loader
from engine.ruleset.snapshots import Snapshot

CASES = Path(__file__).parents[1] / "cases"


def _found(source: str, marked: str, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic("a.yaml", 1, source.index(marked) + 1, len(marked), Severity.ERROR, code, message, source, hint)


@pytest.mark.parametrize(
    ("source", "marked", "code", "message", "hint", "text"),
    [
        ("channel: suport", "suport", "E112", 'none is named "suport"', 'did you mean "support"?', "support"),
        ("channel: 'suport'", "'suport'", "E112", 'none is named "suport"', 'did you mean "support"?', "'support'"),
        ("a: [b c]", "b c", "E114", 'no keyword is named "b c"', 'did you mean "b: c"?', "'b: c'"),
        ('weekly: ["Mo 1"]', '"Mo 1"', "E142", 'there is no day "Mo"', 'did you mean "Mon"?', None),
        ("ack: @a", "@a", "E170", "needs quotes", 'write "@a"', '"@a"'),
        ("stop: yes", "yes", "E137", "either true or false", "write true", "true"),
        ("stop: maybe", "maybe", "E137", "either true or false", "write true or false", None),
        ("tags: a", "a", "E132", "wants a list", "write [a]", "[a]"),
        ("tags: a", "a", "E132", "wants a list", 'write it on one line, or use ">-"', None),
        ("ack: no", "no", "E180", "not a yes or no", "write none", "none"),
        ("phones: [254700000001]", "254700000001", "E182", "no plus", 'write "+254700000001"', '"+254700000001"'),
        ("channel:", ":", "E145", "nothing stands here", "write one, or delete the line", None),
    ],
)
def test_only_advice_that_says_exactly_what_to_type_is_carried_out(
    source: str, marked: str, code: str, message: str, hint: str, text: str | None
) -> None:
    """The name that was meant, or the marked text as it should stand; never half a line or a guess."""
    assert replacement(_found(source, marked, code, message, hint)) == text


def test_nothing_is_put_where_nothing_is_marked() -> None:
    """A finding without its line, or at the end of it."""
    found = _found("channel: suport", "suport", "E112", 'none is named "suport"', 'did you mean "support"?')
    assert replacement(replace(found, source="")) is None
    assert replacement(replace(found, column=30)) is None


def _bad_files() -> list[Path]:
    return sorted((CASES / "bad").glob("*.yaml"))


@pytest.mark.parametrize("case", _bad_files(), ids=lambda path: path.stem)
def test_a_fix_mends_its_finding(case: Path) -> None:
    """Carried out alone in every bad file there is, it takes that finding away."""
    base = {
        path.relative_to(CASES / "base").as_posix(): path.read_bytes()
        for path in sorted((CASES / "base").rglob("*"))
        if path.is_file()
    }
    label = f"rules/{case.name}"

    def check(raw: bytes) -> list[Diagnostic]:
        loaded = loader.check(Snapshot({**base, label: raw}), "rules", "templates")
        return [found for found in loaded.diagnostics if found.path == label]

    raw = case.read_bytes()
    for found in check(raw):
        text = replacement(found)
        if text is not None:
            lines = raw.decode("utf-8-sig").split("\n")
            line = lines[found.line - 1]
            start = found.column - 1
            lines[found.line - 1] = f"{line[:start]}{text}{line[start + found.length :]}"
            left = [(now.code, now.line, now.column) for now in check("\n".join(lines).encode())]
            assert (found.code, found.line, found.column) not in left, lines[found.line - 1]


def test_what_a_fix_writes_is_yaml() -> None:
    """A name with a sign in it comes between quotes."""
    found = _found("a: b", "b", "E114", 'no keyword is named "b"', 'did you mean "@b: c"?')
    text = replacement(found)
    assert text is not None
    assert yaml.safe_load(text) == "@b: c"
