"""Mattermost through its REST API: the engineers' posts, their threads and their edits, and a webhook."""

from engine.connectors.mattermost.connector import Mattermost
from engine.connectors.mattermost.fallbacks import FallbackWebhook
from engine.connectors.mattermost.files import Files

__all__ = ["FallbackWebhook", "Files", "Mattermost"]
