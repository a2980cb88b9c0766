"""A summary and its skeleton say the same about everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ruleset.templates import compile_summary
from engine.ruleset.templates.sandbox import LENIENT, examine, render
from engine.ruleset.templates.skeletons import skeleton

CODE = ("{{ product }}", "{{ x | upper }}", "{% if product is defined %}", "{% else %}", "{% endif %}", "{{ x | }}")
WORDS = (" calls ", "failing", "", "é", "a.b", "'", '"', "}", "{", "#}", "{#", "%}", "{{", "{% raw %}", "{% endraw %}")
MORE = ('{{ "}}" }}', "{{- product -}}", "{%- if product %}", "{{ product.x }}", "{% for x in tags %}", "{% endfor %}")
SUMMARIES = st.lists(st.sampled_from((*CODE, *WORDS, *MORE)), max_size=8).map("".join)
GIVEN = {"product": "3CX", "x": "y", "tags": ("a", "b")}


def test_words_make_no_difference_to_a_skeleton() -> None:
    """Rules with the same variables share one."""
    first, second = (skeleton(f"{{{{ product }}}} {words} {{{{ symptom }}}}") for words in ("calls", "lines are"))
    assert first.shape == second.shape == "{{ product }}w{{ symptom }}"
    assert first.template == second.template == "{{ product }}{{ _words_1 }}{{ symptom }}"
    assert (first.words, second.words) == ({"_words_1": " calls "}, {"_words_1": " lines are "})


@pytest.mark.parametrize(
    "source", ["a {# b #}", "{{- x }} a", "{% raw %}{{ x }}{% endraw %}", "100 % {{ x }}", '{{ "}}" }} a', "a {{ x"]
)
def test_what_is_not_sure_is_left_whole(source: str) -> None:
    """Where words could be code, or code could change the words beside it."""
    found = skeleton(source)
    assert (found.shape, found.template, dict(found.words)) == (source, source, {})


@given(SUMMARIES)
def test_what_is_found_in_a_skeleton_is_found_in_the_summary(source: str) -> None:
    """The same finding with the same words, or none."""
    assert examine(skeleton(source).shape) == examine(source)


@given(SUMMARIES)
def test_a_summary_reads_as_if_it_had_no_skeleton(source: str) -> None:
    """What is rendered is what Jinja2 makes of the whole."""
    if examine(source) is None:
        whole = " ".join((render(LENIENT.from_string(source), GIVEN) or "").split())
        assert compile_summary(source).render(GIVEN) == whole
