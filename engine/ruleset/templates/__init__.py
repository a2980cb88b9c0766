"""Summaries, acknowledgements and posts: text with variables in, text to send out.

The only package that knows Jinja2. `load` and the checks report every fault of a template before it is used; what is
rendered later never raises, because a client must not wait for an answer over a variable that one message lacks. Text
of the client's arrives quoted and leaves quoted (see `core.quotes`); nothing is escaped here, because only a connector
knows the layout of its network.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType

from jinja2 import Template

from engine.core import variables
from engine.core.quotes import plain, quote, spans
from engine.ruleset.places import within
from engine.ruleset.syntax import Fault, Place, Text
from engine.ruleset.templates import direct
from engine.ruleset.templates.direct import Direct
from engine.ruleset.templates.mentions import unguarded, uses
from engine.ruleset.templates.sandbox import LENIENT, SAMPLE, TEXT_LIMIT, examine, render
from engine.ruleset.templates.skeletons import skeleton

# The template of every engineers' post.
ESCALATION = "escalation/default"
# A summary is one line in a list of posts.
SUMMARY_LIMIT = 200

# What Jinja2 counts as the end of a line.
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_TITLE_AND_BODY = re.compile(r"\A\s*(?P<title>\S[^\n]*)\n[ \t]*\n\s*(?P<body>\S.*)\Z", re.DOTALL)

_FALLBACK_ACKNOWLEDGEMENT = (
    "Hello, I am sorry for what you are facing at the moment. Please note that we have received your request, and one "
    "of our engineers will get back to you shortly."
)
_FALLBACK_TITLE = "New WhatsApp Client Request"


@dataclass(frozen=True, slots=True)
class Summary:
    """A rule's summary, compiled."""

    # None: the pieces say it all.
    template: Template | None
    # Text and the names of variables by turns, beginning and ending with text. Most summaries are no more than that,
    # and so need neither Jinja2's compiler (0.5 ms each) nor its run time (8 µs each).
    pieces: tuple[str, ...]
    # It uses what the message itself says, which costs time to prepare and which few summaries want.
    asks_message: bool
    # Its words, which the template takes as variables: see `skeletons`.
    words: Mapping[str, str] = field(default_factory=dict, repr=False)
    # The template once more where it holds nothing that needs Jinja2's run time.
    direct: Direct | None = field(default=None, repr=False)

    def render(self, given: Mapping[str, object]) -> str:
        """One line with quotes' marks, at most `SUMMARY_LIMIT` long; empty when nothing is left of it. Never raises."""
        if self.direct is not None:
            return _one_line(direct.fill_in(self.direct, given)[:TEXT_LIMIT])
        if self.template is not None:
            return _one_line(render(self.template, {**given, **self.words}) or "")
        shown = list(self.pieces)
        for place in range(1, len(shown), 2):
            shown[place] = str(given.get(shown[place], ""))
        return _one_line("".join(shown))


@dataclass(frozen=True, slots=True)
class Templates:
    """The compiled templates of a directory; immutable."""

    # Every template that there is, e.g. "ack/default", broken ones included.
    names: frozenset[str]
    # By name; without the broken ones.
    compiled: Mapping[str, Template] = field(repr=False)
    sources: Mapping[str, str] = field(repr=False)
    # The directory as places name it.
    root: str = "templates"
    # For each acknowledgement by the name that rules use, the languages of its variants: ack/default.sw.j2.
    variants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # Those of `compiled` that hold nothing that needs Jinja2's run time.
    directs: Mapping[str, Direct] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, sources: Mapping[str, str], root: str = "templates") -> "tuple[Templates, tuple[Fault, ...]]":
        """Compile the templates ("ack/default" -> text of <root>/ack/default.j2) and report what is wrong with them."""
        compiled: dict[str, Template] = {}
        directs: dict[str, Direct] = {}
        faults: list[Fault] = []
        for name, source in sorted(sources.items()):
            found = examine(source)
            if found is None:
                tree = LENIENT.parse(source)
                compiled[name] = LENIENT.from_string(tree)
                if (simple := direct.read(tree)) is not None:
                    directs[name] = simple
            else:
                faults.append(Fault(_line(root, name, source, found.line), found.code, found.message, found.hint))
        if ESCALATION in compiled and not _TITLE_AND_BODY.match(render(compiled[ESCALATION], SAMPLE) or ""):
            place = _line(root, ESCALATION, sources[ESCALATION], 1)
            message = "the post needs a title in its first line, then an empty line, then the text"
            faults.append(Fault(place, "E405", message))
        held = MappingProxyType(dict(sources))
        made = cls(frozenset(sources), MappingProxyType(compiled), held, root, _variants(compiled), directs)
        return made, tuple(faults)

    def check_names(self, extra: Iterable[str]) -> tuple[Fault, ...]:
        """Variables that do not exist; `extra` holds the keyword categories and the patterns' groups."""
        known = variables.ALWAYS | variables.SOMETIMES | variables.DECIDED | frozenset(extra)
        faults = []
        for name in sorted(self.compiled):
            source = self.sources[name]
            for line, used in uses(LENIENT.parse(source)):
                if used not in known:
                    place = _named(_line(self.root, name, source, line), source, used)
                    faults.append(_unknown(place, used, known))
        return tuple(faults)

    def check_summary(self, summary: Text, extra: Iterable[str] | None = None) -> tuple[Fault, ...]:
        """What is wrong with a summary; unknown variables only when `extra` says which categories and groups exist."""
        shape = skeleton(summary.value).shape
        found = examine(shape)
        if found is not None:
            return (Fault(summary.at, found.code, found.message, found.hint),)
        if extra is None:
            return ()
        known = variables.ALWAYS | variables.SOMETIMES | frozenset(extra)
        return tuple(_unknown(_part(summary, used), used, known) for used in _used(shape) if used not in known)

    def unguarded(self, summary: Text) -> frozenset[str]:
        """The variables that a summary uses without asking whether they are there; none for a broken one."""
        return _unguarded(skeleton(summary.value).shape)

    def variables_of(
        self, summary: Text, extra: Iterable[str] | None = None
    ) -> tuple[frozenset[str], tuple[Fault, ...]]:
        """`unguarded` and `check_summary` at once."""
        return self.unguarded(summary), self.check_summary(summary, extra)

    def acknowledgement(self, template: str, given: Mapping[str, object]) -> str:
        """The text for the client by the name that rules use ("default"), or that of a language variant ("default.sw").
        Never raises: see `core.answers.Wording`.
        """
        return (self._rendered(f"ack/{template}", given) or _FALLBACK_ACKNOWLEDGEMENT).strip()

    def escalation(self, given: Mapping[str, object]) -> tuple[str, str]:
        """Title and body of the engineers' post. Never raises."""
        parts = _TITLE_AND_BODY.match(self._rendered(ESCALATION, given))
        if parts is None:
            return _FALLBACK_TITLE, "\n".join(str(given[name]) for name in _FALLBACK_BODY if name in given)
        return parts["title"].strip(), parts["body"].strip()

    def _rendered(self, name: str, given: Mapping[str, object]) -> str:
        """A template filled in; empty when there is none of that name or it fails."""
        if (simple := self.directs.get(name)) is not None:
            return direct.fill_in(simple, given)[:TEXT_LIMIT]
        found = self.compiled.get(name)
        return (render(found, given) if found else None) or ""


