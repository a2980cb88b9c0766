"""What a command does with a linked phone's session while no daemon runs: link a phone, or unlink the device.

A gateway of its own for one purpose, killed at a deadline: the library itself cannot always be stopped while it shows
codes. What a client writes in these seconds is not taken in; WhatsApp keeps it for the daemon.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from engine.connectors.whatsapp_web.children import Child, ChildGone, Launch
from engine.connectors.whatsapp_web.fields import text
from engine.connectors.whatsapp_web.frames import BrokenFrame, Frame
from engine.connectors.whatsapp_web.supervision import OBSTACLES

# For a gateway that was told to stop, before it is killed.
_END_S = 4.0
_WITHOUT_DEVICE = "no_device"


class Linked(StrEnum):
    """What became of it."""

    DONE = "done"
    # Nobody scanned or typed the code in time.
    LATE = "late"
    # WhatsApp takes no code for this number.
    PHONE = "phone"
    # The phone or WhatsApp refused after the code was scanned.
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    OUTDATED = "outdated"
    # Nothing to unlink.
    UNLINKED = "unlinked"
    # The gateway ended; see the sentence.
    BROKEN = "broken"


# What these happenings mean for both commands.
_ENDS = {
    "unreachable": Linked.UNREACHABLE,
    "outdated": Linked.OUTDATED,
    "banned": Linked.REFUSED,
    "replaced": Linked.REFUSED,
    _WITHOUT_DEVICE: Linked.UNLINKED,
}


async def link(
    launch: Launch, phone: str | None, show: Callable[[str, str], None], timeout_s: float
) -> tuple[Linked, str]:
    """Link a phone; `show` takes each code, as "qr" or "pairing" with its text. With a sentence where it broke."""

    def judge(frame: Frame) -> Linked | None:
        match frame.get("is"), text(frame, "happening"):
            case "state", "connected":
                return Linked.DONE
            case "state", "logged_out":
                return Linked.REFUSED
            case "state", happening:
                return _ENDS.get(happening)
            case "code", _ if refused := text(frame, "refused"):
                return Linked.PHONE if refused == "phone" else Linked.REFUSED
            case "code", _:
                for kind in ("qr", "pairing"):
                    if code := text(frame, kind):
                        show(kind, code)
        return None

    return await _until(launch, {"do": "link", "phone": phone}, judge, timeout_s)


async def log_out(launch: Launch, timeout_s: float) -> tuple[Linked, str]:
    """Connect and unlink the device."""
    asked: list[Child] = []

    def judge(frame: Frame) -> Linked | None:
        match frame.get("is"), text(frame, "happening"):
            case "state", "connected":
                asked[0].send({"do": "logout"})
            case "state", "logged_out":
                return Linked.DONE
            case "state", happening:
                return _ENDS.get(happening)
            case "logged_out", _ if frame.get("done") is not True:
                return Linked.REFUSED
        return None

    return await _until(launch, {"do": "connect"}, judge, timeout_s, asked.append)


async def _until(
    launch: Launch,
    order: Frame,
    judge: Callable[[Frame], Linked | None],
    timeout_s: float,
    born: Callable[[Child], None] = lambda _child: None,
) -> tuple[Linked, str]:
    """Give a gateway one order and hear it until `judge` has an answer."""
    try:
        child = await Child.start(launch)
    except OSError as error:
        return Linked.BROKEN, f"the gateway cannot be started: {(error.strerror or 'the system refuses').lower()}"
    born(child)
    found: Linked | None = None
    async with _ending(child) as code:
        try:
            async with asyncio.timeout(timeout_s):
                child.send(order)
                async for frame in child.frames():
                    if (found := judge(frame)) is not None:
                        break
        except TimeoutError:
            found = Linked.LATE
        except (ChildGone, BrokenFrame):
            found = None
    if found is not None:
        return found, ""
    return Linked.BROKEN, OBSTACLES.get(code[0], f"the gateway ended by itself with {code[0]}")


@asynccontextmanager
async def _ending(child: Child) -> AsyncIterator[list[int]]:
    """End the gateway after the block; its exit code is in the list then."""
    code: list[int] = []
    try:
        yield code
    finally:
        child.ask_to_stop()
        code.append(await child.end(_END_S))
