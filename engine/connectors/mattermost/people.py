"""Who did something in the chat, and whether that person may command us.

Called by `watcher`, `reconciliations` and `clicks`. Those may whose account is neither a bot nor deactivated and who
are members of the channel. What the server said of an account or a membership is believed for a while, so that a busy
thread costs no requests.
"""

from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import quote

from engine.connectors.mattermost import tidings
from engine.connectors.mattermost.questions import ask, unreadable
from engine.connectors.mattermost.servers import Server
from engine.connectors.mattermost.tidings import Person
from engine.ports import Clock

# How long it may take until somebody who was deactivated, or left a channel, commands no more.
_PERSON_FOR = timedelta(minutes=10)
_MEMBER_FOR = timedelta(minutes=1)
_MEMORY = 10_000
# How many accounts one request asks for.
_BATCH = 100
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Memory(Generic[_Key, _Value]):
    """What was learned lately."""

    def __init__(self, clock: Clock, keep: timedelta) -> None:
        self._clock = clock
        self._keep = keep
        self._known: dict[_Key, tuple[_Value, timedelta]] = {}

    def get(self, key: _Key) -> _Value | None:
        known = self._known.get(key)
        return known[0] if known is not None and self._clock.elapsed() - known[1] < self._keep else None

    def put(self, key: _Key, value: _Value) -> None:
        self._known.pop(key, None)
        self._known[key] = value, self._clock.elapsed()
        for oldest in list(islice(self._known, max(0, len(self._known) - _MEMORY))):
            del self._known[oldest]

    def forget(self, key: _Key) -> None:
        self._known.pop(key, None)


class People:
    """The accounts of one server."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._persons = _Memory[str, Person](clock, _PERSON_FOR)
        # By channel and user.
        self._members = _Memory[tuple[str, str], bool](clock, _MEMBER_FOR)

    async def who_may(self, channel_id: str, user_id: str) -> Person | None:
        """The person who may command in a channel; None for anybody else. Raises NotHeard."""
        await self.meet((user_id,))
        person = self._persons.get(user_id)
        if person is None or not person.human:
            return None
        member = self._members.get((channel_id, user_id))
        if member is None:
            path = f"channels/{quote(channel_id, safe='')}/members/{quote(user_id, safe='')}"
            member = await ask(self._server, "GET", path) is not None
            self._members.put((channel_id, user_id), member)
        return person if member else None

    async def meet(self, user_ids: Iterable[str]) -> None:
        """Learn who all of these are, in few requests. Raises NotHeard."""
        unknown = [user_id for user_id in dict.fromkeys(user_ids) if self._persons.get(user_id) is None]
        for start in range(0, len(unknown), _BATCH):
            answer = await ask(self._server, "POST", "users/ids", payload=unknown[start : start + _BATCH])
            told = answer.json_array() if answer is not None else None
            persons = [tidings.person(one) for one in told] if told is not None else [None]
            for person in persons:
                if person is None:
                    raise unreadable()
                self._persons.put(person.id, person)

    def forget_member(self, channel_id: str, user_id: str) -> None:
        """Somebody left a channel."""
        self._members.forget((channel_id, user_id))

    def forget_person(self, user_id: str) -> None:
        """An account has changed."""
        self._persons.forget(user_id)
