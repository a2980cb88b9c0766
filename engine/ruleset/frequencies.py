"""How often what a rule asks for stands in a message: a rough guess, by which `compiler` files each rule under the part
of its condition that the fewest messages have.

A wrong guess costs time and changes nothing. There is no list of words with their frequencies in it: short words and
those that carry no meaning are common, long ones and numbers are rare, and what many rules ask for is what many
messages say.
"""

from functools import lru_cache

from engine.ruleset.inflections import is_function_word
from engine.ruleset.phrases import Step

# Of a fact about the event, such as its source: most messages of a team have the same.
FACT = 1000.0
# Of a client's own number or name.
CLIENT = 0.5
# Of a pattern, times what `literals.commonness` says about it.
PATTERN = 20.0

_FUNCTION_WORD = 60.0
# By length; longer words count 1.
_BY_LENGTH = {1: 20.0, 2: 10.0, 3: 5.0, 4: 3.0, 5: 2.0}
_NUMBER = 0.5
# A further word of a phrase.
_FOLLOWED = 0.2
# A prefix stands for many words.
_PREFIX = 3.0


def of_word(word: str) -> float:
    """A single word."""
    if is_function_word(word):
        return _FUNCTION_WORD
    return _NUMBER if word.isdigit() else _BY_LENGTH.get(len(word), 1.0)


# A load asks again about the phrases of files that have not changed.
@lru_cache(maxsize=1 << 17)
def of_phrase(steps: tuple[Step, ...]) -> float:
    """Words in a row: no more frequent than the rarest of them."""
    rates = [
        _PREFIX * of_word(step.prefix) if step.prefix else of_word(min(sorted(step.forms), key=len)) for step in steps
    ]
    return min(rates, default=0.0) * _FOLLOWED ** (len(rates) - 1)
