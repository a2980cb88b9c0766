"""One client, written by several networks."""

import pytest

from engine.core.peers import digits_of


@pytest.mark.parametrize(
    ("peer", "digits"),
    [
        ("254712345678", "254712345678"),
        ("+254712345678", "254712345678"),
        ("wa-254712345678", "254712345678"),
        ("to:254712345678", "254712345678"),
        ("whatsapp:+254712345678", "254712345678"),
        ("254712345678@s.whatsapp.net", "254712345678"),
        ("recipient:US.1349", None),
        ("98765432101234@lid", None),
        ("wa-lid-98765432101234", None),
        ("wa-unknown-wamid.1", None),
        ("1234", None),
        ("٢٥٤٧١٢٣٤٥٦٧٨", None),
        ("", None),
    ],
)
def test_a_number_is_read_in_every_form(peer: str, digits: str | None) -> None:
    """What names no number is left to the network that knows it."""
    assert digits_of(peer) == digits
