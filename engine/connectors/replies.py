"""An HTTP answer as a value: what it says of itself, and how long it asks us to wait. Pure; made by `exchanges`."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

# No network may silence us for longer than this with one answer.
_LONGEST_PAUSE = timedelta(hours=1)
_OK = 200
_REDIRECT = 300
_BAD_REQUEST = 400
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read to its end."""

    status: int
    body: bytes
    # How long the network asked us to wait; zero when it did not.
    retry_after: timedelta
    # The network's clock; None when it does not tell.
    date: datetime | None
    # The network's id of the exchange, for its administrator; may be empty.
    request_id: str
    # Where a redirect leads, as it was told: it may be relative, or nonsense, or empty.
    location: str = ""

    @property
    def taken(self) -> bool:
        """A 2xx."""
        return _OK <= self.status < _REDIRECT

    @property
    def redirected(self) -> bool:
        """A 3xx: the way to a signed file or, where an API was asked, something else that answers there."""
        return _REDIRECT <= self.status < _BAD_REQUEST

    @property
    def overloaded(self) -> bool:
        """A 429."""
        return self.status == _TOO_MANY_REQUESTS

    @property
    def failed(self) -> bool:
        """A 5xx."""
        return self.status >= _SERVER_ERROR

    def json_object(self) -> dict[str, object] | None:
        """The body as a JSON object, or None when it is anything else, e.g. the page of a proxy."""
        value = self._json()
        return value if isinstance(value, dict) else None

    def json_array(self) -> list[object] | None:
        """The same for an array."""
        value = self._json()
        return value if isinstance(value, list) else None

    def _json(self) -> object:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def retry_after(header: str, date: datetime | None) -> timedelta:
    """How long `Retry-After` (RFC 9110, section 10.2.3) asks us to wait, at most an hour.

    A date is compared with the answer's own `Date`, so that a wrong clock on either side does no harm; without that,
    or when it cannot be read, the answer asks for nothing.
    """
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(timedelta(seconds=int(header[:9])), _LONGEST_PAUSE)
    moment = instant_of(header)
    if moment is None or date is None:
        return timedelta(0)
    return max(timedelta(0), min(moment - date, _LONGEST_PAUSE))


def instant_of(header: str) -> datetime | None:
    """The moment that a header names; None when it names none."""
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else None
