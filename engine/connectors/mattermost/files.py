"""The files that clients send, into the threads of their incidents: fetched from the network, uploaded, posted.

Called by the relay as a destination of its own, so that a slow download takes neither place nor rate from the posts. A
file is in memory from its download until its upload and nowhere else; nothing of it is opened. What `core.media`
decides is done here: attach it, reply that there is none, or come again later. The reply says it once as any post does;
a file whose post never came about stays on the server, where nobody sees it.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, assert_never

from loguru import logger

from engine.connectors.exchanges import Exchange, certainly
from engine.connectors.mattermost.connector import Mattermost
from engine.connectors.mattermost.refusals import UNREADABLE, Verdict, about_channel, code_of, permanent, verdict
from engine.connectors.replies import Reply
from engine.core import media
from engine.core.deliveries import Claimed, Fault, FollowUp, Media, Outcome, Reconciled, Rejected, Sent, Unknown
from engine.core.media import Fetched
from engine.ports import Clock, Health, MediaSource

# A download may take so many times the bound of one exchange.
_PATIENT: Final = 1.5


class Files:
    """What the threads of one Mattermost get of what clients send."""

    def __init__(
        self,
        mattermost: Mattermost,
        sources: Mapping[str, MediaSource],
        *,
        max_bytes: int,
        clock: Clock,
        timeout_s: float = 10,
    ) -> None:
        """`sources` by the connector whose clients' files they have; `max_bytes` is the largest that is fetched."""
        self.name = media.carrier(mattermost.name)
        self._mattermost = mattermost
        self._sources = sources
        self._max_bytes = max_bytes
        self._clock = clock
        self._timeout_s = timeout_s

    async def start(self) -> None:
        """Nothing to open: connections are made when they are needed."""

    async def close(self) -> None:
        """Drop all connections that were used. Idempotent."""
        for source in self._sources.values():
            await source.close()
        await self._mattermost.close()

    async def send(self, claimed: Claimed) -> Outcome:
        """Fetch a file and reply with it, or with the reason why there is none."""
        body = claimed.body
        if not isinstance(body, Media):
            return Rejected(Fault.PERMANENT, "kind", "nothing but files goes this way")
        waits = media.not_yet(body, claimed.thread)
        if waits is not None:
            return waits
        found = await self._found(body, claimed)
        taken = await self._uploaded(body, claimed, found) if isinstance(found, Fetched) else found
        match taken:
            case Rejected():
                return taken
            case FollowUp():
                logger.bind(delivery=claimed.id, ticket=claimed.ticket_id).warning("a file is not attached")
                outcome = await self._mattermost.attach(claimed, taken, ())
            case str():
                outcome = await self._mattermost.attach(claimed, media.caption(body), (taken,))
            case _:
                assert_never(taken)
        if outcome == Sent(""):
            logger.bind(delivery=claimed.id, ticket=claimed.ticket_id).warning("the thread of a file is gone")
        return outcome

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """Look for the reply in its channel."""
        return await self._mattermost.reconcile(claimed)

    def health(self) -> Health:
        """Always ready: a file that cannot be fetched keeps nobody from being told, and of Mattermost's own trouble its
        posts tell.
        """
        return Health(ready=True)

    async def _found(self, body: Media, claimed: Claimed) -> Fetched | FollowUp | Rejected:
        limits = await self._mattermost.server.limits()
        limit = min(self._max_bytes, limits.file)
        source = self._sources.get(body.connector)
        refused = media.refused_ahead(body, limit)
        if refused is not None:
            return refused
        fetched: Fetched | Rejected | Unknown
        if source is None:
            fetched = Rejected(Fault.PERMANENT, "source", f"files of {body.connector} are not fetched")
        else:
            try:
                async with asyncio.timeout(_PATIENT * self._timeout_s):
                    fetched = await source.fetch(body.reference, limit)
            except TimeoutError:
                fetched = Unknown("the file did not come in time")
        if not isinstance(fetched, Fetched):
            code = fetched.code if isinstance(fetched, Rejected) else "unknown"
            bound = logger.bind(connector=body.connector, delivery=claimed.id, ticket=claimed.ticket_id, code=code)
            bound.warning("a file was not fetched: {}", fetched.reason)
        return media.after_fetch(body, fetched, limit, claimed.accepted_at, self._clock.now())

    async def _uploaded(self, body: Media, claimed: Claimed, fetched: Fetched) -> str | FollowUp | Rejected:
        """The id of the file there, or what follows where there is none."""
        its_type = media.media_type(body, fetched)
        file = media.file_name(body, its_type), fetched.content, its_type
        try:
            async with asyncio.timeout(self._timeout_s):
                taken = await self._upload(body, file)
        except TimeoutError:
            taken = Rejected(Fault.TRANSIENT, "timeout", "Mattermost took too long over a file")
        if isinstance(taken, str):
            return taken
        return media.after_upload(body, taken, claimed.accepted_at, self._clock.now())

    async def _upload(self, body: Media, file: tuple[str, bytes, str]) -> str | Rejected:
        server = self._mattermost.server
        channel_id = await server.channel_id(body.channel, body.team)
        if isinstance(channel_id, Rejected):
            return channel_id
        answer = await server.upload(channel_id, file)
        if isinstance(answer, Reply) and not answer.taken and about_channel(answer):
            now = await server.resolve_again(body.channel, body.team)
            if isinstance(now, Rejected):
                return now
            answer = await server.upload(now, file) if now != channel_id else answer
        return await self._judged(body, answer)

    async def _judged(self, body: Media, answer: Exchange) -> str | Rejected:
        if not isinstance(answer, Reply):
            return certainly(answer)
        if not answer.taken:
            if verdict(answer) is Verdict.UNLICENSED:
                return Rejected(Fault.PERMANENT, code_of(answer), permanent(answer).reason)
            return await self._mattermost.server.judge(answer, body.channel)
        found = (answer.json_object() or {}).get("file_infos")
        first = found[0] if isinstance(found, list) and found else None
        file_id = first.get("id") if isinstance(first, dict) else None
        return file_id if isinstance(file_id, str) and file_id else UNREADABLE
