"""What `engine journal check` finds in journals that somebody broke, on every store; ids only, never whose they are."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event

import apsw
import pytest
from journal.faults import meddle, modes, path_of
from journal.samples import (
    DEAD,
    NOW,
    Restart,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    escalation,
    finish,
    follow_up,
    inbound,
    opened,
)

from engine.core.deliveries import DeliveryState
from engine.core.errors import JournalUnavailable, NotFound, UsageError
from engine.core.settlements import Settlement
from engine.journal import checks, sqlite
from engine.journal.backups import ITS_OWN_BACKUPS
from engine.journal.journals import StoredJournal
from engine.journal.postgres import PostgresStore
from engine.journal.statements import MIGRATIONS

UNDECIDED = "the undecided messages of a conversation, from message 3 of the inbox on,"
RETRY = Settlement(DeliveryState.QUEUED, due_at=NOW, error="503: busy")


@pytest.fixture
async def journal(restart: Restart) -> StoredJournal:
    """Two incidents, a lane with two deliveries, and a conversation with two undecided messages."""
    journal = await restart()
    assert isinstance(journal, StoredJournal)
    await opened(journal, escalation("post"), follow_up("reply"), acknowledgement("ack"))
    await opened(journal, conversation="wa-2")
    for message in ("m3", "m4"):
        await accepted(journal, inbound(message, "wa-3"))
    return journal


async def test_a_journal_that_holds_together_is_told_in_numbers(journal: StoredJournal) -> None:
    """Nothing is found, and how much there is of everything is said."""
    told = await journal.check()
    assert told == {
        "findings": [],
        "holds": {
            "messages": 4,
            "undecided": 2,
            "incidents": 2,
            "deliveries": 3,
            "open": 3,
            "audit": 6,
            "newest": "2026-02-12T10:15:30Z",
            "schema": len(MIGRATIONS),
        },
    }
    assert checks.told(told["holds"]) == (
        "4 messages (2 undecided), 2 incidents, 3 deliveries (3 open), 6 audit rows, newest message "
        f"2026-02-12T10:15:30Z, schema {len(MIGRATIONS)}"
    )


async def test_an_empty_journal_holds_together(restart: Restart) -> None:
    """The first start is no fault."""
    journal = await restart()
    told = await journal.check()
    assert (told["findings"], told["holds"]["newest"]) == ([], None)
    assert "newest message none" in checks.told(told["holds"])


@pytest.mark.parametrize(
    ("statements", "findings"),
    [
        pytest.param(
            ["UPDATE deliveries SET head = 0 WHERE id = 'post'"],
            ["the lane of delivery post has 0 heads, not one"],
            id="no head",
        ),
        pytest.param(
            ["DROP INDEX deliveries_lane_head", "UPDATE deliveries SET head = 1"],
            [
                "the lane of delivery post has 2 heads, not one",
                "delivery post waits behind delivery reply, a later one of its lane, which is queued",
            ],
            id="two heads",
        ),
        pytest.param(
            [
                "UPDATE deliveries SET head = 0 WHERE id = 'post'",
                "UPDATE deliveries SET head = 1 WHERE id = 'reply'",
            ],
            ["delivery post waits behind delivery reply, a later one of its lane, which is queued"],
            id="not the first",
        ),
        pytest.param(
            ["UPDATE inbox SET head = 0 WHERE id = 3"],
            [f"{UNDECIDED} have 0 heads, not one"],
            id="a conversation without head",
        ),
        pytest.param(
            ["UPDATE inbox SET head = 0 WHERE id = 3", "UPDATE inbox SET head = 1 WHERE id = 4"],
            [f"{UNDECIDED} have a head that is not the first of them"],
            id="a conversation with another head",
        ),
        pytest.param(
            ["DROP INDEX incidents_live", "UPDATE incidents SET conversation_id = 'wa-1'"],
            ["incidents OC-2026-0001 and OC-2026-0002 are live in one conversation"],
            id="two live incidents",
        ),
        pytest.param(
            [
                "INSERT INTO identities VALUES ('main', 'wa-2', 'wa-1', 1, 1)",
                "INSERT INTO identities VALUES ('main', 'wa-3', 'wa-2', 1, 1)",
            ],
            ["2 names of clients lead to a conversation that leads elsewhere"],
            id="names that lead nowhere",
        ),
        pytest.param(
            ["UPDATE deliveries SET state = 'sending' WHERE id = 'ack'"],
            ["delivery ack is being sent by nobody"],
            id="sent by nobody",
        ),
        pytest.param(
            ["UPDATE audit SET kind = 'lapsed' WHERE seq = 2"],
            ["row 2 of the audit does not follow from the row before it: see `engine audit verify`"],
            id="a changed row of the audit",
        ),
        pytest.param(
            ["DELETE FROM audit WHERE seq = 6"],
            ["6 rows of the audit were written, and their end is not there: see `engine audit verify`"],
            id="a missing row of the audit",
        ),
        pytest.param(
            ["UPDATE counters SET last = 4"],
            [
                "ticket OC-2026-0003 is missing: the counter of its year is at 4",
                "ticket OC-2026-0004 is missing: the counter of its year is at 4",
            ],
            id="missing tickets",
        ),
        pytest.param(
            ["UPDATE counters SET last = 1"],
            ["ticket OC-2026-0002 is beyond the counter of its year, which is at 1"],
            id="a counter that lags",
        ),
        pytest.param(
            ["DELETE FROM counters"],
            [
                "ticket OC-2026-0001 is beyond the counter of its year, which is at 0",
                "ticket OC-2026-0002 is beyond the counter of its year, which is at 0",
            ],
            id="no counter",
        ),
        pytest.param(
            ["INSERT INTO audit (at, kind, ticket_id, details) VALUES (1, 'decided', 'OC-1', '{}')"],
            ["'OC-1' is no ticket number"],
            id="no ticket number",
        ),
        pytest.param(
            ["UPDATE counters SET last = 14"],
            [
                *(f"ticket OC-2026-{n:04d} is missing: the counter of its year is at 14" for n in range(3, 13)),
                "and 2 more of this kind",
            ],
            id="more than is named",
        ),
    ],
)
async def test_each_broken_invariant_is_said(
    journal: StoredJournal, statements: list[str], findings: list[str]
) -> None:
    """One sentence for each place, with ids that an operator can look up, and without phone number, name or text."""
    meddle(journal, *statements)
    assert (await journal.check())["findings"] == findings


async def test_a_delivery_without_its_incident_is_said(journal: StoredJournal) -> None:
    """On SQLite the database's own check of references says it, on PostgreSQL a look of ours."""
    if isinstance(journal._store, PostgresStore):
        meddle(journal, "ALTER TABLE deliveries DROP CONSTRAINT deliveries_ticket_id_fkey")
        expected = "delivery ack belongs to incident OC-2026-0009, which does not exist"
    else:
        expected = "row 3 of deliveries names a row of incidents that does not exist"
    meddle(journal, "UPDATE deliveries SET ticket_id = 'OC-2026-0009' WHERE id = 'ack'")
    assert (await journal.check())["findings"] == [expected]


