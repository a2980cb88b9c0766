"""The borders of the engine: what a journal, a network and a clock must be able to do.

Adapters implement these Protocols and `app` alone names the adapters. Every implementation of a port, the ones in the
tests included, passes the same contract suite.
"""

from engine.ports.clocks import Clock
from engine.ports.journals import Journal
from engine.ports.networks import (
    Asking,
    Connector,
    Health,
    Healthy,
    Linked,
    Listener,
    MediaSource,
    Placed,
    Received,
    Refused,
    Webhook,
    WebhookRequest,
)

__all__ = [
    "Asking",
    "Clock",
    "Connector",
    "Health",
    "Healthy",
    "Journal",
    "Linked",
    "Listener",
    "MediaSource",
    "Placed",
    "Received",
    "Refused",
    "Webhook",
    "WebhookRequest",
]
