"""Keeps one gateway process alive, as long as WhatsApp lets it, and knows how the connection stands.

Used by `connector`, which hears everything that is no news about the connection itself. A gateway that ends by itself
is started again after a growing pause; one whose connection WhatsApp has ended waits for what `states` says.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from loguru import logger

from engine.connectors.whatsapp_web import losses
from engine.connectors.whatsapp_web.children import Child, ChildGone, Launch
from engine.connectors.whatsapp_web.fields import number, text
from engine.connectors.whatsapp_web.frames import BrokenFrame, Frame
from engine.connectors.whatsapp_web.losses import Loss
from engine.connectors.whatsapp_web.sessions import UNUSABLE, USED, back_up
from engine.connectors.whatsapp_web.states import OPEN, Happening, Standing, State, follow, pause, problem
from engine.ports import Clock

# Why a gateway ended at once, by its exit code.
OBSTACLES = {
    UNUSABLE: (
        "neonize cannot be loaded: install the engine anew (`bash deploy/setup.sh`) and the system's package libmagic1"
    ),
    USED: "another process uses this session: end it, e.g. a second daemon or `engine whatsapp link`",
}
_SESSION = "the session's file cannot be opened: is it damaged, or not the daemon's? see deploy/whatsapp-web.md"
# After these the process is of no use any more.
_FINAL = frozenset(
    {
        Happening.NO_DEVICE,
        Happening.UNREACHABLE,
        Happening.REPLACED,
        Happening.BANNED,
        Happening.OUTDATED,
        Happening.LOGGED_OUT,
    }
)
_HAPPENINGS = frozenset(Happening)
# Longer than any ban.
_LONGEST_S = 10**9


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    # A message without an answer is late; the library gives up at 75.
    late_s: float = 20.0
    verdict_s: float = 80.0
    # How long a message waits for its turn. With its verdict less than the lease of a delivery among nodes, 100.
    turn_s: float = 10.0
    # For what the gateway still holds when it is told to stop, and for its end when nobody takes that in any more.
    drain_s: float = 8.0
    close_s: float = 3.0
    logout_s: float = 30.0
    # WhatsApp is asked when nothing was heard for so long, and has so long to answer; the second time in a row that it
    # does not, the gateway is replaced.
    probe_after_s: float = 60.0
    probe_within_s: float = 20.0


class Supervision:
    """The gateway of one linked number."""

    def __init__(
        self,
        name: str,
        launch: Launch,
        clock: Clock,
        chance: Callable[[], float],
        patience: Patience,
        *,
        hear: Callable[[Child, Frame], None],
        lost: Callable[[Loss], None],
        ended: Callable[[bool], None],
    ) -> None:
        """`hear` takes what is no news of the connection, `lost` what an unclean end may have lost, for `settle`;
        `ended` is called after the end of each gateway, with whether that was unclean: it was not told to end, or had
        to be killed.
        """
        self._name = name
        self._launch = launch
        self._clock = clock
        self._chance = chance
        self._patience = patience
        self._hear = hear
        self._lost = lost
        self._ended = ended
        self._log = logger.bind(connector=name)
        self._task: asyncio.Task[None] | None = None
        self._finishing = False
        self._copying: asyncio.Task[None] | None = None
        self.standing = Standing(State.CONNECTING, clock.now())
        # Keeps the gateway from starting at all; "" for nothing.
        self.obstacle = ""
        # The gateway that runs.
        self.child: Child | None = None
        # Of the newest unclean end.
        self.lost_at: datetime | None = None
        # Told to `lost` and not settled yet.
        self._unsettled: Loss | None = None

    async def start(self, done: Callable[[asyncio.Task[None]], None]) -> asyncio.Task[None]:
        """Begin, or begin again once the last gateway has ended; `done` gets the task that this returns when no further
        gateway will be started by it.
        """
        if self._task is not None:
            await asyncio.wait([self._task])
        self._finishing = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"gateway of {self._name}")
        self._task.add_done_callback(done)
        return self._task

    @property
    def is_over(self) -> bool:
        """Whether no gateway runs and none will be started."""
        return self._task is None or self._task.done()

    def finish(self) -> None:
        """Have the gateway hand over what it holds and end, and start none after it."""
        self._finishing = True
        if self.child is not None:
            self.stop(self.child)
        elif self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """End the gateway within some seconds. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task, self._copying] if self._copying else [task])

    def stop(self, child: Child) -> None:
        """Have a gateway end, by force when it takes too long."""
        child.ask_to_stop()
        asyncio.get_running_loop().call_later(self._patience.drain_s, child.kill)

    async def _run(self) -> None:
        """One gateway after the other, until one ends in a way that only a person can mend."""
        while True:
            self._follow(Happening.STARTED)
            try:
                child = await Child.start(self._launch)
            except OSError as error:
                self._hinder(f"the gateway cannot be started: {(error.strerror or 'the system refuses').lower()}")
                self._follow(Happening.ENDED)
            else:
                await self._accompany(child)
            delay = pause(self.standing, self._clock.now(), self._chance())
            if delay is None or self._finishing:
                return
            await asyncio.sleep(delay.total_seconds())

    async def _accompany(self, child: Child) -> None:
        """Hear one gateway until it has ended."""
        self.child = child
        code = 0
        try:
            spans = {"probe_after_s": self._patience.probe_after_s, "probe_within_s": self._patience.probe_within_s}
            child.send({"do": "connect", **spans, "after_loss": await self._look_for_losses()})
            async for frame in child.frames():
                if frame.get("is") == "state":
                    self._hear_state(child, frame)
                else:
                    self._hear(child, frame)
        except ChildGone:
            pass  # its exit code tells why
        except BrokenFrame as error:
            self._log.error("the gateway is killed: {}", error)
            child.kill()
        finally:
            # Also when this is cancelled, or fails.
            child.ask_to_stop(unless_ended=True)
            try:
                code = await child.end(self._patience.close_s)
            finally:
                self.child = None
                unclean = not child.stopping or child.killed
                self._ended(unclean)
        if unclean:
            self._note_end(child, code)
        elif not code and self._unsettled is None:
            self._keep_mark(losses.end)

    def _note_end(self, child: Child, code: int) -> None:
        self._hinder(OBSTACLES.get(code, ""))
        if code not in OBSTACLES:
            words = ": its library gave up" if child.died else ""
            self._log.warning("the gateway ended with {}{}", code, words)
        self._follow(Happening.ENDED)

    async def _look_for_losses(self) -> bool:
        """Before the session is opened: whether the connection had ended uncleanly, as far as can be told."""
        try:
            loss = await asyncio.to_thread(losses.begin, self._launch.folder)
        except (OSError, sqlite3.Error):
            self._log.warning("whether an earlier gateway lost anything is not known: its session cannot be read")
            return True
        if loss is not None:
            self._log.warning("the connection had ended uncleanly: up to 101 messages may not have been taken in")
            self.lost_at, self._unsettled = loss.at, loss
            self._lost(loss)
        return loss is not None

    def settle(self, loss: Loss) -> None:
        """What was found after an unclean end is durable."""
        if loss is self._unsettled:
            self._unsettled = None
            online = self.standing.state in OPEN
            self._keep_mark(lambda folder: losses.settle(folder, loss, online=online))

    def _keep_mark(self, change: Callable[[Path], None]) -> None:
        try:
            change(self._launch.folder)
        except OSError:
            self._log.warning("the mark of the running gateway cannot be written: is the disk full?")

    def _hinder(self, obstacle: str) -> None:
        if obstacle and obstacle != self.obstacle:
            self._log.error("{}", obstacle)
        self.obstacle = obstacle

    def _hear_state(self, child: Child, frame: Frame) -> None:
        word = text(frame, "happening")
        if word not in _HAPPENINGS:
            self._log.warning("the gateway told a state that this version does not know")
            return
        happening = Happening(word)
        seconds = min(number(frame, "expires_in_s") or 0, _LONGEST_S)
        if frame.get("session") is True:
            self._hinder(_SESSION)
        self._follow(happening, timedelta(seconds=seconds) if seconds else None)
        if happening is Happening.CONNECTED:
            self._keep_mark(losses.note_online)
        if happening is Happening.CONNECTED and (self._copying is None or self._copying.done()):
            self._copying = asyncio.get_running_loop().create_task(self._back_up())
        if happening in _FINAL:
            self.stop(child)

    async def _back_up(self) -> None:
        try:
            await asyncio.to_thread(back_up, self._launch.folder)
        except (OSError, sqlite3.Error):
            self._log.warning("the session could not be copied; the copy of an earlier connection is kept")

    def _follow(self, happening: Happening, expires_in: timedelta | None = None) -> None:
        before, self.standing = self.standing, follow(self.standing, happening, self._clock.now(), expires_in)
        state = self.standing.state
        if state in OPEN:
            self.obstacle = ""
        if state is not before.state:
            level = "INFO" if state in {State.ONLINE, State.CONNECTING} else "WARNING"
            self._log.log(level, "{}: {}", state.value, problem(self.standing, self._name) or "connected to WhatsApp")
