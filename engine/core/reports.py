"""How fast clients were helped: incidents of a period as counts, quantiles and shares within targets. Pure.

`commands.figures` makes the incidents that the journal measured into a report and shows it. Nothing here knows a
client. Outages are incidents of no client: they are counted, and no time of theirs is.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from engine.core.decisions import Priority
from engine.core.incidents import IncidentStatus

# A period that is longer than so many days is told by the week.
_LONGEST_BY_DAY = 92
_HOURS = 24


class Step(StrEnum):
    """What happens to an incident, in the usual order."""

    # The client's acknowledgement was sent; counted from when the first message was accepted.
    ACKNOWLEDGED = "acknowledged"
    # Somebody takes care of it. This and what follows is counted from when the client's message was received.
    CLAIMED = "claimed"
    # A person first answered the client.
    ANSWERED = "answered"
    RESOLVED = "resolved"


class Dimension(StrEnum):
    """What a report can be broken down by."""

    PRIORITY = "priority"
    RULE = "rule"
    CHANNEL = "channel"
    TAG = "tag"
    # A week in the place of a day where the period is long.
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Measured:
    """An incident without anything of its client's."""

    # The order in which incidents were opened.
    seq: int
    opened_at: datetime
    # It is an outage of many clients and not the incident of one.
    outage: bool
    priority: Priority
    tags: tuple[str, ...]
    rule: str
    # Mattermost's.
    channel: str
    status: IncidentStatus
    # An acknowledgement was planned; engineers were told.
    acknowledges: bool
    escalated: bool
    # How long each step took that has happened; never below zero.
    spans: Mapping[Step, timedelta]

    def is_due(self, step: Step) -> bool:
        """Whether the step is to be expected. Nobody resolves what ended because its client fell silent."""
        match step:
            case Step.ACKNOWLEDGED:
                return self.acknowledges
            case Step.RESOLVED:
                return self.escalated and self.status is not IncidentStatus.LAPSED
            case _:
                return self.escalated


@dataclass(frozen=True, slots=True)
class Target:
    """Within how long a step should have happened."""

    step: Step
    within: timedelta
    # None: at any priority that has no target of its own.
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """How long one step took."""

    # So many incidents came to it.
    count: int
    # Each is a span that was measured: that of which so large a part took no longer. None where `count` is 0.
    median: timedelta | None = None
    p90: timedelta | None = None
    p99: timedelta | None = None
    # Of `judged` incidents with a target so many met it. One that is younger than its target is not judged yet.
    met: int = 0
    judged: int = 0

    @property
    def share(self) -> float | None:
        """The part that met its target, from 0 to 1; None where nothing was judged."""
        return self.met / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class Figures:
    """Some incidents together."""

    count: int
    times: Mapping[Step, Times]
    priorities: Mapping[Priority, int]


@dataclass(frozen=True, slots=True)
class Report:
    """The incidents of a period."""

    since: datetime
    until: datetime
    # The days on which the period begins and ends.
    first: date
    last: date
    total: Figures
    outages: int
    statuses: Mapping[IncidentStatus, int]
    # Of those that are neither resolved nor lapsed, by priority: nobody has them, somebody has.
    open: Mapping[Priority, int]
    claimed: Mapping[Priority, int]
    # In the order in which they are told: priorities from urgent to low, days from the first, the rest by count.
    by: Mapping[Dimension, tuple[tuple[str, Figures], ...]]
    # How many were opened in each hour of the week, Monday first: seven days of 24 hours.
    week: tuple[tuple[int, ...], ...]
    # 1, or 7 where the groups of `Dimension.DAY` are weeks; each is named by its first day, and none is left out.
    days: int
    targets: tuple[Target, ...] = field(default=())


