"""Any source that can make an HTTP request: `POST /events/{name}` with the normalised event becomes an `Inbound`.

Called by `server` for each request. It only receives; acknowledgements leave through the connector that it names.
"""

from engine.connectors.credentials import bearer_token, require, same
from engine.core.contracts import parse_event
from engine.core.errors import InvalidEvent
from engine.core.events import Address, Inbound
from engine.ports import Received, Refused, WebhookRequest


class HttpConnector:
    """A webhook for events that already follow the contract."""

    def __init__(self, name: str, token: str, reply_connector: str | None) -> None:
        """`reply_connector` is the connector that reaches the clients; None when nothing here does.

        Raises ConfigurationError when the token is empty.
        """
        require(name, "token", token)
        self.name = name
        self._token = token
        self._reply_connector = reply_connector

    def receive(self, request: WebhookRequest) -> Received | Refused:
        """Check the bearer token, then read the one event in the body."""
        if not same(bearer_token(request.headers), self._token):
            return Refused(401, "the bearer token is missing or wrong")
        if request.method != "POST":
            return Refused(404, "events are posted")
        try:
            event = parse_event(request.body)
        except InvalidEvent as error:
            return Refused(400, str(error), error.field)
        reply = None
        if self._reply_connector is not None:
            reply = Address(self._reply_connector, event.client.phone or event.conversation_id)
        return Received((Inbound(self.name, event, reply),))
