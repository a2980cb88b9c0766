"""A server that counts requests: so many each second, more after a pause, and what it answers to the next one."""

from collections.abc import Mapping
from dataclasses import dataclass

from standins.loopback import Answer


@dataclass(slots=True)
class Budget:
    """A token bucket; `per_second` 0 counts nothing."""

    per_second: float = 0
    burst: int = 100
    # How long a refused client is told to wait, as the header says it.
    pause: str = "1"
    refused: int = 0
    _left: float = 0
    _counted_at: float | None = None

    def spend(self, seconds: float) -> tuple[Mapping[str, str], Answer | None]:
        """Count a request: the headers of any answer to it, and the refusal when it is one too many."""
        if not self.per_second:
            return {}, None
        since = seconds - (seconds if self._counted_at is None else self._counted_at)
        full = self._counted_at is None
        self._left = self.burst if full else min(self.burst, self._left + since * self.per_second)
        self._counted_at = seconds
        headers = {"X-RateLimit-Limit": str(self.burst), "X-RateLimit-Reset": "1"}
        if self._left < 1:
            self.refused += 1
            told = {**headers, "X-RateLimit-Remaining": "0", "Retry-After": self.pause}
            return {}, Answer(429, "limit exceeded", told)
        self._left -= 1
        return {**headers, "X-RateLimit-Remaining": str(int(self._left))}, None
