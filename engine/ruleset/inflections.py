"""A word as a lead wrote it becomes the regular English forms that clients write of it.

Called by `compiler` for the `words:` of rules, each word of a phrase on its own; never for `exact:` and never for
keywords, whose spellings are matched as they stand. No dictionary: the spelling rules of English are few, and a form
that nobody writes costs nothing. It does not find a stem: "calling" stays "calling", so a lead lists the plain form.
"""

import re

_SHORTEST = 3
_VOWELS = "aeiou"

# They have no forms, or their forms mean something else ("our" and "ours", "will" and "willing").
_INVARIABLE = frozenset(
    """
    about above after again all also although always and another any anybody anyone anything are because been before
    below both but can cannot cant could didnt does doesnt dont each either else even ever every everyone everything
    for from had has hasnt have havent her here hers him his how however into isnt its just kindly like many may maybe
    might more most much must mustnt never nobody none nor not nothing now off often once only onto our ours out over
    please quite rather same shall she should since some somebody someone something still such than thanks that the
    their them then there these they this those though through thus too under until upon very via was wasnt were werent
    what when where whether which while who whom whose why will with within without wont would yes yet you your yours
    """.split()  # noqa: SIM905 - a hundred words in quotes and commas are harder to read
)

_REGULAR = re.compile(r"[a-z]+")
# Already a form of something: "resolved", "calling", "calls". "process", "bus" and "status" are not plurals, and
# "need", "feed" and "bring" are no forms.
_FORM = re.compile(r"(?:[a-z]{2,}[^e]ed|[a-z]*[aeiouy][a-z]*ing|[a-z]+[^sui]s)")
# One consonant after one vowel, which English doubles: "stop", "transfer"; never w, x and y.
_DOUBLED = re.compile(r"(?P<start>[a-z]*)(?<![aeiou])[aeiou](?P<last>[bcdfghjklmnpqrstvz])")


def forms(word: str) -> frozenset[str]:
    """The word with its regular forms in -s, -ing and -ed; only itself where English has none.

    The word is one of `core.text.words`: lower case, without accents.
    """
    if len(word) < _SHORTEST or not _REGULAR.fullmatch(word) or word in _INVARIABLE or _FORM.fullmatch(word):
        return frozenset({word})
    return frozenset({word, *_plurals(word), *_with_endings(word)})


def is_function_word(word: str) -> bool:
    """Whether a word says little by itself, as "the", "with" and "please" do."""
    return word in _INVARIABLE


def _plurals(word: str) -> set[str]:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return {f"{word}es"}
    if _ends_in_consonant_and(word, "y"):
        return {f"{word[:-1]}ies"}
    if _ends_in_consonant_and(word, "o"):
        return {f"{word}s", f"{word}es"}
    return {f"{word}s"}


def _with_endings(word: str) -> set[str]:
    if word.endswith("ie"):
        return {f"{word[:-2]}ying", f"{word}d"}
    if word.endswith(("ee", "oe", "ye")):
        return {f"{word}ing", f"{word}d"}
    if word.endswith("e"):
        return {f"{word[:-1]}ing", f"{word}d"}
    if _ends_in_consonant_and(word, "y"):
        return {f"{word}ing", f"{word[:-1]}ied"}
    doubled = _DOUBLED.fullmatch(word)
    if doubled is None:
        return {f"{word}ing", f"{word}ed"}
    found = {f"{word}{doubled['last']}ing", f"{word}{doubled['last']}ed"}
    if any(letter in _VOWELS for letter in doubled["start"]):
        # Whether a longer word doubles depends on its stress ("visited", "transferred") and on the country
        # ("cancelled", "canceled"): both are taken.
        found |= {f"{word}ing", f"{word}ed"}
    return found


def _ends_in_consonant_and(word: str, letter: str) -> bool:
    return word.endswith(letter) and word[-2] not in _VOWELS
