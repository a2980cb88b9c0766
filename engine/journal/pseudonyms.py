"""What the rows of an erased client are called: names that say nothing, and are the same for the same message.

For the operations of this package, so that a network which repeats itself brings nothing back.
"""

from engine.core.masking import pseudonym
from engine.journal import audits

ERASED = "erased"


def erased_names(salt: bytes, connector: str, conversation_id: str, message_id: str) -> tuple[str, str]:
    """What an erased message is called instead of its conversation's and its own id; the same for the same message."""
    name = pseudonym(salt, f"{connector}:{conversation_id}:{message_id}")
    return erased_conversation(salt, connector, conversation_id), f"{ERASED}-{name}"


def erased_conversation(salt: bytes, connector: str, conversation_id: str) -> str:
    """What the conversation of an erased client is called."""
    return f"{ERASED}-{audits.subject(salt, connector, conversation_id)}"


def lane_is_erased(lane: str) -> bool:
    """Whether the delivery of this lane belongs to an erased client."""
    return lane.startswith(f"{ERASED}:")
