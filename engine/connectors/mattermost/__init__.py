"""Mattermost: posts, threads and edits by REST, reactions and words by WebSocket, in need posts by a webhook."""

from engine.connectors.mattermost.connector import Mattermost
from engine.connectors.mattermost.fallbacks import FallbackWebhook
from engine.connectors.mattermost.files import Files
from engine.connectors.mattermost.streams import Door
from engine.connectors.mattermost.watcher import Incidents, Watcher

__all__ = ["Door", "FallbackWebhook", "Files", "Incidents", "Mattermost", "Watcher"]