async def test_a_redriven_delivery_may_wait_behind_a_later_one(journal: StoredJournal) -> None:
    """It takes its old place while a later one is under way, and also when that one must be tried again."""
    assert await finish(journal, await claim_one(journal), DEAD)
    later = await claim_one(journal)
    assert await journal.redrive("post", NOW) is DeliveryState.DEAD
    assert (await journal.check())["findings"] == []
    assert await finish(journal, later, RETRY)
    assert (await journal.check())["findings"] == []


async def test_tickets_outlive_their_incidents(journal: StoredJournal) -> None:
    """Retention removes an incident that is over; its number is not missing, since the audit has it."""
    meddle(journal, "DELETE FROM timers", "DELETE FROM inbox WHERE ticket_id = 'OC-2026-0002'")
    meddle(journal, "DELETE FROM incidents WHERE ticket_id = 'OC-2026-0002'")
    assert (await journal.check())["findings"] == []


async def test_work_goes_on_during_a_check(journal: StoredJournal) -> None:
    """The look has a connection of its own: messages are taken and deliveries claimed meanwhile."""
    told, message, claimed = await asyncio.gather(journal.check(), accepted(journal, inbound("m5")), claim(journal))
    assert (told["findings"], message, len(claimed)) == ([], 5, 1)


async def test_a_server_is_backed_up_by_its_own_means(journal: StoredJournal, tmp_path: Path) -> None:
    """A file of a database on a server would be a second-rate pg_dump; the sentence names what to use."""
    if isinstance(journal._store, PostgresStore):
        with pytest.raises(UsageError) as caught:
            await journal.backup(tmp_path / "backup.db")
        assert str(caught.value) == ITS_OWN_BACKUPS
        assert modes(tmp_path) == {}


def other_database(path: Path) -> None:
    file = apsw.Connection(str(path))
    file.execute("CREATE TABLE letters (words); PRAGMA user_version = 3").fetchall()
    file.close()


