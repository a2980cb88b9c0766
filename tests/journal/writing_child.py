"""A process that lives events in a loop until it is killed; it prints each promise of the journal once it was given.

Run by `test_journal_survives_kill`: `writing_child.py FILE FIRST`, FIRST being the number of its first message.
"""

import asyncio
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from journal.samples import NOW, acknowledgement, claim, escalation, finish, inbound, opening

from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.ports import Journal


def tell(kind: str, value: object) -> None:
    sys.stdout.write(f"{kind} {value}\n")
    sys.stdout.flush()


async def live(journal: Journal, numbers: Iterator[int]) -> None:
    for number in numbers:
        name = f"wa-{number}"
        message = inbound(f"m-{number}", name)
        (answer,) = await journal.accept([message], NOW)
        tell("accepted", f"{number}:{answer.inbox_id}")
        plan = opening(message, acknowledgement(f"ack-{number}", name), escalation(f"post-{number}", name))
        tell("ticket", await journal.record(answer.inbox_id, plan, {}, NOW))
        for destination in ("main", "mattermost"):
            for claimed in await claim(journal, destination, limit=1):
                tell("claimed", claimed.id)
                if await finish(journal, claimed):
                    tell("sent", claimed.id)


async def main() -> None:
    journal = StoredJournal(SqliteStore(Path(sys.argv[1])))
    await journal.open("node-a", NOW)
    numbers = itertools.count(int(sys.argv[2]))
    await asyncio.gather(*(live(journal, numbers) for _ in range(16)))


if __name__ == "__main__":
    asyncio.run(main())
