"""Questions to a network's API that change nothing there, e.g. who is on call. Made by `adapters` for `oncall`."""

from collections.abc import Mapping

from engine.connectors.exchanges import Session, certainly
from engine.connectors.replies import Reply
from engine.core.deliveries import Fault, Rejected


class Inquiry:
    """A session that only asks."""

    def __init__(self, network: str, session: Session) -> None:
        """`network` names it in reasons."""
        self._network = network
        self._session = session

    async def ask(self, path: str, query: Mapping[str, str]) -> dict[str, object] | Rejected:
        """The object in the answer; otherwise why there is none, with the HTTP status as its code. Never raises for
        what a network does.
        """
        reply = await self._session.exchange("GET", path, query=query)
        if not isinstance(reply, Reply):
            return certainly(reply)
        if not reply.taken:
            advice = ", too many requests: a longer refresh asks it less often" if reply.overloaded else ""
            reason = f"{self._network} answered {reply.status}{advice}"
            return Rejected(Fault.TRANSIENT, str(reply.status), reason, retry_after=reply.retry_after)
        answer = reply.json_object()
        if answer is None:
            return Rejected(Fault.TRANSIENT, "answer", f"something answered that is not {self._network}: check the url")
        return answer

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()
