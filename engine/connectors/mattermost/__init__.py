"""Mattermost: posts, threads and edits by REST, reactions and words by WebSocket, clicks on buttons by HTTP, in need
posts by a webhook.
"""

from engine.connectors.mattermost.buttons import Buttons
from engine.connectors.mattermost.clicks import Act, Clicks
from engine.connectors.mattermost.connector import Mattermost
from engine.connectors.mattermost.fallbacks import FallbackWebhook
from engine.connectors.mattermost.files import Files
from engine.connectors.mattermost.streams import Door
from engine.connectors.mattermost.watcher import Incidents, Watcher

__all__ = ["Act", "Buttons", "Clicks", "Door", "FallbackWebhook", "Files", "Incidents", "Mattermost", "Watcher"]
