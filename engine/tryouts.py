"""A test post: ordered as every post is, waited for, and given up when it was refused, so that it never comes later.

Called by `operations` for `engine send test`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from engine.core.deliveries import TEST_LANE, DeliveryState, FollowUp, NewDelivery
from engine.core.errors import EngineError, UsageError
from engine.core.notices import Notice
from engine.core.objects import Json
from engine.core.quotes import clean_line, quote
from engine.core.records import DeliveryHistory, DeliveryView
from engine.ports import Clock, Journal

# How long the first attempt is waited for; it takes forty seconds at most, and the command waits for a minute.
_PATIENCE: Final = timedelta(seconds=15)
_LOOK_S: Final = 0.05
_NAME_LIMIT: Final = 100
_GIVEN_UP: Final = "a test post is not repeated"
_NOT_TRIED: Final = "it was not tried in time: `engine status` says what holds it up"


class Tryout:
    """Posts tests through a destination."""

    def __init__(
        self, journal: Journal, clock: Clock, *, through: str, override: str | None, wake: Callable[[], None]
    ) -> None:
        """`override` is the only channel that posts go to; None: any. `wake` makes the relay look at the journal."""
        self._journal = journal
        self._clock = clock
        self._through = through
        self._override = override
        self._wake = wake

    async def post(self, channel: str, team: str | None) -> Json:
        """Post a test and tell what became of it: `posted`, and the `receipt` or the `error`. UsageError for a channel
        that nothing is posted to.
        """
        channel = channel.removeprefix("~")
        if not channel or clean_line(f"{channel}{team or ''}", _NAME_LIMIT) != f"{channel}{team or ''}":
            raise UsageError("a channel is named as in its address, e.g. support-triage")
        if self._override and (channel, team) != (self._override, None):
            raise UsageError(
                f"engine.yaml sends every post to ~{self._override} (mattermost.channel_override): name that one"
            )
        until = self._clock.elapsed() + _PATIENCE
        delivery = await self._order(channel, team)
        found = await self._await_end(delivery, until)
        view = found.view
        posted = view.state is DeliveryState.SENT
        return {
            "delivery": delivery,
            "channel": channel,
            "team": team,
            "posted": posted,
            "receipt": found.receipt if posted else None,
            "error": None if posted else view.error or _NOT_TRIED,
        }

    async def _order(self, channel: str, team: str | None) -> str:
        now = self._clock.now()
        name = f"test-{now.isoformat()}"
        # A lane of its own: a test waits for nothing and holds nothing up.
        delivery = NewDelivery(name, f"{TEST_LANE}{name}", self._through, FollowUp(channel, team, text(now), ""), now)
        # Each test is news.
        if not await self._journal.announce(Notice("test", name, text(now), good=False), delivery, now):
            raise EngineError("a test was ordered in this very moment: try again")
        self._wake()
        return name

    async def _await_end(self, delivery: str, until: timedelta) -> DeliveryHistory:
        """The delivery once it was taken or refused; what was refused, or not tried by then, is given up."""
        while True:
            found = await self._look(delivery)
            state = found.view.state
            if state is DeliveryState.SENT:
                return found
            ends = _is_answered(found.view) or (state is DeliveryState.QUEUED and self._clock.elapsed() >= until)
            # An attempt that is under way cannot be called back: its end is waited for, or it would come again later.
            if ends and await self._journal.drop(delivery, _GIVEN_UP, self._clock.now()) is state:
                return found
            await asyncio.sleep(_LOOK_S)

    async def _look(self, delivery: str) -> DeliveryHistory:
        found = await self._journal.delivery(delivery)
        if found is None:
            raise EngineError(f"delivery {delivery} is gone from the journal: retention is shorter than a test takes")
        return found


def text(now: datetime) -> str:
    """What the test says."""
    at = now.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
    return f"This is a test of the support engine, ordered by an operator at {quote(at)}. Nobody needs to do anything."


def _is_answered(view: DeliveryView) -> bool:
    """Whether the network has said what it thinks of the post: one that waits again was refused."""
    waits = view.state is DeliveryState.QUEUED and not view.error
    return not waits and view.state is not DeliveryState.SENDING
