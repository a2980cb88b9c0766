"""Templates that are no more than text, variables and questions whether a variable is there, filled in directly.

Nearly every template is: an acknowledgement is one sentence with a name, a post a few lines of which some may be
missing. Jinja2 takes 8 to 15 µs to set up and run one of these, this a tenth of it. Jinja2's own parser reads the
template, so that blanks and lines are what they always were; any other code is left to Jinja2. Called by
`engine.ruleset.templates` only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import nodes

Given = Mapping[str, object]
Question = Callable[[Given], bool]

# Names that Jinja2 gives a meaning of its own.
_RESERVED = frozenset({"self", "super", "caller", "loop", "varargs", "kwargs"})


@dataclass(frozen=True, slots=True)
class Variable:
    """The value of a variable; nothing when it is missing."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The part of the first question that is answered with yes, or the last part."""

    cases: "tuple[tuple[Question, Direct], ...]"
    otherwise: "Direct"


# What is written one after the other.
Direct = tuple[str | Variable | Choice, ...]


def read(template: nodes.Template) -> Direct | None:
    """The parts of a parsed template; None when it holds anything else."""
    return _parts(template.body)


def fill_in(direct: Direct, given: Given) -> str:
    """What Jinja2 makes of the template, of any length. Never raises."""
    written: list[str] = []
    _write(direct, given, written)
    return "".join(written)


def worded(direct: Direct, words: Mapping[str, str]) -> Direct:
    """The same with some variables whose values are always these; see `skeletons`."""
    return tuple(
        [
            words.get(part.name, part)
            if isinstance(part, Variable)
            else part
            if isinstance(part, str)
            else Choice(
                tuple([(holds, worded(inner, words)) for holds, inner in part.cases]), worded(part.otherwise, words)
            )
            for part in direct
        ]
    )


def _write(direct: Direct, given: Given, written: list[str]) -> None:
    for part in direct:
        if isinstance(part, str):
            written.append(part)
        elif isinstance(part, Variable):
            if part.name in given:
                written.append(str(given[part.name]))
        else:
            chosen = part.otherwise
            for holds, inner in part.cases:
                if holds(given):
                    chosen = inner
                    break
            _write(chosen, given, written)


def _parts(body: Sequence[nodes.Node]) -> Direct | None:
    found: list[str | Variable | Choice] = []
    for node in body:
        if isinstance(node, nodes.Output):
            for shown in node.nodes:
                if isinstance(shown, nodes.TemplateData):
                    found.append(shown.data)
                elif isinstance(shown, nodes.Name) and shown.name not in _RESERVED:
                    found.append(Variable(shown.name))
                else:
                    return None
        elif isinstance(node, nodes.If) and (choice := _choice(node)) is not None:
            found.append(choice)
        else:
            return None
    return tuple(found)


def _choice(node: nodes.If) -> Choice | None:
    cases: list[tuple[Question, Direct]] = []
    for case in (node, *node.elif_):
        question, inner = _question(case.test), _parts(case.body)
        if question is None or inner is None:
            return None
        cases.append((question, inner))
    otherwise = _parts(node.else_)
    return None if otherwise is None else Choice(tuple(cases), otherwise)


def _is_plain(name: str, test: nodes.Test) -> bool:
    # `is defined(1)` is an error that Jinja2 finds when it gets there.
    return name not in _RESERVED and not (test.args or test.kwargs or test.dyn_args or test.dyn_kwargs)


def _question(test: nodes.Node) -> Question | None:
    match test:
        case nodes.Test(node=nodes.Name(name=name), name="defined") if _is_plain(name, test):
            return lambda given: name in given
        case nodes.Test(node=nodes.Name(name=name), name="undefined") if _is_plain(name, test):
            return lambda given: name not in given
        case nodes.Name(name=name) if name not in _RESERVED:
            return lambda given: bool(given.get(name))
        case nodes.Not(node=asked) if inner := _question(asked):
            return lambda given: not inner(given)
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            one, other = _question(left), _question(right)
            if one and other:
                return _both(one, other) if isinstance(test, nodes.And) else _either(one, other)
    return None


def _both(one: Question, other: Question) -> Question:
    return lambda given: one(given) and other(given)


def _either(one: Question, other: Question) -> Question:
    return lambda given: one(given) or other(given)
