"""The end-to-end encryption of the stand-in's people, between two of them: what no client would show."""

import pytest
from standins.whatsapp.sessions import Device, Encrypted, Unreadable, unreadable


def test_messages_out_of_order_can_be_read() -> None:
    """Keys of messages that are still missing are kept, over a change of keys too."""
    ana, ben = Device(), Device()
    early = [ana.encrypt("ben", ben.keys.bundle, f"early {number}".encode()) for number in range(3)]
    assert ben.decrypt("ana", early[2]) == b"early 2"
    assert ana.decrypt("ben", ben.encrypt("ana", ana.keys.bundle, b"answer")) == b"answer"
    late = [ana.encrypt("ben", ben.keys.bundle, f"late {number}".encode()) for number in range(2)]
    assert [one.kind for one in (*early, *late)] == ["pkmsg"] * 3 + ["msg"] * 2
    order = [(late[1], b"late 1"), (early[0], b"early 0"), (late[0], b"late 0"), (early[1], b"early 1")]
    assert [ben.decrypt("ana", one) for one, _ in order] == [text for _, text in order]


def test_a_message_can_be_read_once() -> None:
    """Its key is gone afterwards."""
    ana, ben = Device(), Device()
    written = ana.encrypt("ben", ben.keys.bundle, b"once")
    assert ben.decrypt("ana", written) == b"once"
    with pytest.raises(Unreadable, match="message 0 of a chain was read before"):
        ben.decrypt("ana", written)


def test_an_altered_message_cannot_be_read() -> None:
    """The code of authentication covers every byte."""
    ana, ben = Device(), Device()
    ben.decrypt("ana", ana.encrypt("ben", ben.keys.bundle, b"hello"))
    answer = ben.encrypt("ana", ana.keys.bundle, b"answer")
    with pytest.raises(Unreadable, match="code of authentication is wrong"):
        ana.decrypt("ben", Encrypted(answer.kind, answer.data[:-1] + bytes([answer.data[-1] ^ 1])))


def test_a_stranger_cannot_be_read() -> None:
    """Without a session there is no key."""
    with pytest.raises(Unreadable, match="no session with ana"):
        Device().decrypt("ana", unreadable())


def test_a_device_that_forgot_begins_anew() -> None:
    """An application that was installed again introduces itself again."""
    ana, ben = Device(), Device()
    for _ in range(2):
        written = ana.encrypt("ben", ben.keys.bundle, b"hello")
        assert (written.kind, ben.decrypt("ana", written)) == ("pkmsg", b"hello")
        ana.forget()
