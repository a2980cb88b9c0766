"""spaCy's core without the rest, and the rest for whoever wants it later; each in a process of its own."""

import subprocess
import sys

import pytest

_LIGHT = """
import sys
from engine.ruleset import spacy_core
loaded = set(sys.modules)
for name in ("spacy", "spacy.language", "spacy.pipeline", "spacy.schemas", "spacy.cli", "thinc.api", "thinc.layers"):
    assert name not in loaded, name
vocab = spacy_core.Vocab()
matcher = spacy_core.PhraseMatcher(vocab, attr=spacy_core.ORTH)
matcher.add("a", [spacy_core.Doc(vocab, words=["dial", "out"])])
assert [match[1:] for match in matcher(spacy_core.Doc(vocab, words=["we", "dial", "out"]))] == [(1, 3)]
"""
_REAL_LATER = (
    _LIGHT
    + """
import spacy
from spacy.matcher import Matcher, PhraseMatcher
from spacy.tokens import Doc
assert spacy.vocab.Vocab is spacy_core.Vocab
assert spacy.matcher.phrasematcher.PhraseMatcher is PhraseMatcher is spacy_core.PhraseMatcher
assert spacy.tokens.Doc is Doc is spacy_core.Doc
assert spacy.__spec__.loader is spacy.__loader__
nlp = spacy.blank("en")
doc = nlp("we dial out")
phrases = PhraseMatcher(nlp.vocab, attr="LOWER")
phrases.add("a", [nlp("Dial out")])
assert len(phrases(doc)) == 1
patterns = Matcher(nlp.vocab, validate=True)
patterns.add("a", [[{"LOWER": "dial"}]])
assert len(patterns(doc)) == 1
assert Doc(nlp.vocab).from_json(doc.to_json(), validate=True).text == doc.text
import spacy.cli, thinc.api
assert spacy.cli.download and thinc.api.chain
"""
)
_REAL_BEFORE = """
import spacy
from engine.ruleset import spacy_core
assert spacy.vocab.Vocab is spacy_core.Vocab
assert spacy.blank("en")("dial out").text == "dial out"
"""
# Another version of spaCy, in which something is not where it was: the long way must do.
_ANOTHER_VERSION = """
import sys
class Hidden:
    def find_spec(self, name, path, target=None):
        if name == "thinc.util" and "spacy.schemas" in sys.modules and "spacy.language" not in sys.modules:
            raise ImportError("moved")
sys.meta_path.insert(0, Hidden())
import importlib
from engine.ruleset import keywords
import spacy
assert spacy.vocab.Vocab is keywords.Vocab
found = keywords.compile_keywords([keywords.Spelling("product", "3CX", "3 cx")])
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(_LIGHT, id="the-core-alone"),
        pytest.param(_REAL_LATER, id="the-real-one-later"),
        pytest.param(_REAL_BEFORE, id="the-real-one-before"),
        pytest.param(_ANOTHER_VERSION, id="another-version"),
    ],
)
def test_spacy_is_light_for_us_and_whole_for_others(program: str) -> None:
    """No import of ours leaves anything behind that is not spaCy's own."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
