"""WhatsApp through Meta's Cloud API: webhooks in, Graph API out."""

from engine.connectors.whatsapp_cloud.connector import WhatsAppCloud
from engine.connectors.whatsapp_cloud.media import CloudMedia
from engine.connectors.whatsapp_cloud.numbers import Number
from engine.connectors.whatsapp_cloud.templates import Template

__all__ = ["CloudMedia", "Number", "Template", "WhatsAppCloud"]
