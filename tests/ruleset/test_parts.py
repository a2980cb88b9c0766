"""A load that knows an earlier one comes to the same result as one that knows nothing."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from engine.core.diagnostics import render
from engine.ruleset import loader
from engine.ruleset.loader import Loaded
from engine.ruleset.parts import Parts
from engine.ruleset.snapshots import Snapshot

TEMPLATES = {"templates/ack/default.j2": b"Hello", "templates/escalation/default.j2": b"Title\n\nText\n"}
BASE = "schema: 1\ndefaults: {channel: triage, ack: default}\nchannels: {triage: {}}\n"
WORDS = "keywords: {product: {3CX: [3cx]}}\n"
MORE_WORDS = "keywords: {product: {3CX: [3cx, pbx]}}\n"
ASKS = (
    "schema: 1\nrules:\n"
    "  - {id: asks, when: {keywords: {product: 3CX}}, examples: {match: [my 3cx], no_match: [my pbx]}}\n"
)
STOPS = "schema: 1\nrules:\n  - {id: stops, when: {words: [my]}, stop: true}\n"
LAST = "schema: 1\nrules:\n  - {id: last, when: always}\n"


def _check(files: Mapping[str, str], before: Parts | None = None) -> Loaded:
    rules = {f"rules/{name}.yaml": content.encode() for name, content in files.items()}
    return loader.check(Snapshot({**rules, **TEMPLATES}), "rules", "templates", before)


def _codes(loaded: Loaded) -> list[str]:
    return [found.code for found in loaded.diagnostics]


def test_a_file_that_has_not_changed_is_not_read_again() -> None:
    """What is known of it is taken over as it is."""
    first = _check({"a": BASE + WORDS, "b": ASKS, "z": LAST})
    second = _check({"a": BASE + WORDS, "b": ASKS.replace("my 3cx", "our 3cx"), "z": LAST}, first.parts)
    again = {part.label: part for part in second.parts.files}
    assert [part.label for part in first.parts.files if again[part.label].document is part.document] == [
        "rules/a.yaml",
        "rules/z.yaml",
    ]


def test_examples_are_tried_again_when_the_keywords_change() -> None:
    """They stand in another file, and what they say can become untrue."""
    first = _check({"a": BASE + WORDS, "b": ASKS, "z": LAST})
    assert first.ruleset is not None
    assert first.parts.untried(first.parts.surroundings) == ()
    second = _check({"a": BASE + MORE_WORDS, "b": ASKS, "z": LAST}, first.parts)
    assert _codes(second) == ["E206"]


def test_examples_are_tried_again_when_a_rule_before_them_stops_the_search() -> None:
    """A new file in front of an unchanged one, or one that is called so that it stands in front."""
    first = _check({"a": BASE + WORDS, "b": ASKS, "z": LAST})
    stopped = _check({"a": BASE + WORDS, "aa": STOPS, "b": ASKS, "z": LAST}, first.parts)
    assert "E205" in _codes(stopped)
    behind = _check({"a": BASE + WORDS, "b": ASKS, "c": STOPS, "z": LAST}, first.parts)
    assert behind.ruleset is not None
    moved = _check({"a": BASE + WORDS, "aa": STOPS, "b": ASKS, "z": LAST}, behind.parts)
    assert "E205" in _codes(moved)


def test_a_failed_example_is_tried_again() -> None:
    """What went wrong once is not forgotten because nothing changed."""
    files = {"a": BASE + MORE_WORDS, "b": ASKS, "z": LAST}
    first = _check(files)
    assert _codes(first) == _codes(_check(files, first.parts)) == ["E206"]


def test_a_file_that_cannot_be_read_is_remembered_as_such() -> None:
    """Nothing is said about names that it may define, the second time no more than the first."""
    last = LAST.replace("always}", "always, channel: more}")
    files = {"a": BASE + WORDS, "b": "schema: 1\nrules: [\n  x: [\n", "z": last}
    first = _check(files)
    second = _check(files, first.parts)
    assert _codes(first) == _codes(second)
    assert "E112" not in _codes(second)
    assert [part.complete for part in second.parts.files] == [True, False, True]


def test_the_same_bytes_in_another_folder_are_read_for_that_folder() -> None:
    """Findings name the file as the user does."""
    rules = {"rules/a.yaml": b"schema: 2\n"}
    first = loader.check(Snapshot({**rules, **TEMPLATES}), "here", "templates")
    second = loader.check(Snapshot({**rules, **TEMPLATES}), "there", "templates", first.parts)
    assert [found.path for found in second.diagnostics if found.code == "E130"] == ["there/a.yaml"]


_CONTENTS = st.sampled_from(
    [
        BASE + WORDS,
        BASE + MORE_WORDS,
        ASKS,
        ASKS.replace("match: [my 3cx]", "match: [my 3cx, nothing]"),
        STOPS,
        LAST,
        "schema: 1\nrules:\n  - {id: calls, when: {words: [ab, call]}, examples: {match: [call]}}\n",
        "schema: 1\nrules:\n  - {id: code, when: {pattern: '(?P<code>x'}}\n",
        "schema: 1\nhours: {day: {timezone: Africa/Nairobi, weekly: [Mon-Fri 08:00-17:00]}}\n",
        "schema: 1\nrules: [}\n",
        "",
    ]
)
_FOLDERS = st.dictionaries(st.sampled_from("abcdz"), _CONTENTS, max_size=5)


@given(st.lists(_FOLDERS, min_size=2, max_size=4))
def test_what_is_remembered_changes_nothing_but_the_time(folders: list[dict[str, str]]) -> None:
    """Whatever was loaded before, the findings and the rules are those of a load that remembers nothing."""
    parts = Parts()
    for folder in folders:
        fresh, known = _check(folder), _check(folder, parts)
        assert [render(found) for found in known.diagnostics] == [render(found) for found in fresh.diagnostics]
        assert (known.ruleset is None, known.sha, known.rules) == (fresh.ruleset is None, fresh.sha, fresh.rules)
        parts = known.parts
