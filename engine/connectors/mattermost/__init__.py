"""Mattermost through its REST API: the engineers' posts, their threads and their edits."""

from engine.connectors.mattermost.connector import Mattermost
from engine.connectors.mattermost.files import Files

__all__ = ["Files", "Mattermost"]
