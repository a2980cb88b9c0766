"""Pages to Jira Service Management, and to Opsgenie, from which it has its alerts. Made by `adapters`, carried by
`paging`.

Source: Atlassian, "Jira Service Management ops: Integration events", and Opsgenie, "Alert API", which is the same with
another address and ends on 2027-04-05. An alert with the alias of an open one merges into it. A 202 says that the
request waits there, not that there is an alert yet.
"""

from typing import Final
from urllib.parse import quote

from engine.connectors.exchanges import Session
from engine.connectors.paging import Call, Dialect, PagingService, cut, cut_key, cut_tags
from engine.core.decisions import Priority
from engine.core.deliveries import Page, PageAction

# The limits, in characters.
_MESSAGE: Final = 130
_ALIAS: Final = 512
_DESCRIPTION: Final = 15_000
_TAGS: Final = 20
_TAG: Final = 50
_SOURCE: Final = "support engine"
_TIMEOUT_S: Final = 10.0
_PRIORITIES = {Priority.URGENT: "P1", Priority.HIGH: "P2", Priority.NORMAL: "P3", Priority.LOW: "P4"}
_ACTIONS = {PageAction.ACKNOWLEDGE: "acknowledge", PageAction.RESOLVE: "close"}
_ADVICE = "give the key of an integration of the type API, which may create alerts, as the secret {secret}"


def jsm(
    name: str,
    *,
    url: str,
    api_key: str,
    secret_name: str,
    network: str = "Jira Service Management",
    timeout_s: float = _TIMEOUT_S,
) -> PagingService:
    """An integration of Jira Service Management, or of the older network that is named; `secret_name` is where an
    administrator puts its key. Raises ConfigurationError for a key or a URL that cannot be one.
    """
    session = Session(network, url, api_key, timeout_s, shown_as="GenieKey {}")
    return PagingService(name, session, Dialect(network, _ADVICE.format(secret=secret_name), _call, _request))


def _call(page: Page) -> Call:
    """An alert, or what becomes of one."""
    # It becomes a part of addresses, and not every server takes a slash there, however it is written.
    alias = cut_key(page.key, _ALIAS).replace("/", ":")
    action = _ACTIONS.get(page.action)
    if action is not None:
        path = f"v2/alerts/{quote(alias, safe=':')}/{action}"
        return Call(path, {"source": _SOURCE}, (("identifierType", "alias"),))
    alert: dict[str, object] = {
        "message": cut(page.summary, _MESSAGE),
        "alias": alias,
        "description": cut(page.summary, _DESCRIPTION),
        "tags": cut_tags(page.tags, _TAGS, _TAG),
        "details": {
            "ticket": page.ticket_id,
            "priority": page.priority.word,
            "opened": page.opened_at.isoformat(timespec="seconds"),
        },
        "entity": page.ticket_id,
        "source": _SOURCE,
        "priority": _PRIORITIES[page.priority],
    }
    return Call("v2/alerts", alert)


def _request(answer: dict[str, object]) -> str | None:
    """The id of the request, by which the network's support finds it."""
    request = answer.get("requestId")
    return request if isinstance(request, str) and request else None
