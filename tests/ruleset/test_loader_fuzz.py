"""Nothing that a file may hold makes the loader raise, and every finding says where in the file it is.

Three ways to get at a file nobody thought of: any bytes, real rule files with lines and bytes that went astray, and
YAML of any shape out of the language's own words.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.diagnostics import Severity, render
from engine.ruleset import codes, loader, schema
from engine.ruleset.loader import Loaded
from engine.ruleset.snapshots import Snapshot
from engine.starter import starter_folder

TEMPLATES = {
    f"templates/{path.relative_to(starter_folder('templates')).as_posix()}": path.read_bytes()
    for path in sorted(starter_folder("templates").rglob("*.j2"))
}
STARTER = {path.name: path.read_bytes() for path in sorted(starter_folder("rules").glob("*.yaml"))}
# Small enough that many edits of them can be tried.
EDITED = sorted(name for name, content in STARTER.items() if len(content) < 6000)


def _checked(rules: Mapping[str, bytes]) -> Loaded:
    """The load of these files, after everything that must be true of any load was found to be true."""
    files = {**{f"rules/{name}": content for name, content in rules.items()}, **TEMPLATES}
    loaded = loader.check(Snapshot(files), "rules", "templates")
    errors = [found for found in loaded.diagnostics if found.severity is Severity.ERROR]
    assert (loaded.ruleset is None) == bool(errors)
    for found in loaded.diagnostics:
        assert found.code in codes.pages()
        assert render(found)
        if found.line == 0:
            continue
        lines = files[found.path].decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
        assert 1 <= found.line <= len(lines)
        assert 1 <= found.column <= len(lines[found.line - 1]) + 1
        assert found.length >= 1
    return loaded


@given(st.binary(max_size=400))
def test_any_bytes_are_a_set_or_findings(raw: bytes) -> None:
    """A file of noise never makes a set, and never ends the load."""
    loaded = _checked({"x.yaml": raw})
    assert loaded.ruleset is None
    assert loaded.diagnostics


_EDITS = st.tuples(
    st.sampled_from(("delete", "double", "swap", "indent", "flip", "cut", "insert")),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)

_STRAY = (b"\t", b"- x", b"a: b: c", b"{{ x }}", b"  - [", b"*a", b"'", b'"\\', b"\xff")


def _edited(content: bytes, edit: tuple[str, int, int]) -> bytes:
    kind, first, second = edit
    if kind == "cut":
        return content[: first % (len(content) + 1)]
    if kind == "flip" and content:
        at = first % len(content)
        return content[:at] + bytes([content[at] ^ (1 << second % 8)]) + content[at + 1 :]
    lines = content.split(b"\n")
    at, other = first % len(lines), second % len(lines)
    match kind:
        case "delete":
            del lines[at]
        case "double":
            lines.insert(other, lines[at])
        case "swap":
            lines[at], lines[other] = lines[other], lines[at]
        case "indent":
            lines[at] = b" " * (second % 5) + lines[at].lstrip()
        case "insert":
            lines.insert(at, _STRAY[second % len(_STRAY)])
        case _:
            pass
    return b"\n".join(lines)


@settings(max_examples=150)
@given(st.sampled_from(EDITED), st.lists(_EDITS, min_size=1, max_size=4))
def test_a_real_file_with_any_edit_is_a_set_or_findings(name: str, edits: list[tuple[str, int, int]]) -> None:
    """Lines deleted, doubled, swapped or moved, bytes flipped, files cut short: every place is in the file."""
    content = STARTER[name]
    for edit in edits:
        content = _edited(content, edit)
    _checked({**{kept: STARTER[kept] for kept in ("00-keywords.yaml", "05-channels.yaml")}, name: content})


_WORDS = st.sampled_from(
    [
        *schema.SECTIONS,
        *schema.RULE_KEYS,
        *schema.DEFAULT_KEYS,
        *("all", "any", "none", "words", "exact", "keywords", "pattern", "client", "source", "kind", "attachment"),
        *("match", "no_match", "timezone", "weekly", "holidays", "team", "purpose", "name", "phones", "tier"),
        *("within", "then", "ack_again_after", "append", "new", "live", "shadow", "true", "false", "typos", "always"),
        *("1", "", " ", "30m", "0h", "999999999999d", "NO", "22:30", "Mon-Fri 08:00-17:30", "Sun-Mon 25:00-99:99"),
        *("Africa/Nairobi", "../etc", "KE", "+254700000001", "+", "$product", "word*", "*", "(", "(?P<a>x)"),
        *(
            "language",
            r"\b",
            "[[:x",
            "{{ product }}",
            "{{",
            "{% if %}",
            "{{ a.b }}",
            "high",
            "default",
            "é",
            "😀",
            "\u0300",
            "x" * 300,
        ),
    ]
)
_SHAPES = st.recursive(
    _WORDS | st.integers() | st.booleans() | st.none() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(schema.SECTIONS), _SHAPES, max_size=8))
def test_any_shape_of_the_languages_own_words_is_a_set_or_findings(sections: dict[str, Any]) -> None:
    """Every section, key and value where another one is wanted."""
    written = yaml.safe_dump({"schema": 1, **sections}, allow_unicode=True, sort_keys=False)
    _checked({"x.yaml": written.encode("utf-8", "surrogatepass")})


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(schema.RULE_KEYS), _SHAPES, max_size=8), _SHAPES)
def test_any_shape_of_a_rule_is_a_set_or_findings(keys: dict[str, Any], condition: Any) -> None:
    """A rule among sound ones, with anything in the place of everything."""
    rule = {"id": "odd", "when": condition, **keys}
    written = yaml.safe_dump({"schema": 1, "rules": [rule]}, allow_unicode=True, sort_keys=False)
    _checked({**STARTER, "20-odd.yaml": written.encode("utf-8", "surrogatepass")})


def test_the_starter_files_are_worth_editing() -> None:
    """What the edits are made of is sound."""
    assert len(EDITED) >= 8
    assert _checked(STARTER).ruleset is not None
    assert Path(starter_folder("rules")).is_dir()
