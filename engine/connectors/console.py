"""A network that is only a terminal: prints what would be sent, for the demonstration and for development.

Called by the relay like any connector. Phone numbers are masked, because terminals get recorded and shared.
"""

from collections.abc import Callable
from typing import assert_never

from engine.core.deliveries import (
    Acknowledgement,
    Body,
    Claimed,
    Copy,
    Escalation,
    Fault,
    FollowUp,
    Found,
    Media,
    Outcome,
    Page,
    Reconciled,
    Rejected,
    Relayed,
    Revision,
    Sent,
)
from engine.core.masking import mask_phone
from engine.core.quotes import plain
from engine.ports import Health


class Console:
    """Carries every kind of delivery by writing it down."""

    def __init__(self, name: str, show: Callable[[Claimed], None]) -> None:
        """`show` writes one delivery down; `shown(claimed.body)` is its text, without a line end."""
        self.name = name
        self._show = show
        self._problem = ""

    async def start(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close: whoever gave `show` owns it."""

    async def send(self, claimed: Claimed) -> Outcome:
        """Print the delivery."""
        try:
            self._show(claimed)
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._problem = "the console cannot be written to"
            return Rejected(Fault.TRANSIENT, "output", self._problem)
        self._problem = ""
        return Sent(f"console-{claimed.id}")

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """A terminal cannot be asked what it has shown, so the destination's policy decides."""
        del claimed
        return Found.UNDECIDED

    def health(self) -> Health:
        """Ready unless the last line could not be written."""
        return Health(not self._problem, self._problem)


def shown(body: Body) -> str:
    """The delivery as a person reads it, with the network that it would have gone to."""
    match body:
        case Acknowledgement():
            return f"WhatsApp → {mask_phone(body.peer)}: {body.text}"
        case Escalation():
            return f"Mattermost ~{body.channel}: {_post(body)}"
        case FollowUp():
            where = f", in the thread of {body.ticket_id}" if body.ticket_id else ""
            return f"Mattermost ~{body.channel}{where}: {plain(body.body)}"
        case Revision():
            return f"Mattermost ~{body.escalation.channel}, the post now reads: {_post(body.escalation)}"
        case Copy():
            return f"Mattermost ~{body.escalation.channel}, a copy: {_post(body.escalation)}"
        case Media():
            return f"Mattermost ~{body.channel}, in the thread of {body.ticket_id}: a file of kind {body.kind}"
        case Page():
            return f"Page about {body.ticket_id} ({body.action}): {body.summary}"
        case Relayed():
            return f"WhatsApp → {mask_phone(body.peer)}, from {body.by}: {body.text}"
        case _:
            assert_never(body)


def _post(escalation: Escalation) -> str:
    footer = " ".join((escalation.ticket_id, escalation.priority.word, *escalation.tags))
    stands = f"\nStatus: {plain(escalation.standing)}" if escalation.standing else ""
    return f"{plain(escalation.title)}\n{plain(escalation.body)}\n{footer}{stands}"
