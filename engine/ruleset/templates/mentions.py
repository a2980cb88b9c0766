"""Which variables a template reads, and which of them it reads without asking first whether they are there."""

from collections.abc import Iterator

from jinja2 import nodes


def uses(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """(line, name) of each variable that a template reads and does not set itself."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    for name in tree.find_all(nodes.Name):
        if name.name not in own:
            yield name.lineno, name.name


def unguarded(tree: nodes.Template) -> Iterator[str]:
    """The names that a message may lack without the template having asked; a name may come several times."""
    own = frozenset(name.name for name in tree.find_all(nodes.Name) if name.ctx != "load")
    return _read(tree, own)


def _read(node: nodes.Node, sure: frozenset[str]) -> Iterator[str]:
    """The names that are read below a node while it is not sure that they are there."""
    match node:
        case nodes.Name(name=name):
            if name not in sure:
                yield name
        case nodes.If() | nodes.CondExpr():
            yield from _read_condition(node, sure)
        case nodes.And(left=left, right=right):
            yield from _read(left, sure)
            yield from _read(right, sure | _given_if(left, holds=True))
        case nodes.Or(left=left, right=right):
            yield from _read_test(left, sure)
            yield from _read(right, sure | _given_if(left, holds=False))
        case nodes.Test(node=nodes.Name(), name="defined" | "undefined"):
            return
        case nodes.Filter(node=nodes.Name(), name="default" | "d"):
            for argument in node.args:
                yield from _read(argument, sure)
        case _:
            for child in node.iter_child_nodes():
                yield from _read(child, sure)


def _read_condition(node: nodes.If | nodes.CondExpr, sure: frozenset[str]) -> Iterator[str]:
    yield from _read_test(node.test, sure)
    then = sure | _given_if(node.test, holds=True)
    otherwise = sure | _given_if(node.test, holds=False)
    if isinstance(node, nodes.CondExpr):
        yield from _read(node.expr1, then)
        if node.expr2 is not None:
            yield from _read(node.expr2, otherwise)
        return
    for child in node.body:
        yield from _read(child, then)
    for branch in node.elif_:
        yield from _read(branch, otherwise)
        otherwise |= _given_if(branch.test, holds=False)
    for child in node.else_:
        yield from _read(child, otherwise)


def _read_test(test: nodes.Node, sure: frozenset[str]) -> Iterator[str]:
    """As `_read`, but whether a name is there may itself be the question: {% if product %}."""
    match test:
        case nodes.Name():
            return
        case nodes.Not(node=inner):
            yield from _read_test(inner, sure)
        case nodes.And(left=left, right=right):
            yield from _read_test(left, sure)
            yield from _read_test(right, sure | _given_if(left, holds=True))
        case nodes.Or(left=left, right=right):
            yield from _read_test(left, sure)
            yield from _read_test(right, sure | _given_if(left, holds=False))
        case _:
            yield from _read(test, sure)


def _given_if(test: nodes.Node, *, holds: bool) -> frozenset[str]:
    """The names that are certainly there when a test holds, or when it does not."""
    match test:
        case nodes.Test(node=nodes.Name(name=name), name="defined" | "undefined" as question):
            return frozenset({name}) if (question == "defined") == holds else frozenset()
        case nodes.Name(name=name):
            return frozenset({name}) if holds else frozenset()
        case nodes.Not(node=inner):
            return _given_if(inner, holds=not holds)
        case nodes.And(left=left, right=right) if holds:
            return _given_if(left, holds=True) | _given_if(right, holds=True)
        case nodes.Or(left=left, right=right) if not holds:
            return _given_if(left, holds=False) | _given_if(right, holds=False)
        case _:
            return frozenset()
