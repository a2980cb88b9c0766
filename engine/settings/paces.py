"""The keys `per_second` and `per_client_gap` of a connector: how fast one number of ours may write.

Called by `document`.
"""

from dataclasses import dataclass
from datetime import timedelta

from engine.settings.sections import NAME, Section

KEYS = ("per_second", "per_client_gap")
# What `per_second` was called for the official ways up to 0.4.0; it still counts.
FORMER = "rate_per_second"


@dataclass(frozen=True, slots=True)
class Usual:
    """What holds where engine.yaml says nothing."""

    per_second: float
    per_client_gap: timedelta


# A person at a keyboard: WhatsApp bans linked numbers that write like machines.
WEB = Usual(0.5, timedelta(seconds=5))
# The vendors' limits for one number, and WhatsApp's for one client (pages on throughput and pair rate, read 2026-11).
CLOUD = TWILIO = Usual(80.0, timedelta(seconds=6))


def read(section: Section, usual: Usual) -> tuple[float, timedelta]:
    """How many messages may leave in a second, and how long one client is left alone after each."""
    former = section.rate(FORMER, usual.per_second)
    if section.has(FORMER) and section.has(KEYS[0]):
        section.key_fault(FORMER, NAME, f'"{FORMER}" and "{KEYS[0]}" are the same', f'keep "{KEYS[0]}"')
    return section.rate(KEYS[0], former), section.span(KEYS[1], usual.per_client_gap)
