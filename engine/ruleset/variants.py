"""What is wrong with the language variants of templates, such as `ack/default.sw.j2` beside `ack/default.j2`.

Called by `checker` with the merged Document. Only acknowledgements have variants: whatever engineers read stays in one
language, so that all of them can read it.
"""

from collections.abc import Iterable, Iterator

from engine.ruleset.languages import CODES, DEFAULT
from engine.ruleset.shapes import suggest
from engine.ruleset.syntax import Document, Fault, Place
from engine.ruleset.templates import Templates

_ACK = "ack/"


def check(document: Document, templates: Templates) -> Iterator[Fault]:
    """The findings about variants, and about clients whose language no template speaks."""
    for name in sorted(templates.names):
        base, dot, code = name.partition(".")
        if dot:
            yield from _variant(base, code, Place(f"{templates.root}/{name}.j2", 0, 0), templates.names)
    offered = frozenset[str]().union(*templates.variants.values()) | {DEFAULT}
    for client in document.clients:
        if client.language and client.language.value not in offered:
            message = (
                f'no acknowledgement is written in "{client.language.value}", so this client is answered in English'
            )
            hint = f"add e.g. ack/default.{client.language.value}.j2, or leave the language out"
            yield Fault(client.language.at, "W530", message, hint)


def _variant(base: str, code: str, at: Place, names: Iterable[str]) -> Iterator[Fault]:
    if not base.startswith(_ACK):
        message = "only acknowledgements have language variants; engineers read every post in one language"
        yield Fault(at, "E252", message, "delete this file")
    elif code not in CODES:
        meant = code[:2] if code[:2] in CODES else None
        hint = f'did you mean "{meant}"?' if meant else 'write two letters, e.g. "sw" for Swahili'
        yield Fault(at, "E250", f'"{code}" is no language code', hint)
    elif code == DEFAULT:
        yield Fault(at, "E253", f"the English text stands in {base}.j2 already", "keep one of the two files")
    elif base not in names:
        bases = [name.removeprefix(_ACK) for name in names if name.startswith(_ACK) and "." not in name]
        hint = suggest(base.removeprefix(_ACK), bases) or f"write {base}.j2 as well, in English"
        yield Fault(at, "E251", f"there is no {base}.j2 that this could be a variant of", hint)
