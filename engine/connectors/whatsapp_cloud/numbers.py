"""A phone number of ours on the Cloud API: where it is, what proves who we are, and how clients are answered there."""

from dataclasses import dataclass, field
from datetime import timedelta

from engine.connectors.whatsapp_cloud.templates import Template


@dataclass(frozen=True, slots=True)
class Number:
    """One number as `app` configures it; nothing in it is checked yet."""

    # Meta's id of the number, not the number itself.
    phone_number_id: str
    api_url: str
    # "v23.0"
    api_version: str
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    # What goes out where WhatsApp takes no text any more.
    template: Template | None = None
    # Whether the client sees a message read and an answer being typed before it comes.
    read_receipts: bool = False
    # How many messages may leave in a second, and how long one client is left alone after each.
    per_second: float = 80
    per_client_gap: timedelta = timedelta(0)
    # Bounds one exchange.
    timeout_s: float = 10