def summarise(
    rows: Iterable[Measured],
    since: datetime,
    until: datetime,
    now: datetime,
    zone: tzinfo,
    targets: Sequence[Target] = (),
) -> Report:
    """The report of what was opened from `since` until before `until`, which is not after `now`. Days and hours are
    those of `zone`.
    """
    within = [row for row in rows if since <= row.opened_at < until]
    incidents = [row for row in within if not row.outage]

    def figures(some: Sequence[Measured]) -> Figures:
        return _figures(some, now, targets)

    days = 1 if (until - since) <= timedelta(days=_LONGEST_BY_DAY) else 7
    keys: dict[Dimension, Callable[[Measured], tuple[str, ...]]] = {
        Dimension.PRIORITY: lambda row: (row.priority.word,),
        Dimension.RULE: lambda row: (row.rule,),
        Dimension.CHANNEL: lambda row: (row.channel,),
        Dimension.TAG: lambda row: row.tags,
    }
    by = {dimension: _groups(incidents, key, figures) for dimension, key in keys.items()}
    order = [priority.word for priority in reversed(Priority)]
    by[Dimension.PRIORITY] = tuple(sorted(by[Dimension.PRIORITY], key=lambda group: order.index(group[0])))
    first, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
    by[Dimension.DAY] = tuple(
        (day.isoformat(), figures(some)) for day, some in _by_day(incidents, (first, last), days, zone).items()
    )
    return Report(
        since,
        until,
        first,
        last,
        figures(incidents),
        outages=len(within) - len(incidents),
        statuses={status: sum(row.status is status for row in incidents) for status in IncidentStatus},
        open=_by_priority(incidents, IncidentStatus.OPEN),
        claimed=_by_priority(incidents, IncidentStatus.CLAIMED),
        by=by,
        week=_week(incidents, zone),
        days=days,
        targets=tuple(targets),
    )


def quantile(spans: Sequence[timedelta], share: float) -> timedelta | None:
    """The smallest of the spans, which are in order, that `share` of them do not pass (nearest rank); None of none."""
    return spans[max(0, math.ceil(share * len(spans)) - 1)] if spans else None


def _figures(rows: Sequence[Measured], now: datetime, targets: Sequence[Target]) -> Figures:
    return Figures(
        len(rows),
        {step: _times(rows, step, now, targets) for step in Step},
        {priority: sum(row.priority is priority for row in rows) for priority in Priority},
    )


def _times(rows: Sequence[Measured], step: Step, now: datetime, targets: Sequence[Target]) -> Times:
    spans = sorted(row.spans[step] for row in rows if step in row.spans)
    verdicts = [verdict for row in rows if (verdict := _verdict(row, step, now, targets)) is not None]
    p50, p90, p99 = (quantile(spans, share) for share in (0.5, 0.9, 0.99))
    return Times(len(spans), p50, p90, p99, met=sum(verdicts), judged=len(verdicts))


def _verdict(row: Measured, step: Step, now: datetime, targets: Sequence[Target]) -> bool | None:
    """Whether a step met its target; None: there is none, or nobody can tell yet."""
    within = _target(row.priority, step, targets)
    if within is None:
        return None
    if (span := row.spans.get(step)) is not None:
        return span <= within
    return False if row.is_due(step) and now - row.opened_at > within else None


def _target(priority: Priority, step: Step, targets: Sequence[Target]) -> timedelta | None:
    """The newest target that is meant for the priority, else the newest for all."""
    found = {target.priority: target.within for target in targets if target.step is step}
    return found.get(priority, found.get(None))


def _groups(
    rows: Sequence[Measured],
    key: Callable[[Measured], tuple[str, ...]],
    figures: Callable[[Sequence[Measured]], Figures],
) -> tuple[tuple[str, Figures], ...]:
    """The rows by each of their keys, the greatest group first."""
    groups: dict[str, list[Measured]] = {}
    for row in rows:
        for name in dict.fromkeys(key(row)):
            groups.setdefault(name, []).append(row)
    return tuple((name, figures(some)) for name, some in sorted(groups.items(), key=lambda one: (-len(one[1]), one[0])))


def _by_day(
    rows: Sequence[Measured], ends: tuple[date, date], days: int, zone: tzinfo
) -> Mapping[date, Sequence[Measured]]:
    """The rows by the day or the week in which they were opened; those without one are empty."""
    day, last = _begin(ends[0], days), ends[1]
    groups: dict[date, list[Measured]] = {}
    while day <= last:
        groups[day] = []
        day += timedelta(days=days)
    for row in rows:
        groups[_begin(row.opened_at.astimezone(zone).date(), days)].append(row)
    return groups


def _begin(day: date, days: int) -> date:
    """The first day of what a day is counted to: itself, or its Monday."""
    return day if days == 1 else day - timedelta(days=day.weekday())


def _by_priority(rows: Sequence[Measured], status: IncidentStatus) -> Mapping[Priority, int]:
    found = [row.priority for row in rows if row.status is status]
    return {priority: found.count(priority) for priority in Priority}


def _week(rows: Sequence[Measured], zone: tzinfo) -> tuple[tuple[int, ...], ...]:
    counts = [[0] * _HOURS for _ in range(7)]
    for row in rows:
        opened = row.opened_at.astimezone(zone)
        counts[opened.weekday()][opened.hour] += 1
    return tuple(map(tuple, counts))