def letter(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 100)


def torn(path: Path) -> None:
    other_database(path)
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 3996)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (other_database, "there is no journal in it"),
        (Path.touch, "there is no journal in it"),
        (letter, "{path} is no journal"),
        (torn, "{path} is damaged: it cannot be read at all"),
        (lambda _path: None, "there is no file {path}"),
    ],
    ids=["another database", "empty", "a letter", "torn", "missing"],
)
def test_a_file_that_is_no_journal_is_said(tmp_path: Path, make: Callable[[Path], None], sentence: str) -> None:
    """Whatever file is named, the answer is a sentence, and nothing is made beside it."""
    path = tmp_path / "backup.db"
    make(path)
    before = list(tmp_path.iterdir())
    with pytest.raises(NotFound) as caught, sqlite.inspect(path) as found:
        checks.check(found)
    assert str(caught.value) == sentence.format(path=path)
    assert list(tmp_path.iterdir()) == before


async def test_a_newer_schema_is_a_finding(sqlite_journal: StoredJournal, tmp_path: Path) -> None:
    """An older engine knows nothing of what a newer one promises."""
    await sqlite_journal.close()
    meddle(sqlite_journal, "PRAGMA user_version = 99")
    with sqlite.inspect(path_of(sqlite_journal)) as found:
        assert checks.check(found)["findings"] == [
            f"it has schema 99 and this engine knows schemas up to {len(MIGRATIONS)}; use the engine that wrote it"
        ]


def test_an_older_schema_is_no_finding(tmp_path: Path) -> None:
    """A backup of an earlier engine can be looked at as it is."""
    path = tmp_path / "journal.db"
    old = apsw.Connection(str(path))
    old.execute(Path(__file__).with_name("schema-1.sql").read_text("utf-8"))
    old.close()
    with sqlite.inspect(path) as found:
        told = checks.check(found)
    assert (told["findings"], told["holds"]["schema"]) == ([], 1)


def without_an_index(path: Path) -> None:
    with apsw.Connection(str(path)) as file:
        file.execute("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'inbox_unrouted'").fetchall()


def with_a_page_of_nothing(path: Path) -> None:
    content = bytearray(path.read_bytes())
    last = len(content) - 4096
    content[last : last + 200] = b"\xff" * 200
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [without_an_index, with_a_page_of_nothing])
async def test_a_damaged_file_is_said_without_its_content(
    sqlite_journal: StoredJournal, spoil: Callable[[Path], None]
) -> None:
    """What the database says about its pages and indexes; nobody's words are among them."""
    for number in range(200):
        await accepted(sqlite_journal, inbound(f"m{number}", f"wa-{number}"))
    await sqlite_journal.close()
    spoil(path_of(sqlite_journal))
    with sqlite.inspect(path_of(sqlite_journal)) as found:
        told = checks.check(found)
    assert told["holds"] is None
    assert told["findings"]
    assert all(finding.startswith("the file is damaged") for finding in told["findings"])
    assert "text of" not in str(told)


async def test_a_look_ends_when_the_daemon_stops(
    sqlite_journal: StoredJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check of gigabytes does not hold up the end of the process."""
    monkeypatch.setattr("engine.journal.sqlite._LOOK_UP", 1)
    await opened(sqlite_journal, escalation("post"))
    looks: list[Callable[[sqlite._Connection], object]] = [
        lambda found: found.schema(),
        lambda found: found.damage(1),
        lambda found: list(found.every("inbox", ("id",))),
    ]
    for look in looks:
        stopping = Event()
        with sqlite.inspect(path_of(sqlite_journal), stopping) as found:
            stopping.set()
            with pytest.raises(JournalUnavailable, match="the daemon is stopping"):
                look(found)
    with (
        pytest.raises(JournalUnavailable, match="the daemon is stopping"),
        sqlite.inspect(path_of(sqlite_journal), stopping),
    ):
        pass


async def test_the_log_of_a_journal_is_a_part_of_it(sqlite_journal: StoredJournal, tmp_path: Path) -> None:
    """What a killed daemon left, in a folder where SQLite can make no index beside it."""
    await opened(sqlite_journal, escalation("post"))
    left = tmp_path / "left" / "journal.db"
    leave(path_of(sqlite_journal), left)
    with sqlite.inspect(left) as found:
        assert checks.check(found)["holds"]["messages"] == 1


def leave(journal: Path, left: Path) -> None:
    left.parent.mkdir()
    left.with_name("journal.db-shm").mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(journal.with_name(name), left.with_name(name))
