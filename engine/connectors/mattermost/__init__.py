"""Mattermost: the engineers' posts, their threads and their edits by REST; their reactions and words by WebSocket."""

from engine.connectors.mattermost.connector import Mattermost
from engine.connectors.mattermost.files import Files
from engine.connectors.mattermost.streams import Door
from engine.connectors.mattermost.watcher import Incidents, Watcher

__all__ = ["Door", "Files", "Incidents", "Mattermost", "Watcher"]
