"""WhatsApp as a linked device: neonize in a child process, and the daemon's side of it."""

from engine.connectors.whatsapp_web.children import Launch
from engine.connectors.whatsapp_web.connector import WhatsAppWeb

__all__ = ["Launch", "WhatsAppWeb"]
