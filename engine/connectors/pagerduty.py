"""Pages to PagerDuty, by its Events API v2. Made by `adapters`, carried by `paging`.

Source: PagerDuty, "Events API v2 overview" and "Send an event". An event with the key of an open alert merges into it.
To acknowledge or resolve where nothing is open is dropped without a word, so a page goes out after the one before it
was taken: that is the lane's order.
"""

from functools import partial
from typing import Final

from engine.connectors.exchanges import Session
from engine.connectors.paging import Call, Dialect, PagingService, cut, cut_key, cut_tags
from engine.core.decisions import Priority
from engine.core.deliveries import Page, PageAction

# PagerDuty's limits, in characters.
_SUMMARY: Final = 1024
_KEY: Final = 255
# Far below the 512 KB of a whole event.
_TAGS: Final = 20
_TAG: Final = 50
_SOURCE: Final = "support engine"
_TIMEOUT_S: Final = 10.0
_SEVERITIES = {
    Priority.URGENT: "critical",
    Priority.HIGH: "error",
    Priority.NORMAL: "warning",
    Priority.LOW: "info",
}
_ADVICE = (
    "make an integration of the type Events API v2 for the service in PagerDuty, and give its integration key of 32 "
    "characters as the secret {secret}"
)


def pagerduty(
    name: str, *, url: str, routing_key: str, secret_name: str, timeout_s: float = _TIMEOUT_S
) -> PagingService:
    """A service in PagerDuty; `secret_name` is where an administrator puts its key. Raises ConfigurationError for a key
    or a URL that cannot be one.
    """
    # The key stands in each event, and in no header.
    session = Session("PagerDuty", url, routing_key, timeout_s, shown_as="")
    advice = _ADVICE.format(secret=secret_name)
    return PagingService(name, session, Dialect("PagerDuty", advice, partial(_event, routing_key), _key, _blames_us))


def _event(routing_key: str, page: Page) -> Call:
    """Only the event that opens an alert says what it is about."""
    event: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": page.action.value,
        "dedup_key": cut_key(page.key, _KEY),
    }
    if page.action is PageAction.TRIGGER:
        event["payload"] = {
            "summary": cut(page.summary, _SUMMARY),
            "source": _SOURCE,
            "severity": _SEVERITIES[page.priority],
            "timestamp": page.opened_at.isoformat(timespec="seconds"),
            "custom_details": {
                "ticket": page.ticket_id,
                "priority": page.priority.word,
                "tags": cut_tags(page.tags, _TAGS, _TAG),
            },
        }
    return Call("v2/enqueue", event)


def _key(answer: dict[str, object]) -> str | None:
    """The key of the alert."""
    key = answer.get("dedup_key")
    return key if isinstance(key, str) and key else None


def _blames_us(answer: dict[str, object]) -> bool:
    """A wrong routing key is a 400 as well, and its words name it: "Invalid routing key", "Length of 'routing_key' is
    incorrect" (as users of the API have quoted them, 2020 to 2022).
    """
    return "routing" in f"{answer.get('message')} {answer.get('errors')}".lower()
