"""The tables of words that WhatsApp's binary XML is short for, and the key that its certificates are checked with.

They are read out of the npm package baileys, which deploy/test.sh fetches, and stand nowhere in this project.
"""

import functools
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

# Set to the folder of the unpacked package to use another one than deploy/test.sh left in the virtual environment.
VARIABLE = "WHATSAPP_STANDIN_TABLES"
_PLACE = Path(sys.prefix, "share", "baileys")
_WORDS = "lib/WABinary/constants.js"
_DEFAULTS = "lib/Defaults/index.js"


@dataclass(frozen=True, slots=True)
class Tables:
    """Words by their position."""

    single: tuple[str, ...]
    # Four dictionaries of 256 words.
    double: tuple[tuple[str, ...], ...]


@functools.cache
def tables() -> Tables:
    """The words of the package at hand."""
    source = _text(_WORDS)
    double = re.findall(r"\[(.*?)\]", _array(source, "DOUBLE_BYTE_TOKENS"), re.DOTALL)
    found = Tables(_words(_array(source, "SINGLE_BYTE_TOKENS")), tuple(_words(part) for part in double))
    sizes = [len(found.single), *map(len, found.double)]
    assert sizes == [236, 256, 256, 256, 256], f"the tables have {sizes} words: this is another version of baileys"
    return found


@functools.cache
def certificate_key() -> bytes:
    """The public key of the real service's root, 32 bytes."""
    found = re.search(r"PUBLIC_KEY: Buffer\.from\('([0-9a-f]{64})', 'hex'\)", _text(_DEFAULTS))
    assert found, "baileys no longer has the certificate's key where it was"
    return bytes.fromhex(found[1])


def _text(name: str) -> str:
    folder = Path(os.environ.get(VARIABLE) or _PLACE)
    if (folder / name).is_file():
        return (folder / name).read_text("utf-8")
    raise AssertionError(
        f"the npm package baileys is not in {folder}: run deploy/test.sh where the npm registry can be reached, "
        f"or unpack the version that it names somewhere and set {VARIABLE} to that folder"
    )


def _array(source: str, name: str) -> str:
    found = re.search(name + r" = \[(.*?)\n\];", source, re.DOTALL)
    assert found, f"baileys no longer has {name}"
    return found[1]


def _words(array: str) -> tuple[str, ...]:
    return tuple(word.replace("\\'", "'") for word in re.findall(r"'((?:[^'\\]|\\.)*)'", array))
