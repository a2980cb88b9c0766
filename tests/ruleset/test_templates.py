from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Template
from standins.documents import text

from engine.core.quotes import plain, quote, spans
from engine.ruleset.syntax import Place
from engine.ruleset.templates import SUMMARY_LIMIT, Templates, compile_summary
from engine.ruleset.templates.sandbox import LENIENT, TEXT_LIMIT

ESCALATION = """\
New request

{% if client_name is defined %}
Client: {{ client_name }}
{% endif %}
Issue: {{ issue_summary }}
"""


def load(**sources: str) -> Templates:
    """Templates without faults; `ack_default` becomes "ack/default"."""
    made, faults = Templates.load({name.replace("_", "/", 1): source for name, source in sources.items()}, "templates")
    assert faults == ()
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"client_name": quote("Jackson")}, "Hello Jackson, we are sorry.", id="with a name"),
        pytest.param({}, "Hello, we are sorry.", id="without a name"),
    ],
)
def test_an_acknowledgement_is_what_its_template_says(given: dict[str, object], expected: str) -> None:
    """The client reads the template with the variables filled in and nothing around it."""
    made = load(ack_default="\n Hello{% if client_name is defined %} {{ client_name }}{% endif %}, we are sorry.\n\n")
    assert plain(made.acknowledgement("default", given)) == expected


def test_the_post_is_a_title_and_a_text() -> None:
    """The first line is the title, what follows the empty line is the text; blocks leave no empty lines behind."""
    made = load(escalation_default=ESCALATION)
    title, body = made.escalation({"client_name": quote("Jackson"), "issue_summary": "3CX failing"})
    assert (title, plain(body)) == ("New request", "Client: Jackson\nIssue: 3CX failing")
    assert made.escalation({"issue_summary": "x"}) == ("New request", "Issue: x")


def test_the_border_between_authors_survives() -> None:
    """What the client wrote comes out marked as the client's, whatever stands around it."""
    made = load(escalation_default="Title of {{ client_name }}\n\n{{ raw_text }} {{ raw_text | upper }}")
    title, body = made.escalation({"client_name": quote("Al"), "raw_text": quote("a\n\n@all")})
    assert [(span.text, span.quoted) for span in spans(title)] == [("Title of ", False), ("Al", True)]
    assert [(span.text, span.quoted) for span in spans(body)] == [
        ("a\n\n@all", True),
        (" ", False),
        ("A\n\n@ALL", True),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "{{ absent }}",
        "{{ absent.part.of_it }}",
        "{% for each in absent %}x{% endfor %}",
        "{{ tags[7] }}",
        "{{ issue_summary + 1 }}",
        "{{ 1 / (tags | length) }}",
        "{{ issue_summary() }}",
        "{{ raw_text.__class__ }}",
        "{{ tags | join(', ') | int // 0 }}",
    ],
)
def test_rendering_never_fails(source: str) -> None:
    """Whatever a message lacks, the client is answered and the engineers get a post with what there is."""
    made = Templates(
        frozenset({"ack/default", "escalation/default"}),
        {name: _compiled(source) for name in ("ack/default", "escalation/default")},
        {},
    )
    given = {"tags": (), "issue_summary": "no dial tone", "raw_text": quote("help"), "oncall": "@oncall"}
    assert made.acknowledgement("default", given).startswith(("Hello, I am sorry", "x"))
    title, body = made.escalation(given)
    assert (title, plain(body)) == ("New WhatsApp Client Request", "@oncall\nno dial tone\nhelp")


def _compiled(source: str) -> Template:
    return LENIENT.from_string(source)


def test_a_missing_template_still_answers() -> None:
    """Without any template the built-in texts are sent."""
    made = load()
    assert made.acknowledgement("none-such", {}) == (
        "Hello, I am sorry for what you are facing at the moment. Please note that we have received your request, and "
        "one of our engineers will get back to you shortly."
    )
    assert made.escalation({"issue_summary": "s"}) == ("New WhatsApp Client Request", "s")


