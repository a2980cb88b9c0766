"""Clients who write, Meta who repeats what was not heard, and the count of what came of it.

`converse` lets every conversation's next message go only when the last one was taken, so that the order of acceptance
is known; `under_kills` has something die meanwhile, and `tally` then says for each message whether it came out once, in
order, and under a ticket without gaps.
"""

import asyncio
import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
from standins.graph import message_notification, signature, text_message
from standins.processes import Site, wait_until

SEED = "I have issues with my 3CX, I can't make outbound calls"
# What clients write about, each for another channel: a look-up at Mattermost sees a channel's newest 1,000 posts only,
# and forty messages a second would push a post in doubt out of sight in less than half a minute.
TOPICS = (
    SEED,
    "Our customers cannot reach us on the main line",
    "Good morning, the internet is very slow today",
    "Kindly send us the invoice for October",
)
ACKNOWLEDGEMENT = (
    "Hello {name}, I am sorry for what you are facing at the moment. Please note that we have received your request, "
    "and one of our engineers will get back to you shortly."
)
# How many clients write at the same time; each writes all of her messages before the next client begins.
_AT_ONCE = 60
_PATIENCE_S = 120.0
_MARK = re.compile(r"qzk\d{4}x\d{2}")


def mark(conversation: int, message: int) -> str:
    """A word that no rule knows and that stands in one message only."""
    return f"qzk{conversation:04d}x{message:02d}"


@dataclass(frozen=True, slots=True)
class Writer:
    """A client; every text of hers is recognisable."""

    number: int

    @property
    def wa_id(self) -> str:
        return f"25471{5_000_000 + self.number * 7:07d}"

    @property
    def name(self) -> str:
        return f"Wanjiru{self.number:04d}zed"

    @property
    def topic(self) -> str:
        return TOPICS[self.number % len(TOPICS)]

    def notification(self, message: int) -> dict[str, Any]:
        """Meta's notification about one message."""
        text = f"{self.topic} {mark(self.number, message)}"
        now = int(time.time())  # noqa: TID251 - a client has a clock of her own
        return message_notification(text_message(f"wamid.{self.wa_id}/{message}", text, self.wa_id, now), self.name)


