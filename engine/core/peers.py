"""How the three ways into WhatsApp write one and the same client, so that one can answer what another took in."""

import re

_NUMBER = re.compile(r"(?:to:|whatsapp:)?(?:\+|wa-)?(?P<digits>[0-9]{5,20})(?:@s\.whatsapp\.net)?", re.ASCII)


def digits_of(peer: str) -> str | None:
    """The digits of the phone number that a peer, a number or a conversation id names; None for a hidden number."""
    found = _NUMBER.fullmatch(peer)
    return found["digits"] if found else None
