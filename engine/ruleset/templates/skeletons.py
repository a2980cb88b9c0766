"""Summaries that differ only in their words share one template: a summary into its skeleton and its words.

Ten thousand rules have some dozens of skeletons, such as `{{ product }}…{{ symptom }}`, and reading one takes Jinja2 a
millisecond. What is said about a skeleton holds for every summary that has it, because the words between the braces
mean nothing to Jinja2. Called by `engine.ruleset.templates` only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

# A piece of code that cannot hold the end of itself, nor trim the words beside it.
_CODE = re.compile(r"(\{\{(?![-+])[^{}\"']*(?<![-+])\}\}|\{%(?![-+])[^{}\"']*(?<![-+])%\})")
# What makes code of words, and what makes words of code.
_ODD = re.compile(r"[{}#%\n\r]")
_RAW = re.compile(r"\b(?:end)?raw\b")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The code of a summary with its words taken out."""

    # One letter in the place of each piece of words: for whoever looks at the code.
    shape: str
    # A variable in the place of each: for rendering.
    template: str
    # The value of each of those variables.
    words: Mapping[str, str]


# A load asks for each summary when it checks, when it advises and when it compiles.
@lru_cache(maxsize=1 << 14)
def skeleton(source: str) -> Skeleton:
    """The skeleton of a summary; one without anything taken out where its words cannot be told from its code."""
    pieces = _CODE.split(source)
    # Words and code take turns.
    words, code = pieces[::2], pieces[1::2]
    if _RAW.search(source) or any(map(_ODD.search, words)):
        return Skeleton(source, source, MappingProxyType({}))
    names = {f"_words_{number}": written for number, written in enumerate(words) if written}
    shape = "".join(f"{'w' if written else ''}{each}" for written, each in zip(words, [*code, ""], strict=True))
    template = "".join(
        f"{{{{ _words_{number} }}}}{each}" if written else each
        for number, (written, each) in enumerate(zip(words, [*code, ""], strict=True))
    )
    return Skeleton(shape, template, MappingProxyType(names))
