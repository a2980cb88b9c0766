"""What a paging service is told of an incident: what it is about by our own words, and nothing of its client. Pure.

A service merges what has the same key, so that a page may be sent twice and calls once.
"""

from engine.core.deliveries import Page, PageAction
from engine.core.incidents import Incident


def page(incident: Incident, action: PageAction, environment: str) -> Page:
    """Word of an incident; its summary may hold words of the client's, so the rule says what it is about."""
    return Page(
        action=action,
        key=f"oc/{environment}/{incident.ticket_id}",
        summary=f"{incident.ticket_id}: a client waits ({incident.priority.word}, rule {incident.rule_id})",
        priority=incident.priority,
        tags=incident.tags,
        opened_at=incident.created_at,
        ticket_id=incident.ticket_id,
    )


def lane(service: str, incident: Incident) -> str:
    """The order that must hold: all pages of one incident to one service."""
    return f"page:{service}:{incident.connector}:{incident.conversation_id}"
