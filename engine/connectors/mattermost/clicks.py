"""A click on a button below an incident's post becomes an action, and the clicker is told what came of it.

The door `POST /webhooks/mattermost`, called by `server`. A request proves which button was pressed (`buttons`) and not
by whom: the names in it are anybody's to write. So whoever it says is looked up before anything is done, and only a
person who is a member of the post's channel may. That takes two questions to Mattermost at most, and both have to be
answered in time; a click that is not taken is answered, too, since Mattermost shows the answer to the clicker alone.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from engine.connectors.mattermost.buttons import LIFE, PAUSE, Buttons, Offer
from engine.connectors.mattermost.people import People
from engine.connectors.mattermost.questions import NotHeard
from engine.connectors.mattermost.servers import Server
from engine.core.actions import Action
from engine.core.errors import JournalUnavailable
from engine.core.practices import Change
from engine.core.standings import moment
from engine.ports import Asking, Clock, Received, Refused, WebhookRequest

# Takes what engineers did and tells what follows, in the order of the actions that changed or said something.
Act = Callable[[Sequence[Action]], Awaitable[tuple[Change, ...]]]

# Mattermost shows an error after a while, and people press again after three seconds.
_PATIENCE_S = 2.0
_OTHERWISE: Final = "React to the post or type in its thread instead, e.g. `take` or `done`."
_FORGED: Final = (
    f"Nothing was done: this button is not one of the engine's, or its bot has another token now. {_OTHERWISE}"
)
_EXPIRED: Final = f"Nothing was done: this button has not been renewed for {LIFE.days} days. {_OTHERWISE}"
_ELSEWHERE: Final = f"Nothing was done: this button is for another channel. {_OTHERWISE}"
_NOBODY: Final = "Nothing was done: that is for people who are members of this channel."
_SLOW: Final = f"Nothing was done: Mattermost did not say in time who you are. Press again. {_OTHERWISE}"
_AWAY: Final = f"Nothing was done: the engine cannot write now. Press again in a minute. {_OTHERWISE}"
_PASSED: Final = (
    f"Nothing was done: you have pressed this before, or this is no longer its incident's post. {_OTHERWISE}"
)


class Clicks:
    """The door for clicks on the posts of one destination."""

    def __init__(
        self,
        destination: str,
        *,
        buttons: Buttons,
        server: Server,
        act: Act,
        clock: Clock,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """`destination` is the name under which the posts are delivered, and that of the door. `patience_s` bounds
        the questions about one click.
        """
        self.name = destination
        self._buttons = buttons
        self._people = People(server, clock)
        self._act = act
        self._clock = clock
        self._patience_s = patience_s

    def receive(self, request: WebhookRequest) -> Received | Refused | Asking:
        """Look at what was pressed; who did is still to be asked."""
        if request.method != "POST":
            return Refused(404, "clicks are posted")
        click = self._buttons.read(request.body)
        if click is None:
            return Refused(400, "this is no click on a button")
        offer = click.offer
        if offer is None:
            return _answer(_FORGED)
        if request.received_at >= datetime.fromtimestamp(offer.until_s, UTC):
            return _answer(_EXPIRED)
        if click.channel_id != offer.channel_id:
            return _answer(_ELSEWHERE)
        return Asking(lambda: self._take(offer, click.post_id, click.user_id))

    async def _take(self, offer: Offer, post_id: str, user_id: str) -> Received:
        try:
            async with asyncio.timeout(self._patience_s):
                person = await self._people.who_may(offer.channel_id, user_id)
        except TimeoutError:
            return _answer(_SLOW)
        except NotHeard as error:
            return _answer(f"Nothing was done: {error}. {_OTHERWISE}")
        if person is None:
            return _answer(_NOBODY)
        action = Action(
            destination=self.name,
            root=post_id,
            kind=offer.kind,
            # The same for the same person and button, so that neither a second click nor a replayed one counts.
            id=f"button:{offer.delivery}:{offer.kind}:{user_id}",
            by=person.username,
            at=self._clock.now(),
            span=PAUSE if offer.kind == "snooze" else None,
            ticket_id=offer.ticket_id,
        )
        try:
            changes = await self._act((action,))
        except JournalUnavailable:
            return _answer(_AWAY)
        return _answer(_outcome(action, changes[0], self._clock.now()) if changes else _PASSED)


def _outcome(action: Action, change: Change, now: datetime) -> str:
    """How the incident stands after a click, for whoever pressed; nobody's name and nothing of a client's is in it."""
    incident = change.incident
    ticket = incident.ticket_id
    if action.kind == "resolve":
        return f"{ticket} is resolved."
    if action.kind == "reopen":
        return f"{ticket} is open." if incident.is_live else f"{ticket} stays closed: its thread says why."
    if action.kind == "release" and incident.is_live:
        held = f"Somebody else has {ticket}, who alone can give it back."
        return held if incident.claimed_by else f"{ticket} is open."
    if not incident.is_live:
        return f"{ticket} is closed: `reopen` in its thread opens it again."
    if action.kind == "snooze":
        return f"Nobody is called about {ticket} before {moment(incident.snoozed_until or now, now)}."
    return f"You have {ticket}." if incident.claimed_by == action.by else f"Somebody else has {ticket} already."


def _answer(text: str) -> Received:
    return Received(answer=json.dumps({"ephemeral_text": text}), answer_type="application/json")
