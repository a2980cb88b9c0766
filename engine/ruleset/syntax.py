"""What a rules directory says, typed and with the place of every part, before anything is compiled.

Built by `schema` from YAML nodes, read by `compiler` and `checker`. Nothing here is resolved: names of channels,
categories and templates are still only names.
"""

from dataclasses import field
from datetime import datetime, time, timedelta

from engine.core.decisions import Priority
from engine.ruleset.values import light_value


@light_value
class Place:
    """Where a scalar or a mapping stands."""

    path: str
    # 1-based, in code points.
    line: int
    column: int
    # How many characters the value takes on its line; at least 1.
    length: int = 1


@light_value
class Text:
    """A scalar as it was written, with its place."""

    value: str
    at: Place


@light_value
class Fault:
    """Something wrong at one place; `loader` turns it into a Diagnostic by quoting the line."""

    at: Place
    # See `codes`.
    code: str
    # A sentence in the lead's words.
    message: str
    # What to type or do; may be empty.
    hint: str = ""
    # Other places that belong to it, each with a few words.
    related: tuple[tuple[Place, str], ...] = ()


@light_value
class Words:
    """`words:` or, with `exact`, `exact:`."""

    phrases: tuple[Text, ...]
    exact: bool
    at: Place


@light_value
class KeywordIs:
    """One category of a `keywords:` atom; `any` is written as an empty tuple."""

    category: Text
    names: tuple[Text, ...]
    at: Place


@light_value
class Pattern:
    """`pattern:` in RE2 syntax."""

    regex: Text
    at: Place


@light_value
class ClientIs:
    """One field of a `client:` atom: tier, tags, name, phone or known."""

    field: Text
    values: tuple[Text, ...]
    at: Place


@light_value
class SourceIs:
    """A `source:` atom."""

    sources: tuple[Text, ...]
    at: Place


@light_value
class AttachmentIs:
    """An `attachment:` atom; `any` is written as an empty tuple."""

    kinds: tuple[Text, ...]
    at: Place


@light_value
class KindIs:
    """A `kind:` atom: what the message is, e.g. an edit."""

    kinds: tuple[Text, ...]
    at: Place


@light_value
class HoursIs:
    """An `hours:` atom: the time lies in a named window or, with `inside` false, outside of it."""

    name: Text
    inside: bool
    at: Place


@light_value
class FollowUpIs:
    """A `follow_up:` atom: the conversation has an open incident, or has none."""

    value: bool
    at: Place


@light_value
class Always:
    """The `when: always` of the last rule."""

    at: Place


@light_value
class Group:
    """A node of the condition tree. A `when:` with all, any and none is an `all` group of three parts."""

    # all, any or none
    kind: str
    parts: "tuple[Condition, ...]"
    at: Place


Atom = Words | KeywordIs | Pattern | ClientIs | SourceIs | AttachmentIs | KindIs | HoursIs | FollowUpIs | Always
Condition = Atom | Group


@light_value
class Examples:
    """`examples:` of a rule."""

    match: tuple[Text, ...] = ()
    no_match: tuple[Text, ...] = ()


@light_value
class FollowUp:
    """`follow_up:` as an outcome: what happens to further messages; None where nothing is said."""

    # For how long after the last message an incident takes further ones.
    within: timedelta | None
    # append or new
    then: Text | None
    # After how long without an acknowledgement the same incident acknowledges again.
    ack_again_after: timedelta | None
    at: Place


@light_value
class Rule:
    """One rule as it was written; None and empty mean "not said", the defaults come in when compiling."""

    id: Text
    when: Condition
    at: Place
    title: Text | None = None
    priority: Priority | None = None
    tags: tuple[Text, ...] = ()
    channel: Text | None = None
    summary: Text | None = None
    # A template's name or "none".
    ack: Text | None = None
    escalate: bool | None = None
    stop: bool = False
    # Channels that get a copy of the post.
    also: tuple[Text, ...] = ()
    # Whom the post calls instead of whoever is on call.
    mention: Text | None = None
    follow_up: FollowUp | None = None
    # `status: shadow`: evaluated and recorded, nothing else.
    shadow: bool = False
    # `enabled: false`: checked and not used, for a reason.
    enabled: bool = True
    reason: Text | None = None
    examples: Examples = field(default_factory=Examples)


@light_value
class Keyword:
    """One canonical name of a category with its spellings (the name itself is a spelling too)."""

    category: Text
    name: Text
    spellings: tuple[Text, ...]
    # Long words of it also match with one typing error.
    typos: bool = False


@light_value
class Channel:
    """A Mattermost channel that rules may name."""

    name: Text
    team: Text | None
    purpose: Text | None


@light_value
class Window:
    """One line of a week: from a time of day to another on each of the days; past midnight when it ends earlier."""

    # 0 is Monday.
    days: frozenset[int]
    start: time
    # None: the end of the day.
    end: time | None
    # As it was written.
    text: Text


@light_value
class Hours:
    """A named window of the week."""

    name: Text
    # IANA.
    timezone: Text
    weekly: tuple[Window, ...]
    # ISO 3166 country, or country and subdivision joined by a hyphen, whose public holidays are outside.
    holidays: Text | None


@light_value
class ClientEntry:
    """One entry of the client directory."""

    name: Text
    phones: tuple[Text, ...]
    tier: Text | None
    tags: tuple[Text, ...]
    language: Text | None


@light_value
class Expectation:
    """One key of an `expect:` in a scenario."""

    # What it is about, e.g. posts.
    fact: Text
    # is, contains (all of the values), exactly (these values and no others) or none
    how: str
    values: tuple[Text, ...]


@light_value
class Sender:
    """Somebody who writes in a scenario."""

    # As its steps call them.
    handle: Text
    name: Text | None
    phone: Text | None


@light_value
class Step:
    """One message of a scenario, or time that passes without one."""

    at: Place
    # How long after the step before it; or the moment itself, aware.
    after: timedelta
    moment: datetime | None
    # Whoever writes; None: only time passes.
    sender: Text | None
    says: str
    kind: str
    source: str
    attachments: tuple[str, ...]
    expect: tuple[Expectation, ...]


@light_value
class Scenario:
    """A story with a clock: who writes what and when, and what should come of it."""

    name: Text
    # Aware, in the zone in which its times are written and shown.
    begins_at: datetime
    clients: tuple[Sender, ...]
    steps: tuple[Step, ...]
    # Counted over all steps.
    expect: tuple[Expectation, ...]
    at: Place


@light_value
class Defaults:
    """`defaults:`, merged over all files."""

    channel: Text | None = None
    priority: Priority | None = None
    ack: Text | None = None
    tags: tuple[Text, ...] = ()
    mention: Text | None = None
    follow_up: FollowUp | None = None
    # Where the section stands; None when no file has one.
    at: Place | None = None


@light_value
class Document:
    """All files of a directory, merged in order of file name and position."""

    defaults: Defaults = field(default_factory=Defaults)
    keywords: tuple[Keyword, ...] = ()
    rules: tuple[Rule, ...] = ()
    channels: tuple[Channel, ...] = ()
    hours: tuple[Hours, ...] = ()
    clients: tuple[ClientEntry, ...] = ()
    # Tests: they decide nothing.
    scenarios: tuple[Scenario, ...] = ()
