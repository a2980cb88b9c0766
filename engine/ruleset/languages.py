"""A client's message in, the language to answer it in out.

The only module that knows `py3langid`, the library that tells languages apart. Asked by `matcher` for clients who are
to be answered and whose acknowledgement exists in several languages. The library and its model (70 MB of memory, 0.6 s)
are loaded when the first such message comes, or by `prepare`, and never where no template has a variant. It needs no
network, gives the same answer every time and raises nothing.
"""

from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# What a template without a language in its name is written in.
DEFAULT = "en"
# ISO 639-1, without the withdrawn sh.
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv "
    "dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie "
    "ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv "
    "mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm "
    "rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts "
    "tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu "
)
CODES = frozenset(_CODES.split())

# A wrong language is worse than English. Of the 100 labelled messages in tests/cases/languages no English one, no name,
# number or sign and no message in a third language passes at this confidence, and 33 of 36 Swahili ones do (2026-11).
_SURE = 0.6
# Languages that are not answered in and look like one that is: without them a Kikuyu name or a sentence in Oromo is
# taken for Swahili, because it is even less English. The codes are the library's.
_NEIGHBOURS = {"sw": ("kik", "lg", "om")}
# A language shows early, and the time grows with the length: 100 kB would take 20 ms.
_READ = 500


def detect(text: str, offered: frozenset[str]) -> str | None:
    """The offered language in which a message is written; None when it is another one, or nobody can be sure.

    Costs about 70 µs for a message of 60 characters.
    """
    language, confidence = _identifier(offered).classify(text[:_READ])
    return language if language in offered and confidence >= _SURE else None


def prepare(offered: frozenset[str]) -> None:
    """Load what the first message would otherwise wait for."""
    _identifier(offered)


@lru_cache(maxsize=16)
def _identifier(offered: frozenset[str]) -> "LanguageIdentifier":
    narrowed = copy(_model())
    neighbours = {neighbour for language in offered for neighbour in _NEIGHBOURS.get(language, ())}
    narrowed.set_languages(({DEFAULT} | offered | neighbours) & set(narrowed.labels))
    return narrowed


@lru_cache(maxsize=1)
def _model() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - see above

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
