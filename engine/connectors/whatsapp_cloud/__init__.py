"""WhatsApp through Meta's Cloud API: webhooks in, Graph API out."""

from engine.connectors.whatsapp_cloud.connector import WhatsAppCloud

__all__ = ["WhatsAppCloud"]
