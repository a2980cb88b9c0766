"""The files behind the media ids of Meta's notifications.

A file is had in two steps: Graph turns its id into an address that is good for minutes, and the address gives the file
to whoever shows the token. Called by the connector that carries files, with the id as the attachment's reference.
Source: Meta, "Cloud API: Media" (retrieve media URL, download media).
"""

import re
from typing import Final
from urllib.parse import quote

from engine.connectors.exchanges import Download, Session
from engine.connectors.replies import Reply
from engine.connectors.whatsapp_cloud.fields import word
from engine.connectors.whatsapp_cloud.refusals import TOKEN_REFUSED, refusal
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.media import GONE, TOO_LARGE, Fetched

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)
# Meta's own, besides that of the api_url.
_HOSTS: Final = ("fbsbx.com", "whatsapp.net")
# Graph's code for an object that it does not have, and its statuses.
_UNKNOWN_OBJECT = "100"
_ABSENT = frozenset({400, 404, 410})
_REFUSED = frozenset({401, 403})


class CloudMedia:
    """What clients sent to one number on Meta's Cloud API."""

    def __init__(self, *, api_url: str, api_version: str, access_token: str, timeout_s: float = 15) -> None:
        """`timeout_s` bounds each of the two steps. Raises ConfigurationError for an unusable URL or token."""
        self._version = api_version
        self._session = Session("the Graph API", api_url, access_token, timeout_s)

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()

    async def fetch(self, reference: str, limit: int) -> Fetched | Rejected | Unknown:
        """The file with a media id."""
        if not _ID.fullmatch(reference):
            return Rejected(Fault.PERMANENT, "reference", "this is no media id of Meta's")
        answer = await self._session.exchange("GET", f"{quote(self._version)}/{quote(reference)}")
        if not isinstance(answer, Reply):
            return answer
        return await self._content(answer, limit) if answer.taken else _unknown(answer)

    async def _content(self, answer: Reply, limit: int) -> Fetched | Rejected | Unknown:
        told = answer.json_object() or {}
        size = told.get("file_size")
        if isinstance(size, int) and size > limit:
            return Rejected(Fault.PERMANENT, TOO_LARGE, f"the file is larger than {limit} bytes")
        url = word(told, "url")
        if not url:
            return Rejected(Fault.TRANSIENT, "answer", "the answer is not Graph's: a proxy in between?")
        got = await self._session.download(url, limit, _HOSTS)
        if isinstance(got, Download):
            return Fetched(got.content, word(told, "mime_type") or got.media_type)
        return _refused(got) if isinstance(got, Reply) else got


def _unknown(reply: Reply) -> Rejected | Unknown:
    """What it means that Graph tells no address."""
    found = refusal(reply)
    return _gone() if isinstance(found, Rejected) and found.code == _UNKNOWN_OBJECT else found


def _refused(reply: Reply) -> Rejected:
    """What an address without a file means."""
    if reply.status in _ABSENT:
        return _gone()
    if reply.status in _REFUSED:
        return Rejected(Fault.MISCONFIGURED, str(reply.status), TOKEN_REFUSED)
    if reply.redirected:
        return Rejected(Fault.PERMANENT, str(reply.status), "the address of a file leads elsewhere")
    return Rejected(Fault.TRANSIENT, str(reply.status), "WhatsApp does not give the file now", reply.retry_after)


def _gone() -> Rejected:
    return Rejected(Fault.PERMANENT, GONE, "Meta no longer has the file")
