"""The time as WhatsApp writes it."""

import time


def now_s() -> int:
    """Seconds since 1970: the linked client compares them with the machine's clock."""
    return int(time.time())  # noqa: TID251 - a process of its own has its own clock
