"""The thread that writes: operations from the event loop in, one commit for all that wait out.

A commit costs one flush of the disk (about a millisecond) however much it holds, so whatever was asked for while the
last one was under way shares the next. An operation that fails undoes only itself: then all are done once more, each
behind a savepoint of its own, which costs nothing as long as none fails. So an operation may run twice and must have
no effect but on the database. Nobody is answered before the commit is on disk. This module knows no driver.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from loguru import logger

from engine.core.errors import JournalUnavailable
from engine.journal import audits
from engine.journal.statements import Database

T = TypeVar("T")

# Bounds the time that the first of a batch waits for the last.
_BATCH = 256


class Session(Database, Protocol):
    """A connection that writes. Every method raises JournalUnavailable when the disk refuses."""

    def begin(self) -> None:
        """Open a transaction and take the right to write; one that a failure left open is rolled back first."""
        ...

    def keep(self) -> None:
        """Set a savepoint."""
        ...

    def release(self) -> None:
        """Accept what was done since the savepoint; raises the fault of a statement whose end was not waited for."""
        ...

    def undo(self) -> None:
        """Take back what was done since the savepoint; JournalUnavailable when the whole transaction is gone."""
        ...

    def commit(self) -> None:
        """Put everything on disk; raises the fault of a statement whose end was not waited for, and then nothing is."""
        ...

    def abandon(self) -> None:
        """Take back the whole transaction, if one is open."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    operation: Callable[[Database], Any]
    answer: "asyncio.Future[Any]"


@dataclass(frozen=True, slots=True)
class _Done:
    answer: "asyncio.Future[Any]"
    value: Any = None
    error: Exception | None = None


class Writer:
    """Carries out operations in the order in which they were submitted, until it is stopped."""

    def __init__(self, session: Session, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is where answers are awaited."""
        self._session = session
        self._loop = loop
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="journal-writer", daemon=True)

    def start(self) -> None:
        """Begin to carry out operations."""
        self._thread.start()

    def submit(self, operation: Callable[[Database], T]) -> "asyncio.Future[T]":
        """Queue an operation; the answer is its result once that is on disk. Called on the loop's thread."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(operation, answer))
        return answer

    def stop(self) -> None:
        """Carry out what was submitted before, then end. Blocks until then."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            jobs, going_on = self._next_jobs()
            if not jobs:
                continue
            done = self._carry_out(jobs)
            # The loop may be closed already when a process ends without awaiting its answers.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_answer, done)

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        """Wait for a job and take what else is there; False when no more will come."""
        jobs: list[_Job] = []
        while True:
            job = self._jobs.get()
            if job is None:
                return jobs, False
            jobs.append(job)
            if len(jobs) == _BATCH or self._jobs.empty():
                return jobs, True

    def _carry_out(self, jobs: Sequence[_Job]) -> list[_Done]:
        try:
            return self._together(jobs) or self._apart(jobs)
        except JournalUnavailable as error:
            with suppress(JournalUnavailable):
                self._session.abandon()
            return _refused(jobs, error)
        except Exception as error:  # noqa: BLE001 - the guard: without this thread nothing is ever written again
            logger.error("a fault in the journal ({}); what was asked for is undone", type(error).__name__)
            with suppress(Exception):
                self._session.abandon()
            return _refused(jobs, JournalUnavailable("the journal cannot be used: a fault of the engine"))

    def _together(self, jobs: Sequence[_Job]) -> list[_Done]:
        """The answers, or none when an operation failed; then the transaction is still open, to be taken back."""
        self._begin()
        try:
            done = [_Done(job.answer, job.operation(self._session)) for job in jobs]
            audits.seal(self._session)
        except Exception:  # noqa: BLE001 - whose fault it is comes out when each is carried out apart
            return []
        try:
            self._session.commit()
        except JournalUnavailable:
            raise
        except Exception:  # noqa: BLE001 - as above
            return []
        return done

    def _apart(self, jobs: Sequence[_Job]) -> list[_Done]:
        """The answers, with a savepoint for each operation."""
        self._begin()
        done = [self._attempt(job) for job in jobs]
        audits.seal(self._session)
        self._session.commit()
        return done

    def _begin(self) -> None:
        self._session.begin()
        self._session.pending.clear()

    def _attempt(self, job: _Job) -> _Done:
        self._session.keep()
        sealed = len(self._session.pending)
        try:
            value = job.operation(self._session)
            self._session.release()
        except Exception as error:  # noqa: BLE001 - the guard of a task: the fault belongs to whoever asked for it
            self._session.undo()
            del self._session.pending[sealed:]
            return _Done(job.answer, error=error)
        return _Done(job.answer, value)


def _answer(done: Sequence[_Done]) -> None:
    for each in done:
        # Whoever asked may have been cancelled; what was written stays.
        if each.answer.cancelled():
            continue
        if each.error is None:
            each.answer.set_result(each.value)
        else:
            each.answer.set_exception(each.error)


def _refused(jobs: Sequence[_Job], error: JournalUnavailable) -> list[_Done]:
    # One exception for each, because every raise adds to its traceback.
    return [_Done(job.answer, error=JournalUnavailable(str(error), error.retry_after)) for job in jobs]