class Meta:
    """Posts notifications to the daemon, each until it is answered 200."""

    def __init__(self, site: Site, *others: Site) -> None:
        """`others`: further nodes behind the same address; what one does not take is offered to the next."""
        self._site = site
        self._doors = itertools.cycle((site, *others))
        self._http = httpx.AsyncClient(trust_env=False, timeout=10)
        # How often each status was answered; 0 for no answer.
        self.answers: Counter[int] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def post(self, notification: Any, **headers: str) -> httpx.Response:
        """Post once."""
        body = notification if isinstance(notification, bytes) else json.dumps(notification).encode()
        signed = {"content-type": "application/json", "x-hub-signature-256": signature(body), **headers}
        return await self._http.post(f"{next(self._doors).url}/webhooks/cloud", content=body, headers=signed)

    async def deliver(self, notification: Any, pause_s: float = 0.5) -> None:
        """Post until 200; fail when that takes longer than any restart."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                try:
                    status = (await self.post(notification)).status_code
                except httpx.TransportError:
                    status = 0
                self.answers[status] += 1
                if status == 200:
                    return
                await asyncio.sleep(pause_s)

    async def converse(self, writers: Sequence[Writer], messages: int, per_second: float) -> None:
        """Every client writes so many messages, each after the last was taken, together about so many a second."""
        plant(self._site, writers)
        pace, waiting = asyncio.Semaphore(0), iter(writers)

        async def release() -> None:
            for _ in range(len(writers) * messages):
                pace.release()
                await asyncio.sleep(1 / per_second)

        async def write() -> None:
            for writer in waiting:
                for message in range(messages):
                    await pace.acquire()
                    await self.deliver(writer.notification(message))

        async with asyncio.TaskGroup() as group:
            group.create_task(release())
            for _ in range(_AT_ONCE):
                group.create_task(write())


async def under_kills(load: Coroutine[Any, Any, None], times: int, seed: int, kill: Callable[[int], object]) -> None:
    """`load` to its end, while `kill`, which gets the number of the kill and waits for what it starts again, is called
    at so many random moments.
    """
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    loading = asyncio.create_task(load)
    for number in range(times):
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        await asyncio.to_thread(kill, number)
    await loading


def plant(site: Site, writers: Sequence[Writer]) -> None:
    """From now on nothing of these clients may stand in a log."""
    site.planted |= {"qzk", "Wanjiru", *TOPICS}
    site.planted |= {writer.wa_id for writer in writers}


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a number of conversations."""

    messages: int
    # Acknowledgements, root posts and replies that took effect at the networks.
    acknowledged: int
    posted: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    # Conversations whose thread is not in the order of writing.
    reordered: tuple[str, ...]
    # Ticket numbers that are missing or stand on two posts.
    gaps: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that must not be."""
        return (*self.lost, *self.doubled, *self.reordered, *self.gaps)

    def table(self) -> str:
        """The count for a person."""
        rows = {
            "messages accepted": self.messages,
            "acknowledged": self.acknowledged,
            "posted": self.posted,
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "reordered": len(self.reordered),
            "ticket gaps": len(self.gaps),
        }
        return "\n".join(f"{name:<20}{figure:>8}" for name, figure in rows.items())


def show(what: str, counted: Tally) -> None:
    """Print a count, for whoever runs the tests with -s."""
    print(f"\n{what}\n{counted.table()}")  # noqa: T201 - shown with -s


def tally(site: Site, writers: Sequence[Writer], messages: int, *, acknowledged: bool = True) -> Tally:
    """Count what the networks hold against what the clients wrote."""
    sent, posts = site.sent(), site.posts()
    acks = Counter(message["peer"] for message in sent)
    seen: Counter[str] = Counter()
    threads: dict[str, list[str]] = {}
    for post in posts:
        marks = _MARK.findall(post["message"])
        # A summary may repeat the beginning of the text, so one post may hold its mark twice.
        for found in dict.fromkeys(marks):
            seen[found] += 1
            threads.setdefault(post["root_id"] or post["id"], []).append(found)
    wanted = {mark(writer.number, message) for writer in writers for message in range(messages)}
    lost = sorted(wanted - set(seen))
    doubled = sorted(found for found, times in seen.items() if times > 1 or found not in wanted)
    for writer in writers:
        times = acks[writer.wa_id]
        lost += [f"acknowledgement {writer.number}"] * (acknowledged and times == 0)
        doubled += [f"acknowledgement {writer.number}"] * (times > int(acknowledged))
    whole = {tuple(mark(writer.number, message) for message in range(messages)) for writer in writers}
    reordered = [" ".join(thread) for thread in threads.values() if tuple(thread) not in whole]
    return Tally(
        len(wanted), len(sent), len(posts), tuple(lost), tuple(doubled), tuple(reordered), _gaps(posts, len(writers))
    )


def settled(site: Site, writers: Sequence[Writer], messages: int, patience_s: float = 45) -> Tally:
    """The count once everything came out and nothing is under way any more."""
    wait_until(lambda: not tally(site, writers, messages).lost, "everything came out", patience_s, 0.25)
    wait_until(site.is_idle, "nothing is under way", patience_s, 0.25)
    return tally(site, writers, messages)


def _gaps(posts: Sequence[dict[str, Any]], conversations: int) -> tuple[str, ...]:
    # Calls in a further channel are no posts of an incident, and have no ticket.
    roots = (post["props"]["oc"]["ticket"] for post in posts if not post["root_id"])
    tickets = Counter(ticket for ticket in roots if ticket)
    years = {ticket.split("-")[1] for ticket in tickets}
    wanted = {f"OC-{year}-{number:04d}" for year in years for number in range(1, conversations + 1)}
    missing = sorted(wanted - set(tickets)) if len(years) <= 1 else [f"years {sorted(years)}"]
    return (*missing, *(ticket for ticket, times in tickets.items() if times > 1 or ticket not in wanted))
