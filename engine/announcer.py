"""The daemon's words about itself, to its operators' channel: each once, and the way posts go.

Made and called by `app`. What there is to say is decided in `core.notices`.
"""

from collections.abc import Callable

from loguru import logger

from engine.core.deliveries import FollowUp, NewDelivery
from engine.core.errors import JournalUnavailable
from engine.core.notices import Notice
from engine.ports import Clock, Journal


class Announcer:
    """Tells the operators."""

    def __init__(
        self, journal: Journal, clock: Clock, *, channel: str | None, through: str, wake: Callable[[], None]
    ) -> None:
        """`channel` of the destination `through`; without one a matter's state is kept and nobody is told."""
        self._journal = journal
        self._clock = clock
        self._channel = channel
        self._through = through
        self._wake = wake

    async def announce(self, notice: Notice) -> None:
        """Order a post, unless the matter was in this state before. Never raises."""
        now = self._clock.now()
        delivery = None
        if self._channel:
            body = FollowUp(self._channel, None, notice.text, "")
            name = f"notice-{notice.matter}-{now.isoformat()}"
            delivery = NewDelivery(name, f"notice:{notice.matter}", self._through, body, now)
        try:
            if await self._journal.announce(notice, delivery, now):
                self._wake()
        except JournalUnavailable as error:
            logger.error("the operators' channel does not learn of this: {}", error)
