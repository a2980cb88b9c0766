"""What Mattermost's errors mean for a post.

A 4xx proves nothing here: with its database away the server blames the request (400, 403, 404) or the token (401), so
such an answer is only *suspicious* until a probe has found the server healthy. Called by whatever asks the server.
Pure. Observed on server 5.37, 2026; ids of 5xx are never looked at, because hardened servers blank them.
"""

import re
from enum import Enum, auto

from engine.connectors.replies import Reply
from engine.core.deliveries import Fault, Rejected

_ID = re.compile(r"[a-z0-9_.]{1,120}", re.IGNORECASE)
_BAD_REQUEST = 400
_UNAUTHORISED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
_TOO_LARGE = 413
_NOT_IMPLEMENTED = 501
# The thread's root is gone or is itself a reply, or was moved to another channel.
NO_ROOTS = frozenset({"api.post.create_post.root_id.app_error", "api.post.create_post.channel_root_id.app_error"})
_ARCHIVED = "api.post.create_post.can_not_post_to_deleted.error"
# A bot that is disabled and a token that was revoked are answered alike.
TOKEN_REFUSED = (
    "Mattermost refuses the bot's token: enable the bot account if it is "  # noqa: S105 - a sentence
    "disabled, else make it a new token and set mattermost_token"
)
REDIRECTED = "the mattermost url redirects: it must be the server's own address"
NO_BOT = (
    "the token is not of a bot account but of a person: posts stand under that person's name and end with the person's "
    "account; make a bot account and set mattermost_token"
)
UNREADABLE = Rejected(Fault.TRANSIENT, "answer", "Mattermost's answer cannot be read: a proxy in between?")
_BUSY = "Mattermost is asked too often: lower limits.mattermost_per_second, or raise RateLimitSettings on the server"


class Verdict(Enum):
    """What an answer outside 2xx says by itself."""

    # Ask again.
    TRANSIENT = auto()
    # Probe the server before believing it.
    SUSPICIOUS = auto()
    # This post will never be taken as it is.
    PERMANENT = auto()
    # The post asks for what this server's licence lacks.
    UNLICENSED = auto()


def error_id(reply: Reply) -> str:
    """Mattermost's id of the error; empty when the answer is not Mattermost's, e.g. the page of a proxy."""
    found = (reply.json_object() or {}).get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def code_of(reply: Reply) -> str:
    """What names the refusal in logs and lists: the status and, where there is one, the error's id."""
    return f"{reply.status} {error_id(reply)}".strip()


def verdict(reply: Reply) -> Verdict:
    """The class of an answer outside 2xx."""
    identity = error_id(reply)
    if reply.json_object() is None:
        return Verdict.TRANSIENT
    if reply.status == _NOT_IMPLEMENTED:
        return Verdict.UNLICENSED
    if reply.overloaded or reply.failed:
        return Verdict.TRANSIENT
    if reply.status == _TOO_LARGE:
        return Verdict.PERMANENT
    if reply.status == _BAD_REQUEST and (
        identity.startswith("model.post.is_valid.") or identity == "api.context.invalid_body_param.app_error"
    ):
        return Verdict.PERMANENT
    return Verdict.SUSPICIOUS


def transient(reply: Reply) -> Rejected:
    """The refusal of a server that is in trouble, asked too often, or hidden by a proxy."""
    if reply.redirected:
        return Rejected(Fault.MISCONFIGURED, str(reply.status), REDIRECTED)
    sentence = _BUSY if reply.overloaded else "Mattermost is in trouble or not reachable"
    return Rejected(Fault.TRANSIENT, code_of(reply), sentence, reply.retry_after)


def permanent(reply: Reply) -> Rejected:
    """The refusal of a post that this server will never take."""
    return Rejected(Fault.PERMANENT, code_of(reply), "Mattermost finds the post itself invalid")


def misconfigured(reply: Reply, bot: str, channel: str) -> Rejected:
    """The refusal of a healthy server, with the administrator's next step."""
    match reply.status:
        case 401:
            sentence = TOKEN_REFUSED
        case 403:
            sentence = no_member(channel, bot)
        case 404:
            sentence = f"~{channel} is gone or hidden from the bot: create it, or invite @{bot} if it is private"
        case _:
            sentence = f"Mattermost refuses the post in ~{channel}: look at the channel and at the server's log"
    return Rejected(Fault.MISCONFIGURED, code_of(reply), sentence, reply.retry_after)


def no_team(team: str) -> str:
    """What to do about a team that the bot does not see."""
    return f"Mattermost has no team {team} that the bot is in: add the bot to it, or correct mattermost.team"


def no_channel(channel: str, team: str) -> str:
    """What to do about a channel that the bot does not see."""
    return (
        f"the bot sees no ~{channel} in team {team}: create it, invite the bot if it is private, or write its new name "
        "into the rules if it was renamed"
    )


def no_member(channel: str, bot: str) -> str:
    """What to do about a channel that the bot sees and is not in."""
    return f"the bot may not post in ~{channel}: invite it there with /invite @{bot}"


def is_everywhere(rejected: Rejected) -> bool:
    """Whether a refusal is about the server or the token, so that it says nothing about the channel."""
    return rejected.reason in {TOKEN_REFUSED, REDIRECTED}


def is_believed(rejected: Rejected) -> bool:
    """Whether a healthy server means what it says about a channel, a post or a person."""
    return rejected.fault is Fault.MISCONFIGURED and not is_everywhere(rejected)


def archived(channel: str) -> str:
    """What to do about an archived channel."""
    return f"~{channel} is archived: unarchive it, or name another channel in the rules"


def about_channel(reply: Reply) -> bool:
    """Whether the refusal may come from a channel id that is no longer the name's."""
    return reply.status in {_FORBIDDEN, _NOT_FOUND} or error_id(reply) == _ARCHIVED


def about_token(reply: Reply) -> bool:
    """Whether the server does not know the token."""
    return reply.status == _UNAUTHORISED


def about_label(reply: Reply) -> bool:
    """Whether the priority label may be what the server refuses."""
    return reply.status == _FORBIDDEN or verdict(reply) is Verdict.UNLICENSED