def test_a_template_that_runs_away_is_cut() -> None:
    """No template sends more than a network can carry."""
    made = load(ack_default="{% for tag in tags %}{{ raw_text }}{% endfor %}")
    assert len(made.acknowledgement("default", {"tags": range(100_000), "raw_text": "x" * 100})) == TEXT_LIMIT


@pytest.mark.parametrize(
    ("source", "given", "expected"),
    [
        pytest.param("SIP  trunk\n down ", {}, "SIP trunk down", id="constant"),
        pytest.param("{{ product }} {{ direction }} failing", {"product": "3CX"}, "3CX failing", id="missing variable"),
        pytest.param("{{ product }}", {}, "", id="nothing left"),
        pytest.param("{{ 1 / 0 }}", {}, "", id="failing expression"),
        pytest.param(
            "{{ product | capitalize }} calls", {"product": "one-way audio"}, "One-way audio calls", id="filter"
        ),
        pytest.param(
            "{{ raw_text | truncate(7) }} end", {"raw_text": quote("a b c d e f g")}, "a... end", id="torn mark"
        ),
        pytest.param("{{ raw_text }}", {"raw_text": quote("a\nb")}, "a b", id="one line"),
        pytest.param("{{ raw_text }} end", {"raw_text": quote("x" * 201)}, "x" * 199 + "…", id="too long"),
        pytest.param("x" * 300, {}, "x" * 199 + "…", id="too long itself"),
        pytest.param(
            "{{ received_at.strftime('%H:%M') }}",
            {"received_at": datetime(2026, 1, 1, 9, tzinfo=UTC)},
            "09:00",
            id="time",
        ),
    ],
)
def test_a_summary_is_one_line(source: str, given: dict[str, object], expected: str) -> None:
    """A summary never breaks the line, never fails, and leaves out what the message does not have."""
    assert plain(compile_summary(source).render(given)) == expected


@given(
    st.text(max_size=300),
    st.sampled_from(["{{ raw_text }}", "{{ raw_text }} and {{ raw_text }}", "{{ raw_text | truncate(9, True) }}!"]),
)
def test_a_summary_is_bounded_and_its_quotes_are_closed(written: str, source: str) -> None:
    """Text of ours that follows a summary is never taken for the client's, nor the other way round."""
    rendered = compile_summary(source).render({"raw_text": quote(written)})
    assert len(plain(rendered)) <= SUMMARY_LIMIT
    assert "\n" not in rendered
    assert spans(f"{rendered}ours")[-1].quoted is False


@pytest.mark.parametrize(
    ("source", "asks"),
    [("SIP trunk down", False), ("{{ product }}", False), ("{{ raw_text }}", True), ("{{ client_name }}", True)],
)
def test_a_summary_knows_whether_it_needs_the_message(source: str, asks: bool) -> None:  # noqa: FBT001 - a column of the table
    """The message's own variables are prepared only for the few summaries that use them."""
    assert compile_summary(source).asks_message is asks


