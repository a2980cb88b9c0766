"""The JSON Schema of the files about on-call accepts what the engine accepts, and marks what has the wrong shape."""

import json
from functools import cache
from pathlib import Path
from typing import cast

import pytest
import yaml
from jsonschema import Draft7Validator

from engine.ruleset.oncall import editor_schema, policies, reading
from engine.starter import starter_folder

CASES = Path(__file__).parents[1] / "cases/oncall"


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(cast("dict[str, object]", editor_schema.build()))


def _marked(text: str) -> list[str]:
    """Where the schema says that something is wrong; dates are texts to an editor."""
    loaded = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - a safe loader
    if isinstance(loaded, dict):
        for policy in loaded.get("policies", {}).values():
            policy.update({"repeat": int(policy["repeat"])} if "repeat" in policy else {})
    return ["/".join(map(str, error.absolute_path)) for error in _validator().iter_errors(loaded)]


def test_the_file_beside_the_rules_is_the_one_that_the_engine_makes() -> None:
    """Mended by `engine schema --oncall > rules/schema-oncall.json`."""
    written = (starter_folder("rules") / "schema-oncall.json").read_text(encoding="utf-8")
    assert written == editor_schema.show(), "run: engine schema --oncall > rules/schema-oncall.json"


def test_the_schema_follows_its_own_standard() -> None:
    """Draft 07 accepts it."""
    Draft7Validator.check_schema(cast("dict[str, object]", editor_schema.build()))


def test_an_editor_marks_nothing_in_a_file_that_the_engine_accepts() -> None:
    """All of the language is known."""
    assert _marked((CASES / "good/noc.yaml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("case", ["another-version", "empty", "list", "no-fields", "shapes", "times-and-dates"])
def test_an_editor_marks_a_wrong_shape(case: str) -> None:
    """What `engine validate` says about one file alone shows while it is typed."""
    assert _marked((CASES / f"bad/{case}.yaml").read_text(encoding="utf-8")) != []


@pytest.mark.parametrize(
    "at", [1080, True, "9:00", "24:30"], ids=["a number", "a truth value", "without a zero", "no time"]
)
def test_a_time_must_be_a_text(at: object) -> None:
    """What an editor takes for a number, another program does too."""
    rotation = {"every": "1w", "at": at, "start": "2027-01-04"}
    layer = {"name": "all", "rotation": rotation, "members": [{"from": "2027-01-04", "list": ["alice"]}]}
    document = {"version": 1, "schedules": {"noc": {"layers": [layer]}}}
    (error,) = _validator().iter_errors(document)
    assert list(error.absolute_path)[-1] == "at"


def test_every_key_says_what_it_is_for() -> None:
    """The hover of an editor explains each key, and completes exactly the keys that are read."""
    built = json.loads(editor_schema.show())
    assert tuple(built["properties"]) == reading.SECTIONS
    schedule = built["properties"]["schedules"]["additionalProperties"]["properties"]
    policy = built["properties"]["policies"]["additionalProperties"]["properties"]
    assert tuple(schedule) == reading.SCHEDULE_KEYS
    assert tuple(schedule["layers"]["items"]["properties"]) == reading.LAYER_KEYS
    assert tuple(policy) == policies.POLICY_KEYS
    for described in (built["properties"], schedule, policy):
        assert all(value["description"] for value in described.values())
