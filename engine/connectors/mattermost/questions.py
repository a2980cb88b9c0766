"""What is asked of Mattermost by REST about people and posts, and what it means that there is no answer.

Called by `people` and `reconciliations`. Here a refusal is no value but ends what is being done (`NotHeard`): whoever
listens begins again later, at the place where it was, so nothing is passed over, and a click is answered with the
reason.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from engine.connectors.exchanges import certainly
from engine.connectors.mattermost.refusals import UNREADABLE, about_channel, is_believed
from engine.connectors.mattermost.servers import Server
from engine.connectors.replies import Reply
from engine.core.deliveries import Rejected
from engine.core.errors import EngineError

# How often a question is put again that a busy server did not take.
_PATIENCE = 20
# Whoever asks for a longer pause is not heard meanwhile: the listener says so, and comes again then.
_LONGEST_PAUSE = timedelta(seconds=3)


class NotHeard(EngineError):
    """Mattermost cannot be heard now; the message says why and, where a person is needed, what to do."""

    def __init__(self, refusal: Rejected, *, gap: bool = False) -> None:
        """`gap`: events are missing, so that the connection must not be taken up where it was."""
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.gap = gap


async def ask(
    server: Server, method: str, path: str, *, query: Mapping[str, str] | None = None, payload: object = None
) -> Reply | None:
    """The answer to a question; None when the bot has no right to know it, or there is nothing there. Raises NotHeard.

    A server that counts requests is given the time that it asks for.
    """
    for _ in range(_PATIENCE):
        answer = await server.exchange(method, path, query=query, payload=payload)
        if not isinstance(answer, Reply) or not answer.overloaded or answer.retry_after > _LONGEST_PAUSE:
            break
        await asyncio.sleep(answer.retry_after.total_seconds())
    if not isinstance(answer, Reply):
        raise NotHeard(certainly(answer))
    if answer.taken:
        return answer
    refusal = await server.judge(answer, "")
    if about_channel(answer) and is_believed(refusal):
        return None
    raise NotHeard(refusal)


def unreadable() -> NotHeard:
    """An answer that Mattermost does not give."""
    return NotHeard(UNREADABLE)