@pytest.mark.parametrize(
    ("source", "code", "message", "hint"),
    [
        pytest.param(
            "{{ product",
            "E401",
            "the template cannot be read: unexpected end of template, expected 'end of print statement'",
            "variables stand in {{ }}, conditions in {% if … %} and {% endif %}",
            id="open print",
        ),
        pytest.param("{{ product | uper }}", "E401", 'no filter is named "uper"', 'did you mean "upper"?', id="filter"),
        pytest.param(
            "{{ product | xyzzy }}",
            "E401",
            'no filter is named "xyzzy"',
            "there are: capitalize, count, d, default, first, int, join, last, length, list, lower, replace, reverse, "
            "round, sort, title, trim, truncate, unique, upper",
            id="unlike any filter",
        ),
        pytest.param(
            "{% if product is definde %}x{% endif %}",
            "E401",
            'no test is named "definde"',
            'did you mean "defined"?',
            id="test",
        ),
        pytest.param(
            "{% include 'ack/default.j2' %}",
            "E403",
            "a template stands alone: include, import, extends, block and macro are not used",
            "write the text out",
            id="include",
        ),
        pytest.param(
            "{{ product.upper() }}",
            "E404",
            "the template cannot be filled in: a value has no methods here; use a filter, e.g. {{ raw_text | upper }}",
            "",
            id="method",
        ),
        pytest.param(
            "{{ product.name }}",
            "E404",
            "the template cannot be filled in: it asks for a part that a value does not have",
            "",
            id="part",
        ),
        pytest.param(
            "{{ 'x' * 1000000000 }}",
            "E404",
            "the template cannot be filled in: the operator * is not used in templates",
            "",
            id="memory bomb",
        ),
        pytest.param("{{ 1 / 0 }}", "E404", "the template cannot be filled in: it divides by zero", "", id="zero"),
        pytest.param(
            "{{ product + 1 }}",
            "E404",
            "the template cannot be filled in: "
            "an expression in it does not fit the values, e.g. text where a number is needed",
            "",
            id="types",
        ),
        pytest.param("{{ prodct }}", "E402", 'no variable is named "prodct"', 'did you mean "product"?', id="variable"),
        pytest.param(
            "{{ ticket_id }}",
            "E402",
            'no variable is named "ticket_id"',
            "there are: attachments, client_name, client_phone, keywords, matched, priority, product, raw_text, "
            "received_at, tags",
            id="known only later",
        ),
    ],
)
def test_a_wrong_summary_is_explained(source: str, code: str, message: str, hint: str) -> None:
    """Every fault of a summary is found when the rules are loaded, in a lead's words."""
    (fault,) = load().check_summary(text(source), {"product"})
    assert (fault.code, fault.message, fault.hint) == (code, message, hint)


def test_an_unknown_variable_is_pointed_at() -> None:
    """The caret stands under the name, once for each name."""
    found = load().check_summary(text("{{ product }} {{ prodct }} {{ prodct }}", 3, 14), {"product"})
    assert [fault.at for fault in found] == [Place("rules/10.yaml", 3, 32, 6)]


def test_names_are_left_alone_while_they_are_not_known() -> None:
    """When a file cannot be read its categories are unknown, so nothing is said about names."""
    assert load().check_summary(text("{{ prodct }}")) == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("{{ a }} {{ b }}", {"a", "b"}, id="plain"),
        pytest.param("{% if a is defined %}{{ a }}{% endif %}{{ b }}", {"b"}, id="guarded"),
        pytest.param("{% if a %}{{ a }}{% else %}{{ a }}{% endif %}", {"a"}, id="guarded in one branch"),
        pytest.param("{% if a is not defined %}x{% else %}{{ a }}{% endif %}", set(), id="guarded by else"),
        pytest.param(
            "{% if a is undefined %}x{% elif b %}{{ a }}{{ b }}{% else %}{{ a }}{% endif %}", set(), id="elif"
        ),
        pytest.param("{% if not a %}{{ b }}{% endif %}", {"b"}, id="not"),
        pytest.param("{% if a and b %}{{ a }}{{ b }}{{ c }}{% endif %}", {"c"}, id="and"),
        pytest.param("{% if a or b %}{{ a }}{% endif %}", {"a"}, id="or"),
        pytest.param("{% if not a or not b %}x{% else %}{{ a }}{{ b }}{% endif %}", set(), id="not or"),
        pytest.param("{% if a is defined and a == b %}x{% endif %}", {"b"}, id="compared"),
        pytest.param("{{ a if a is defined else 'x' }}{{ b if c }}", {"b"}, id="inline"),
        pytest.param("{{ a if a is not defined else a }}", {"a"}, id="inline the wrong way round"),
        pytest.param("{{ a | default('x') }}{{ b | d(c) }}{{ e | upper }}", {"c", "e"}, id="default"),
        pytest.param("{{ a or b or 'x' }}{{ a and b }}", {"b", "a"}, id="or with a value"),
        pytest.param("{{ a is defined and a }}", set(), id="and with a value"),
        pytest.param("{% for tag in tags %}{{ tag }}{% endfor %}{% set x = 1 %}{{ x }}", {"tags"}, id="own names"),
        pytest.param("{{ broken", set(), id="broken"),
    ],
)
def test_variables_that_a_message_may_lack_are_known(source: str, expected: set[str]) -> None:
    """A variable counts as unguarded where the summary does not ask whether it is there."""
    assert load().unguarded(text(source)) == expected


