"""What of a person may stand in a log line: enough to tell two clients apart, too little to call one."""

import hashlib
import re

# Of at most three characters, whatever stands between the digits of a written phone number: blanks, brackets, dots,
# slashes, dashes, and the invisible marks that address books put around numbers.
_GAP = r"[ \t().\-/\u00a0\u00ad\u2000-\u2015\u202a-\u202f\u2060\u2066-\u2069\u3000]{0,3}"
# What has as many digits and must stay readable in a log line.
_DATE = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:\d\d)?"
_KEPT = (
    rf"{_DATE}[T ]{_TIME}|{_TIME}",
    rf"{_DATE}(?!{_GAP}\d)",
    # Our ticket numbers.
    r"OC-20\d\d-\d{4,6}",
    # A UUID; a hash, which has letters in more than one place.
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    r"(?=[0-9a-f]{8})[0-9]*[a-f]+[0-9]+[a-f][0-9a-f]*",
)
# Seven digits or more, even inside a word.
_PHONE = re.compile(rf"(?<![0-9A-Za-z])(?P<kept>{'|'.join(_KEPT)})(?![0-9A-Za-z])|(?P<phone>\+?\d(?:{_GAP}\d){{6,}})")
# A WhatsApp message id encodes the sender's number in base64.
_WAMID = re.compile(r"wamid\.[A-Za-z0-9+/=_\-]+")
_SHOWN_START = 3
_SHOWN_END = 2
# Fewer hidden digits than this could be tried out.
_HIDDEN = 4
_DIGIT = re.compile(r"\d")
# A mail address and whatever names a place on the net.
_ADDRESS = re.compile(r"\S+@\S+|\b(?:https?://|www\.)\S+", re.IGNORECASE)
# Shorter words of a name are too often something else.
_NAME_LENGTH = 3


def mask_phone(phone: str) -> str:
    """`+254712345678` as `+254…78`; a number too short to stay unknown becomes `…`."""
    digits = re.sub(r"\D", "", phone)
    sign = "+" if phone.startswith("+") else ""
    if len(digits) < _SHOWN_START + _HIDDEN + _SHOWN_END:
        return "…"
    return f"{sign}{digits[:_SHOWN_START]}…{digits[-_SHOWN_END:]}"


def mask_name(name: str) -> str:
    """`Jackson Otieno` as `J…`."""
    return f"{name[:1]}…" if name else ""


def mask_text(text: str) -> str:
    """The text with everything that could be a phone number masked, and message ids that encode one removed."""
    return _PHONE.sub(_masked, _WAMID.sub("wamid.…", text))


def mask_excerpt(text: str, name: str | None, limit: int) -> str:
    """The beginning of a client's text on one line, without digits, addresses and the words of the client's name.

    Names of other people cannot be told from words; `limit`, in code points, keeps them few.
    """
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    shown = _DIGIT.sub("#", _ADDRESS.sub("…@…", mask_text(line)))
    words = [re.escape(word) for word in re.findall(r"\w+", name or "") if len(word) >= _NAME_LENGTH]
    if words:
        shown = re.sub(rf"\b(?:{'|'.join(words)})\b", "…", shown, flags=re.IGNORECASE)
    return shown if len(shown) <= limit else f"{shown[: limit - 1].rstrip()}…"


def _masked(found: re.Match[str]) -> str:
    return found["kept"] or mask_phone(found["phone"])


def pseudonym(salt: bytes, identity: str) -> str:
    """A stable name for a conversation that does not lead back to the client without the journal's salt."""
    return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), key=salt, digest_size=8).hexdigest()