def _variants(names: Iterable[str]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name in names:
        base, dot, language = name.removeprefix("ack/").partition(".")
        if dot and name.startswith("ack/"):
            found[base] = found.get(base, frozenset()) | {language}
    return MappingProxyType(found)


# The variables that `variables.of_message` gives.
_OF_MESSAGE = variables.SOMETIMES | {"raw_text", "received_at"}

# What engineers need when no template can be rendered.
_FALLBACK_BODY = ("oncall", "client_name", "client_phone", "issue_summary", "raw_text")


# A variable by itself, with what Jinja2 takes for a constant or an operator left to Jinja2.
_VARIABLE = re.compile(
    r"\{\{ *(?!(?:true|false|none|and|or|not|in|is|if|else|elif|for|self) *\}\})([a-z_][a-z0-9_]*) *\}\}"
)


def compile_summary(source: str) -> Summary:
    """The summary of a rule, in which `Templates.check_summary` has found nothing wrong."""
    pieces = tuple(_VARIABLE.split(source))
    if not any("{" in piece for piece in pieces[::2]):
        return Summary(None, pieces, asks_message=not _OF_MESSAGE.isdisjoint(pieces[1::2]))
    found = skeleton(source)
    asks_message = not _OF_MESSAGE.isdisjoint(_used(found.shape))
    template, simple = _compiled(found.template)
    if simple is not None:
        return Summary(None, (), asks_message, direct=direct.worded(simple, found.words))
    return Summary(template, (), asks_message, found.words)


@lru_cache(maxsize=1024)
def _used(shape: str) -> tuple[str, ...]:
    """The variables that a summary uses, in their order."""
    return tuple(dict.fromkeys(used for _, used in uses(LENIENT.parse(shape))))


@lru_cache(maxsize=1024)
def _unguarded(shape: str) -> frozenset[str]:
    """The variables that a summary uses without asking; none for a broken one."""
    return frozenset() if examine(shape) is not None else frozenset(unguarded(LENIENT.parse(shape)))


@lru_cache(maxsize=1024)
def _compiled(template: str) -> tuple[Template | None, Direct | None]:
    """What fills a template in; Jinja2's compiler, which takes 0.5 ms, only has to see what nothing else can do."""
    tree = LENIENT.parse(template)
    simple = direct.read(tree)
    return (LENIENT.from_string(tree) if simple is None else None), simple


def _one_line(rendered: str) -> str:
    """White space as single spaces, every quote closed, at most as long as a summary may be."""
    line = " ".join(rendered.split())
    if len(line) <= SUMMARY_LIMIT and plain(line) == line:
        return line
    left = SUMMARY_LIMIT
    pieces: list[str] = []
    for span in spans(line):
        shown = span.text if len(span.text) <= left else f"{span.text[: left - 1]}…"
        pieces.append(quote(shown) if span.quoted else shown)
        left -= len(shown)
        if left <= 0:
            break
    return "".join(pieces)


def _unknown(place: Place, name: str, known: Iterable[str]) -> Fault:
    close = get_close_matches(name, sorted(known), 1)
    hint = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(sorted(known))}"
    return Fault(place, "E402", f'no variable is named "{name}"', hint)


def _part(text: Text, name: str) -> Place:
    return within(text, *_span_of(name, text.value))


def _line(root: str, name: str, source: str, line: int) -> Place:
    """A line of a template, without the blanks before it."""
    shown = _LINE_ENDS.split(source)[line - 1]
    return Place(f"{root}/{name}.j2", line, 1 + len(shown) - len(shown.lstrip()), max(1, len(shown.strip())))


def _named(place: Place, source: str, name: str) -> Place:
    """The name itself within a line of a template."""
    start, end = _span_of(name, _LINE_ENDS.split(source)[place.line - 1])
    return Place(place.path, place.line, start + 1, end - start)


def _span_of(name: str, source: str) -> tuple[int, int]:
    """Where a name that the parser has found first stands."""
    return next(re.finditer(rf"\b{re.escape(name)}\b", source)).span()
