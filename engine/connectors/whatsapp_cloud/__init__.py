"""WhatsApp through Meta's Cloud API: webhooks in, Graph API out."""

from engine.connectors.whatsapp_cloud.connector import WhatsAppCloud
from engine.connectors.whatsapp_cloud.media import CloudMedia

__all__ = ["CloudMedia", "WhatsAppCloud"]
