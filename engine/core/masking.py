"""What of a person may stand in a log line: enough to tell two clients apart, too little to call one."""

import hashlib
import re

# Seven digits or more, written the way people and networks write phone numbers, but not inside a longer word (a hash).
_PHONE = re.compile(r"(?<![0-9A-Za-z])\+?\d(?:[ ().\-]{0,2}\d){6,}(?![0-9A-Za-z])")
# A WhatsApp message id encodes the sender's number in base64.
_WAMID = re.compile(r"wamid\.[A-Za-z0-9+/=_\-]+")
_SHOWN_START = 4
_SHOWN_END = 2


def mask_phone(phone: str) -> str:
    """`+254712345678` as `+254…78`; a number too short to stay unknown becomes `…`."""
    digits = re.sub(r"\D", "", phone)
    sign = "+" if phone.startswith("+") else ""
    if len(digits) < _SHOWN_START + _SHOWN_END + 1:
        return "…"
    return f"{sign}{digits[: _SHOWN_START - 1]}…{digits[-_SHOWN_END:]}"


def mask_name(name: str) -> str:
    """`Jackson Otieno` as `J…`."""
    return f"{name[:1]}…" if name else ""


def mask_text(text: str) -> str:
    """The text with everything that could be a phone number masked, and message ids that encode one removed."""
    return _PHONE.sub(lambda found: mask_phone(found.group()), _WAMID.sub("wamid.…", text))


def pseudonym(salt: bytes, identity: str) -> str:
    """A stable name for a conversation that does not lead back to the client without the journal's salt."""
    return hashlib.blake2b(identity.encode(), key=salt, digest_size=8).hexdigest()
