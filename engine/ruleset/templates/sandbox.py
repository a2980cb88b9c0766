"""What a template may use, how it is tried before it is accepted, and how it is filled in afterwards.

Called by `engine.ruleset.templates` only. A lead's template is reviewed but not trusted: it can neither reach anything
beyond its variables nor write more than was given to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType

from jinja2 import ChainableUndefined, StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.core.quotes import quote
from engine.ruleset.templates.mentions import uses

# Mattermost cuts at 16,383 characters and WhatsApp at 4,096; a template that wants more has run away.
TEXT_LIMIT = 16_000

# What text needs and no more: a filter such as `center(10 ** 9)` would fill the memory.
_FILTERS = (
    "capitalize", "count", "d", "default", "first", "int", "join", "last", "length", "list", "lower", "replace",
    "reverse", "round", "sort", "title", "trim", "truncate", "unique", "upper",
)  # fmt: skip
# What may stand behind `is`.
_TESTS = ("defined", "undefined", "even", "odd", "in", "none", "number", "string")
_FORBIDDEN_NODES = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
    nodes.Macro,
    nodes.CallBlock,
)
# All that evaluating an expression over text, numbers and times can raise.
_RENDER_FAULTS = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Expressions over text, numbers and times that cannot write more than they were given."""

    # "x" * 10 ** 9 and "%999999999d" % 1 would fill the memory.
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, _context: object, operator: str, _left: object, _right: object) -> object:
        raise SecurityError(f"the operator {operator} is not used in templates")

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        # Of all values only the time has parts that a text needs, e.g. received_at.strftime("%H:%M").
        return isinstance(obj, datetime) and super().is_safe_attribute(obj, attr, value)


def _environment(undefined: type[StrictUndefined | ChainableUndefined]) -> _Sandbox:
    environment = _Sandbox(
        undefined=undefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Plain text and Mattermost's Markdown, never HTML; the connectors fence what is quoted.
        autoescape=False,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


# Rendering for clients forgives a missing variable; the trial at load time does not.
LENIENT = _environment(ChainableUndefined)
STRICT = _environment(StrictUndefined)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a template, before it is known where the template stands."""

    # 1-based, in the template.
    line: int
    code: str
    message: str
    hint: str = ""


# What a message that has everything gives; the trial also runs without all that a message may lack.
SAMPLE: Mapping[str, object] = MappingProxyType(
    {
        "raw_text": quote("text"),
        "received_at": datetime(2026, 1, 1, tzinfo=UTC),
        "priority": "normal",
        "tags": ("tag",),
        "keywords": ("keyword",),
        "matched": ("rule",),
        "client_name": quote("name"),
        "client_phone": quote("+100"),
        "issue_summary": "summary",
        "ticket_id": "OC-0000-0000",
        "oncall": "@oncall",
    }
)


def render(template: Template, given: Mapping[str, object]) -> str | None:
    """The text, cut at the limit; None when an expression failed."""
    pieces: list[str] = []
    size = 0
    try:
        # What `Template.generate` does, without blocks and globals, which our templates do not have: a third faster.
        for piece in template.root_render_func(Context(template.environment, dict(given), template.name, {})):
            pieces.append(piece)
            size += len(piece)
            if size > TEXT_LIMIT:
                break
    except _RENDER_FAULTS:
        return None
    return "".join(pieces)[:TEXT_LIMIT]


# A load asks for each summary when it checks and again when it compiles.
@lru_cache(maxsize=8192)
def examine(source: str) -> Finding | None:
    """What keeps a template from being used."""
    try:
        tree = STRICT.parse(source)
    except TemplateSyntaxError as error:
        hint = "variables stand in {{ }}, conditions in {% if … %} and {% endif %}"
        message = f"the template cannot be read: {(error.message or '').rstrip('.')}"
        return Finding(error.lineno, "E401", message, hint)
    forbidden = next(tree.find_all(_FORBIDDEN_NODES), None)
    if forbidden is not None:
        message = "a template stands alone: include, import, extends, block and macro are not used"
        return Finding(forbidden.lineno, "E403", message, "write the text out")
    if (unknown := _unknown_part(tree)) is not None:
        return unknown
    # With every variable that the template uses, whatever category or group it may be.
    given = {used: "text" for _, used in uses(tree)} | dict(SAMPLE)
    try:
        STRICT.from_string(source).render(given)
    except _RENDER_FAULTS as error:
        return Finding(_line_of(error), "E404", f"the template cannot be filled in: {_failure(error)}")
    return None


def _unknown_part(tree: nodes.Template) -> Finding | None:
    """A filter or test that does not exist; Jinja2 itself notices some of them only when they are reached."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        what, known = ("filter", _FILTERS) if isinstance(node, nodes.Filter) else ("test", _TESTS)
        if node.name not in known:
            close = get_close_matches(node.name, known, 1)
            hint = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(known)}"
            return Finding(node.lineno, "E401", f'no {what} is named "{node.name}"', hint)
    return None


def _failure(error: Exception) -> str:
    match error:
        case SecurityError() if "operator" in str(error):
            return str(error)
        case SecurityError():
            return "a value has no methods here; use a filter, e.g. {{ raw_text | upper }}"
        case UndefinedError():
            return "it asks for a part that a value does not have"
        case ZeroDivisionError():
            return "it divides by zero"
        case _:
            return "an expression in it does not fit the values, e.g. text where a number is needed"


def _line_of(error: BaseException) -> int:
    """The line of the template in which a trial failed: Jinja2 names compiled templates "<template>"."""
    line = 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
