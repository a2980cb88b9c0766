"""A template that is filled in directly reads exactly as Jinja2 would fill it in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.quotes import quote
from engine.ruleset.templates import Templates, direct
from engine.ruleset.templates.sandbox import LENIENT, TEXT_LIMIT, examine, render

_QUESTIONS = st.recursive(
    st.sampled_from(["a", "b", "absent", "a is defined", "b is not defined", "absent is undefined", "a is string"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda three: f"({' '.join(three)})")
        | inner.map(lambda asked: f"not {asked}")
    ),
    max_leaves=4,
)
_TEXT = st.sampled_from(
    ["Hello ", "\n", "\n\n", "  ", "é", "{# gone #}\n", "{{ '{{' }}", "%", "{% raw %}{{ a }}{% endraw %}"]
)
_SHOWN = st.sampled_from(
    ["{{ a }}", "{{- b }}", "{{ absent }}", "{{ tags }}", "{{ a | upper }}", "{{ none }}", "{{ self }}"]
)
_TEMPLATES = st.recursive(
    _TEXT | _SHOWN,
    lambda inner: (
        st.lists(inner, max_size=4).map("".join)
        | st.tuples(_QUESTIONS, inner, _QUESTIONS, inner, inner).map(
            lambda five: "{{% if {} %}}{}\n{{% elif {} %}}{}{{% else %}}\n{}{{% endif %}}\n".format(*five)
        )
        | st.tuples(_QUESTIONS, inner).map(lambda two: "{{% if {} %}}{}\n  {{%- endif %}}\n".format(*two))
    ),
    max_leaves=8,
)
_GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from(["x", "", quote("a\nb")]),
        "b": st.sampled_from(["y", None, 0]),
        "tags": st.just(("one", "two")),
    },
)


@given(_TEMPLATES, _GIVEN)
def test_what_is_filled_in_directly_is_what_jinja2_makes_of_it(source: str, variables: dict[str, object]) -> None:
    """Whatever stands in the template and whatever is known, both give the same text."""
    if examine(source) is None and (found := direct.read(LENIENT.parse(source))) is not None:
        assert direct.fill_in(found, variables) == render(LENIENT.from_string(source), variables)


@pytest.mark.parametrize(
    "source",
    [
        "Hello{% if a is defined %} {{ a }}{% endif %}",
        "{% if a and not b or c is undefined %}x{% elif b is not defined %}y{% else %}{{ c }}{% endif %}",
        "no code",
    ],
)
def test_most_templates_are_filled_in_directly(source: str) -> None:
    """Text, variables, and whether they are there, need no more."""
    assert direct.read(LENIENT.parse(source)) is not None


@pytest.mark.parametrize(
    "source",
    [
        "{{ a | upper }}",
        "{{ self }}",
        "{{ true }}",
        "{% for x in tags %}{{ x }}{% endfor %}",
        "{% if a == b %}x{% endif %}",
        "{% if loop %}x{% endif %}",
        "{% if loop is defined %}x{% endif %}",
        "{% if a is defined(1) %}x{% endif %}",
        "{% if not a == b %}x{% endif %}",
        "{% if a and a == b %}x{% endif %}",
        "{% if a == b or a %}x{% endif %}",
        "{% if a %}{{ a | upper }}{% endif %}",
        "{% if a %}x{% elif a == b %}y{% endif %}",
        "{% if a %}x{% else %}{{ a | upper }}{% endif %}",
    ],
)
def test_any_other_code_is_left_to_jinja2(source: str) -> None:
    """One piece that needs Jinja2 leaves it the whole template."""
    assert direct.read(LENIENT.parse(source)) is None


def test_a_direct_text_is_cut_like_any_other() -> None:
    """No template sends more than a network can carry."""
    made, _ = Templates.load({"ack/default": "{{ raw_text }}{{ raw_text }}"})
    assert len(made.acknowledgement("default", {"raw_text": "x" * TEXT_LIMIT})) == TEXT_LIMIT
