"""WhatsApp through Twilio: webhooks and a back-fill in, the REST API out."""

from engine.connectors.twilio.connector import Account, Timing, Twilio
from engine.connectors.twilio.forms import Template
from engine.connectors.twilio.media import TwilioMedia

__all__ = ["Account", "Template", "Timing", "Twilio", "TwilioMedia"]