def test_both_answers_come_at_once() -> None:
    """The loader asks for the unguarded variables and for the faults in one call."""
    unguarded, faults = load().variables_of(text("{{ product }} {{ prodct }}"), {"product"})
    assert unguarded == {"product", "prodct"}
    assert [fault.code for fault in faults] == ["E402"]


def test_faults_of_templates_stand_at_their_line() -> None:
    """A fault points at the file and the line of the template, and a broken template is still a known name."""
    made, faults = Templates.load(
        {
            "ack/default": "Hello\n  {{ client_name.upper() }}\n",
            "ack/other": "a\nb\n{% if x %}",
            "ack/empty": "{% endif %}",
        },
        "here/templates",
    )
    assert [(fault.at, fault.code) for fault in faults] == [
        (Place("here/templates/ack/default.j2", 2, 3, 25), "E404"),
        (Place("here/templates/ack/empty.j2", 1, 1, 11), "E401"),
        (Place("here/templates/ack/other.j2", 3, 1, 10), "E401"),
    ]
    assert made.names == {"ack/default", "ack/other", "ack/empty"}
    assert set(made.compiled) == set()


@pytest.mark.parametrize(
    "source", ["only a title", "title\nno empty line", "", "\n\n", "title\n\n{{ client_name | d }}\n"]
)
def test_a_post_needs_a_title_and_a_text(source: str) -> None:
    """A post template that cannot be cut in two is a fault, unless every message gives it both."""
    _, faults = Templates.load({"escalation/default": source}, "templates")
    expected = (
        []
        if "client_name" in source
        else [("E405", "the post needs a title in its first line, then an empty line, then the text")]
    )
    assert [(fault.code, fault.message) for fault in faults] == expected


def test_unknown_variables_of_templates_are_pointed_at() -> None:
    """Templates know what is decided, the categories and the groups; anything else is a fault at its name."""
    made = load(ack_default="Hello {{ client_nam }}\n{{ product }} {{ ticket_id }} {{ code }}", ack_fine="{{ oncall }}")
    (fault,) = made.check_names({"product", "code"})
    assert (fault.at, fault.message, fault.hint) == (
        Place("templates/ack/default.j2", 1, 10, 10),
        'no variable is named "client_nam"',
        'did you mean "client_name"?',
    )


def test_a_name_over_two_lines_is_pointed_at_with_its_line() -> None:
    """Where the parser counts another line than the one the name stands in, the line itself is shown."""
    (fault,) = load(ack_default="{{ 'a' ~\n  b }}").check_names(())
    assert (fault.at.line, fault.message) == (2, 'no variable is named "b"')


@given(
    st.lists(
        st.sampled_from(["{{ product }}", "{{product}}", "{{ raw_text }}", "{{ tags }}", "{{ none }}", "{{ absent }}"])
        | st.sampled_from([" ", "  ", "calls }} ", "#", "%", "}", "é", "{% if product is defined %}x{% endif %}"]),
        max_size=6,
    ).map("".join)
)
def test_a_summary_without_code_is_what_jinja2_makes_of_it(source: str) -> None:
    """Text and variables are put together without Jinja2's help, with the same result."""
    given = {"product": "3CX", "raw_text": quote("help"), "tags": ("a", "b")}
    expected = " ".join(LENIENT.from_string(source).render(given).split())
    assert compile_summary(source).render(given) == expected
