"""WhatsApp as a linked device, both ways: what the gateway hands over is accepted before it is answered, and
acknowledgements go out one by one at a human pace.

`listen` is called by the daemon, `send` and `reconcile` by the relay. The network has no idempotency key and no
look-up: a message whose answer was lost is in doubt until a receipt of the client's phone proves it, which the journal
finds out.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from loguru import logger

from engine.connectors.pacing import pace_of
from engine.connectors.whatsapp_web import arrivals
from engine.connectors.whatsapp_web.children import Child, ChildGone, Launch
from engine.connectors.whatsapp_web.downloads import Downloads
from engine.connectors.whatsapp_web.fields import number, text
from engine.connectors.whatsapp_web.frames import Frame
from engine.connectors.whatsapp_web.identities import Address, address_of_peer
from engine.connectors.whatsapp_web.losses import Loss
from engine.connectors.whatsapp_web.refusals import refusal
from engine.connectors.whatsapp_web.states import OPEN, State, pause, problem
from engine.connectors.whatsapp_web.supervision import Patience, Supervision
from engine.core.deliveries import (
    Claimed,
    Fault,
    Found,
    Outcome,
    Reconciled,
    Rejected,
    Sent,
    ToClient,
    Unknown,
)
from engine.core.errors import JournalUnavailable, UsageError
from engine.ports import Clock, Health, Received

Accept = Callable[[Received], Awaitable[None]]
_Arrival = tuple[Child, Frame] | Loss | asyncio.Task[None]

# A message of this network's; after a change of the way one of another's may still be answered.
_OWN_MESSAGE = re.compile(r"[0-9A-Za-z-]{1,128}", re.ASCII)
# How much longer chance may make a gap, so that no clock shows in them.
_JITTER = 0.5
_LATE = "a message waits for WhatsApp's answer for longer than usual"


class WhatsAppWeb:
    """One phone number, linked as a device."""

    # WhatsApp ends the older of two connections of one session.
    exclusive = True

    def __init__(
        self,
        name: str,
        *,
        launch: Launch,
        per_second: float,
        per_client_gap: timedelta,
        read_receipts: bool = False,
        clock: Clock,
        chance: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        """`chance` gives numbers in [0, 1); with `read_receipts` the client sees a message read and an answer being
        typed before it comes.
        """
        self.name = name
        self._read_receipts = read_receipts
        self._clock = clock
        self._chance = chance
        self._patience = patience or Patience()
        self._log = logger.bind(connector=name)
        # With the gateway that handed it over; or what an unclean end may have lost; or the supervision that has ended.
        self._arrivals: asyncio.Queue[_Arrival] = asyncio.Queue()
        self._gateway = Supervision(
            name,
            launch,
            clock,
            chance,
            self._patience,
            hear=self._hear,
            lost=self._arrivals.put_nowait,
            ended=self._forget_answers,
        )
        # Where the files of its clients are.
        self.media = Downloads(self._connected)
        # Taken out of the queue and not accepted yet.
        self._being_taken: tuple[Child, Frame] | Loss | None = None
        self._pace = pace_of(per_second, per_client_gap, jitter=_JITTER)
        self._turn = asyncio.Lock()
        # Of the newest message to be sent; its answer is None when the gateway ended first.
        self._number = 0
        self._answers: dict[int, asyncio.Future[Frame | None]] = {}
        self._late: set[int] = set()
        self._logged_out: asyncio.Future[bool] | None = None

    async def start(self) -> None:
        """Nothing yet: the connection is there while somebody listens, and on one node alone."""

    async def close(self) -> None:
        """End the gateway within some seconds. Idempotent. What it holds is taken in only by `listen`, which must have
        been cancelled and have ended before.
        """
        await self._gateway.close()

    def is_of_use(self) -> bool:
        """Not while only a person can bring the connection back, or the gateway cannot run here."""
        gateway = self._gateway
        return not gateway.obstacle and pause(gateway.standing, self._clock.now(), 0) is not None

    def health(self) -> Health:
        """Ready while the connection is up and answers."""
        standing, obstacle = self._gateway.standing, self._gateway.obstacle
        wrong = obstacle or problem(standing, self.name) or (_LATE if self._late else "")
        ready = standing.state is State.ONLINE and not obstacle
        return Health(ready, wrong, standing.state.value, self._gateway.lost_at)

    def _hear(self, child: Child, frame: Frame) -> None:
        match frame.get("is"):
            case "message" | "undecryptable" | "receipt":
                self._arrivals.put_nowait((child, frame))
            case "sent" | "refused":
                self._answer(number(frame, "id") or 0, frame)
            case "piece" | "fetched" | "unfetched":
                self.media.hear(frame)
            case "logged_out":
                self._settle_logout(done=frame.get("done") is True)
            case _:
                self._log.warning("the gateway said something that this version does not know")

    # What comes in.

    async def listen(self, accept: Accept) -> None:
        """Keep a gateway alive and take in what the network has until cancelled. What the gateway holds then is taken
        in before it ends, for some seconds at most.
        """
        supervision = await self._gateway.start(self._arrivals.put_nowait)
        try:
            while await self._take(accept, supervision):
                pass
            if not supervision.cancelled() and (failure := supervision.exception()) is not None:
                raise failure
            # Only a person can bring the connection back; the daemon goes on without it.
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await self._drain(accept, supervision)
            raise

    async def _drain(self, accept: Accept, supervision: asyncio.Task[None]) -> None:
        self._gateway.finish()
        try:
            async with asyncio.timeout(self._patience.drain_s):
                while (
                    self._being_taken or not self._arrivals.empty() or not self._gateway.is_over
                ) and await self._take(accept, supervision):
                    pass
        except TimeoutError:
            self._log.warning("not all that the gateway held was taken in; WhatsApp may not send it again")

    async def _take(self, accept: Accept, supervision: asyncio.Task[None]) -> bool:
        """Take one thing in and tell the gateway, which waits for that; False when nothing more can come."""
        if self._being_taken is None:
            came = await self._arrivals.get()
            if isinstance(came, asyncio.Task):
                # That of an earlier listening says nothing about this one.
                return came is not supervision
            self._being_taken = came
        arrival = self._being_taken
        now = self._clock.now()
        if isinstance(arrival, Loss):
            received = arrivals.read_lost(self.name, arrival.infos, now)
        else:
            received = arrivals.read(self.name, arrival[1], now)
        while received is not None:
            try:
                await accept(received)
            except JournalUnavailable as error:
                self._log.warning("what WhatsApp brings has to wait: {}", error)
                await asyncio.sleep(error.retry_after.total_seconds())
            else:
                break
        self._being_taken = None
        if isinstance(arrival, Loss):
            self._gateway.settle(arrival)
            return True
        child, frame = arrival
        try:
            child.send({"do": "taken", "id": number(frame, "id") or 0})
        except ChildGone:
            # WhatsApp may send it again; the journal knows it then.
            self._log.info("a gateway ended before it heard that its message was taken")
        return True

    # What goes out.

    async def send(self, claimed: Claimed) -> Outcome:
        """Send what is for the client as a text message; any other kind is refused."""
        body = claimed.body
        if not isinstance(body, ToClient):
            return Rejected(Fault.PERMANENT, "kind", "WhatsApp cannot carry a post for engineers")
        address = address_of_peer(body.peer)
        if address is None:
            return Rejected(Fault.PERMANENT, "peer", "the conversation names no WhatsApp number")
        client = address.conversation_id
        if (refused := self._closed()) is not None:
            return refused
        if self._read_receipts and claimed.attempt == 1:
            self._show_attention(address, body.message_id)
        if (refused := await self._wait_for_turn(client)) is not None:
            return refused
        try:
            outcome = self._closed() or await self._ask(claimed.id, address, body.text)
        finally:
            self._pace.spend(client, self._clock.elapsed(), self._chance())
            self._turn.release()
        if isinstance(outcome, Rejected) and outcome.fault is Fault.MISCONFIGURED:
            self._log.bind(delivery=claimed.id, code=outcome.code).error("{}", outcome.reason)
        return outcome

    async def reconcile(self, _claimed: Claimed) -> Reconciled:
        """Nobody can tell: the only proof is a receipt of the client's phone, which settles the delivery in the
        journal.
        """
        return Found.UNDECIDED

    def _closed(self) -> Rejected | None:
        """Why nothing can be sent now."""
        standing = self._gateway.standing
        if standing.state in OPEN and self._gateway.child is not None:
            return None
        reason = self._gateway.obstacle or problem(standing, self.name) or "the gateway is starting"
        by_itself = pause(standing, self._clock.now(), 0) is not None
        return Rejected(Fault.TRANSIENT if by_itself else Fault.MISCONFIGURED, standing.state.value, reason)

    def _connected(self) -> Child | Rejected:
        """The gateway, or why it can be asked for no file; whatever it is, it concerns this connector's files alone."""
        closed, child = self._closed(), self._gateway.child
        if closed is None and child is not None:
            return child
        code, reason = (closed.code, closed.reason) if closed else ("offline", "the gateway has ended")
        return Rejected(Fault.TRANSIENT, code, reason, lane_only=True)

    def _show_attention(self, address: Address, message_id: str) -> None:
        """Have the gateway show the client that somebody is there, while the answer waits for its turn."""
        child = self._gateway.child
        if child is None or _OWN_MESSAGE.fullmatch(message_id) is None:
            return
        with suppress(ChildGone):
            child.send({"do": "attend", "user": address.user, "server": address.server, "message_id": message_id})

    async def _wait_for_turn(self, client: str) -> Rejected | None:
        """Hold `_turn` once a message to this client may leave, or say why it does not get that far."""
        try:
            async with asyncio.timeout(self._patience.turn_s):
                while True:
                    await self._turn.acquire()
                    delay = self._pace.wait(client, self._clock.elapsed())
                    if not delay:
                        return None
                    self._turn.release()
                    await asyncio.sleep(delay.total_seconds())
        except TimeoutError:
            delay = self._pace.wait(client, self._clock.elapsed())
            reason = "other messages go first, so that WhatsApp does not take the number for a machine"
            return Rejected(Fault.TRANSIENT, "pace", reason, delay)

    async def _ask(self, delivery: str, address: Address, said: str) -> Outcome:
        """Have the gateway send one message, and wait for what becomes of it."""
        child = self._gateway.child
        if child is None:
            return Rejected(Fault.TRANSIENT, "offline", "the gateway has ended")
        loop = asyncio.get_running_loop()
        self._number += 1
        asked = self._number
        answer = self._answers[asked] = loop.create_future()
        alarm = loop.call_later(self._patience.late_s, self._note_late, asked, delivery)
        try:
            child.send({"do": "send", "id": asked, "user": address.user, "server": address.server, "text": said})
            async with asyncio.timeout(self._patience.verdict_s):
                frame = await answer
        except ChildGone:
            return Rejected(Fault.TRANSIENT, "offline", "the gateway has ended")
        except TimeoutError:
            # The library gives up earlier: it hangs.
            self._log.error("the gateway gives no answer and is killed")
            child.kill()
            return Unknown("the gateway did not answer")
        finally:
            alarm.cancel()
            self._answers.pop(asked, None)
            self._late.discard(asked)
        if frame is None:
            return Unknown("the gateway ended while the message was sent")
        if frame.get("is") == "refused":
            return refusal(text(frame, "error"))
        message_id = text(frame, "message_id")
        return Sent(message_id) if message_id else Unknown("the gateway named no message")

    def _answer(self, asked: int, frame: Frame | None) -> None:
        answer = self._answers.pop(asked, None)
        if answer is not None and not answer.done():
            answer.set_result(frame)

    def _forget_answers(self, unclean: bool) -> None:  # noqa: FBT001 - as `Supervision` calls it
        """The gateway has ended: nobody will say what became of what it was to send."""
        for asked in tuple(self._answers):
            self._answer(asked, None)
        self.media.forget(unclean=unclean)
        self._settle_logout(done=False)

    def _note_late(self, asked: int, delivery: str) -> None:
        self._late.add(asked)
        self._log.bind(delivery=delivery).warning("{}", _LATE)

    # The end of the link.

    async def log_out(self) -> None:
        """Unlink this device. Raises UsageError where WhatsApp cannot be told."""
        child = self._gateway.child
        if child is None or self._gateway.standing.state not in OPEN or self._logged_out is not None:
            raise UsageError(f"{self.name} is not connected: unlink the device on the phone, under linked devices")
        self._logged_out = asyncio.get_running_loop().create_future()
        try:
            child.send({"do": "logout"})
            async with asyncio.timeout(self._patience.logout_s):
                done = await self._logged_out
        except (ChildGone, TimeoutError):
            done = False
        finally:
            self._logged_out = None
        if not done:
            raise UsageError("WhatsApp did not take the request: unlink the device on the phone, under linked devices")

    def _settle_logout(self, *, done: bool) -> None:
        if self._logged_out is not None and not self._logged_out.done():
            self._logged_out.set_result(done)
