"""Rules as one text: what comes back is what was packed, and nothing else is ever taken for rules."""

import json

import pytest

from engine.ruleset import loader, packing, snapshots
from engine.starter import starter_folder


def test_files_come_back_byte_for_byte() -> None:
    """Byte order marks, carriage returns and any alphabet included, so that the hash is the same on every node."""
    files = {
        "rules/10-all.yaml": "\N{ZERO WIDTH NO-BREAK SPACE}schema: 1\r\n# \N{GRINNING FACE}\0\n".encode(),
        "rules/\udcff.yaml": b"",
        "templates/ack/default.sw.j2": "Habari caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode(),
    }
    packed = packing.pack(files)
    assert packed.isascii()
    assert "\0" not in packed
    assert packing.unpack(packed) == packing.unpack(packed.encode()) == snapshots.Snapshot(files)


def test_the_starter_rules_are_the_same_set_after_the_journey() -> None:
    """They load, with the same hash and the same number of rules."""
    here = loader.load(starter_folder("rules"), starter_folder("templates"), advise=False)
    there = loader.load_packed(packing.pack(here.files))
    assert there.ruleset is not None
    assert (there.sha, there.rules, there.examples) == (here.sha, here.rules, here.examples)


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param("", id="nothing"),
        pytest.param(b"\xff\xff", id="no text"),
        pytest.param("[]", id="an empty list"),
        pytest.param("7", id="a number"),
        pytest.param('{"rules/a.yaml": ""}', id="an object"),
        pytest.param('["rules/a.yaml", ""]\n["rules/b.yaml"]', id="a name without a text"),
        pytest.param('["rules/a.yaml", ""]\n', id="an empty line"),
        pytest.param('["rules/a.yaml", 1]', id="a number for a text"),
        pytest.param('[1, ""]', id="a number for a name"),
        pytest.param('[["rules/a.yaml"], ""]', id="a list for a name"),
        pytest.param('["rules/a.yaml", "\\ud800"]', id="half a character"),
        pytest.param('["rules/\\ud800.yaml", ""]', id="half a character in a name"),
        pytest.param("[" * 100_000, id="brackets without end"),
        *(
            pytest.param(json.dumps([name, ""]), id=repr(name))
            for name in (
                "../rules/a.yaml",
                "rules/../a.yaml",
                "rules/b/a.yaml",
                "rules/.a.yaml",
                "rules/a.yml",
                "rules/.yaml",
                "rules/a\0.yaml",
                "/rules/a.yaml",
                "templates/../../a.j2",
                "templates/ack/.a.j2",
                "templates//a.j2",
                "other/a.yaml",
                "rules/a.yaml\n",
            )
        ),
    ],
)
def test_anything_else_is_refused_with_a_finding(packed: str | bytes) -> None:
    """A set that works is written to the disk, so a name never leads out of its folder."""
    loaded = loader.load_packed(packed)
    assert loaded.ruleset is None
    assert loaded.files == {}
    assert (loaded.diagnostics[0].path, loaded.diagnostics[0].code, loaded.diagnostics[0].message) == (
        "the published set",
        "E211",
        "this is no set of rules files",
    )


def test_a_set_has_a_largest_size() -> None:
    """The journal holds a few of them; the sentence says how much there is and how much there may be."""
    files = {f"rules/{number}.yaml": b"#" * (packing.LIMIT_BYTES // 16) for number in range(16)}
    assert packing.oversize(files) == ""
    files["rules/16.yaml"] = b"#"
    problem = "the rules and templates have 16,777,217 bytes; at most 16,777,216 can be published"
    assert packing.oversize(files) == problem
    loaded = loader.load_packed(packing.pack(files))
    assert loaded.ruleset is None
    assert (loaded.diagnostics[0].code, loaded.diagnostics[0].message) == ("E102", problem)
