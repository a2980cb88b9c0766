"""Mattermost through its REST API: the engineers' posts, their threads and their edits."""

from engine.connectors.mattermost.connector import Mattermost

__all__ = ["Mattermost"]
