"""The files that clients send: which of them the thread of an incident gets, under what name, and what it reads where
there is nothing to attach.

`plan` orders them; the connector that carries them asks here at each step. Nothing here opens a file: a name and a
type are what somebody told us, and are treated as such. Pure.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from engine.core.deliveries import Fault, FollowUp, Media, Rejected, Unknown
from engine.core.events import Attachment, Message
from engine.core.quotes import clean_line
from engine.core.variables import size

# So many files of one message are fetched.
MOST = 5
# How long a file is asked for before the thread is told that there is none; a network's trouble is mostly shorter.
PATIENCE = timedelta(hours=1)
# The head start of the post that a file needs, and how soon it is tried again when the post is not there yet.
HEAD_START = timedelta(seconds=1)
POST_WAIT = timedelta(seconds=2)
# The codes with which a source refuses what nobody can change.
TOO_LARGE = "too-large"
GONE = "gone"

_WORDS = {
    "image": "picture",
    "video": "video",
    "audio": "audio file",
    "voice": "voice note",
    "document": "document",
    "sticker": "sticker",
}
# The extensions of a type, the usual one first.
_EXTENSIONS: dict[str, tuple[str, ...]] = {
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "image/webp": ("webp",),
    "image/gif": ("gif",),
    "video/mp4": ("mp4",),
    "video/3gpp": ("3gp",),
    "audio/ogg": ("ogg", "oga", "opus"),
    "audio/mpeg": ("mp3",),
    "audio/mp4": ("m4a", "mp4"),
    "audio/aac": ("aac",),
    "audio/amr": ("amr",),
    "text/plain": ("txt", "log", "csv", "conf", "cfg"),
    "text/csv": ("csv",),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "application/msword": ("doc",),
    "application/vnd.ms-excel": ("xls",),
    "application/vnd.ms-powerpoint": ("ppt",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("pptx",),
}
_UNKNOWN = "bin"
_ANYTHING = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9.+-]{1,63}/[a-z0-9.+-]{1,127}", re.ASCII)
_SUFFIX = re.compile(r"[a-z0-9]{1,8}", re.ASCII)
# What a path, a mention, Markdown or a shell could be made of, and what Windows takes in no name.
_UNWANTED = re.compile(r"[@\uff20<>:\"|?*`~#$%&;!\[\]{}]")
# Longer names help nobody; Mattermost takes 256 characters.
_NAME_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as its network gave it."""

    content: bytes
    # Lower case, without parameters; empty when the network did not tell.
    media_type: str


def carrier(escalate_to: str) -> str:
    """The destination of files for the threads of another: apart from it, so that a slow download holds no post up. No
    connector in engine.yaml can have that name.
    """
    return f"{escalate_to}.files"


def wanted(message: Message) -> tuple[Attachment, ...]:
    """The files of a message that can be fetched, each once, the first ones of many. An edit brings nothing new."""
    if message.kind == "edit":
        return ()
    found = {one.reference: one for one in message.attachments if one.reference and one.kind in _WORDS}
    return tuple(found.values())[:MOST]


def digest(media: Media) -> str:
    """What tells the files of one message apart."""
    return hashlib.sha256(media.reference.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def not_yet(media: Media, thread: str | None) -> Rejected | None:
    """The refusal of a file whose thread has no root so far: it never goes anywhere else."""
    if thread:
        return None
    return Rejected(Fault.TRANSIENT, "no-post", f"the post of {media.ticket_id} is not there yet", POST_WAIT)


def refused_ahead(media: Media, limit: int) -> FollowUp | None:
    """The reply for a file that need not be fetched to know that it cannot be attached; `limit` in bytes."""
    if limit <= 0:
        return instead(media, "Mattermost takes no files")
    if media.size_bytes is not None and media.size_bytes > limit:
        return instead(media, _larger(limit))
    return None


def after_fetch(
    media: Media, found: Fetched | Rejected | Unknown, limit: int, accepted_at: datetime, now: datetime
) -> Fetched | FollowUp | Rejected:
    """What follows from asking for a file: attach it, reply that there is none, or ask again later."""
    match found:
        case Fetched(content=content):
            if len(content) > limit:
                return instead(media, _larger(limit))
            return found if content else instead(media, "it is empty")
        case Rejected(code="too-large"):
            return instead(media, _larger(limit))
        case Rejected(code="gone"):
            return instead(media, "the network no longer has it")
        case Rejected(fault=Fault.PERMANENT):
            return instead(media, "it could not be fetched")
        case Rejected() | Unknown():
            return _later(media, found, "it could not be fetched", accepted_at, now)
        case _:
            assert_never(found)


def after_upload(
    media: Media, failure: Rejected | Unknown, accepted_at: datetime, now: datetime
) -> FollowUp | Rejected:
    """What follows from a server that did not take the file. A file without a post is shown to nobody, so uploading it
    once more does no harm.
    """
    if isinstance(failure, Rejected) and failure.fault is not Fault.TRANSIENT:
        return instead(media, "Mattermost does not take it")
    return _later(media, failure, "Mattermost does not take it", accepted_at, now)


def _later(
    media: Media, failure: Rejected | Unknown, why: str, accepted_at: datetime, now: datetime
) -> FollowUp | Rejected:
    if now - accepted_at >= PATIENCE:
        return instead(media, why)
    return failure if isinstance(failure, Rejected) else Rejected(Fault.TRANSIENT, "no-answer", failure.reason)


def caption(media: Media) -> FollowUp:
    """The reply that carries the file."""
    return FollowUp(media.channel, media.team, f"From the client: {_word(media)}", media.ticket_id)


def instead(media: Media, why: str) -> FollowUp:
    """The reply where there is nothing to attach."""
    told = "" if media.size_bytes is None else f" ({size(media.size_bytes)})"
    text = f"The client's {_word(media)}{told} is not attached: {why}. Look at it on the phone."
    return FollowUp(media.channel, media.team, text, media.ticket_id)


def _word(media: Media) -> str:
    return _WORDS.get(media.kind, "file")


def _larger(limit: int) -> str:
    return f"it is larger than {size(limit)}"


def media_type(media: Media, fetched: Fetched) -> str:
    """The type of a file: what its network told with it, else with the message, else any."""
    told = (one.partition(";")[0].strip().lower() for one in (fetched.media_type, media.media_type or ""))
    return _first(one for one in told if _TYPE.fullmatch(one) and one != _ANYTHING)


def _first(types: Iterable[str]) -> str:
    return next(iter(types), _ANYTHING)


def file_name(media: Media, its_type: str) -> str:
    """A name for a file: the client's without path, controls and mentions, or its kind, and the extension of its type,
    whatever the client called it.
    """
    line = clean_line(re.split(r"[/\\]", media.name or "")[-1], len(media.name or "") + 1)
    stem, dot, suffix = _UNWANTED.sub("", line).strip(". ").rpartition(".")
    if not dot or not _SUFFIX.fullmatch(suffix.lower()):
        stem, suffix = f"{stem}{dot}{suffix}", ""
    known = _EXTENSIONS.get(its_type)
    if known and suffix.lower() not in known:
        # Whoever opens it goes by the last extension.
        stem, suffix = ".".join(filter(None, (stem, suffix))), known[0]
    stem = stem[:_NAME_LIMIT].strip(". ") or media.kind
    return f"{stem}.{suffix or _UNKNOWN}"
