"""The closed tree of errors that the engine raises on purpose.

A message says what was found, what was wanted and what to do. It never carries a client's text or phone number,
because messages reach logs and terminals. A fault in a rule file is no exception: see `diagnostics`.
"""

from datetime import timedelta
from typing import ClassVar


class EngineError(Exception):
    """The root: anything below it has a message that a person can act on."""

    # What the process exits with when this error ends a command (sysexits.h).
    exit_code: ClassVar[int] = 70


class UsageError(EngineError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class ConfigurationError(EngineError):
    """engine.yaml, a secret or the rules cannot be used; starting again changes nothing until a person mends it."""

    exit_code = 78


class PermissionRefused(EngineError):
    """The operating system does not let the engine read or write what it must."""

    exit_code = 77


class DaemonUnreachable(EngineError):
    """A command needs the running daemon, and its socket does not answer."""

    exit_code = 1


class NotFound(EngineError):
    """An operator named a ticket or a delivery that the journal does not hold."""

    exit_code = 1


class InvalidEvent(EngineError):
    """A posted event does not follow the contract; `field` is its dotted path, empty for the whole body."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class JournalUnavailable(EngineError):
    """The journal cannot write now (disk full, locked, read-only), so nothing may be acknowledged to a network."""

    def __init__(self, problem: str, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class Overloaded(JournalUnavailable):
    """As many deliveries are open as the configuration allows; the network is asked to come back later."""


class Superseded(EngineError):
    """A plan was made for a state of the conversation that another message has changed since: plan again."""
