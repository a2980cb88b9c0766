"""What both ends of the operators' socket have to agree on."""

from collections.abc import Mapping
from typing import Final

from engine.core.errors import EngineError, JournalUnavailable, NotFound, PermissionRefused, UsageError

# How many rows a list has when nobody says.
LIMIT: Final = 50
# Which of our errors each status carries from the daemon to the command; every other one is 500.
STATUSES: Final[Mapping[int, type[EngineError]]] = {
    400: UsageError,
    403: PermissionRefused,
    404: NotFound,
    503: JournalUnavailable,
}
