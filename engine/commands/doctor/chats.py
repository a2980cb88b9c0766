"""Mattermost: whether it answers, who the bot is, and whether each channel would take a post."""

from collections.abc import Sequence

from engine.commands.doctor.findings import Finding, Level, finding
from engine.commands.doctor.installations import Installation
from engine.connectors.exchanges import Session
from engine.connectors.mattermost.examinations import Examination, Place, examine
from engine.connectors.mattermost.refusals import NO_BOT
from engine.core.deliveries import Rejected
from engine.core.errors import ConfigurationError
from engine.ports import Clock

_SUBJECT = "mattermost"
_EXCHANGE_S = 5.0


async def look(
    installation: Installation, places: Sequence[Place], usernames: Sequence[str], clock: Clock
) -> Examination | Finding:
    """Look at Mattermost as the bot; the finding that says why that cannot be done."""
    chat = installation.settings.mattermost
    if chat is None:
        return Finding(_SUBJECT, Level.SKIP, "it is not configured")
    if lacking := installation.lacks(_SUBJECT, "mattermost_token"):
        return lacking
    try:
        session = Session("Mattermost", chat.url, chat.token.reveal(), _EXCHANGE_S)
    except ConfigurationError as error:
        return Finding(_SUBJECT, Level.FAIL, str(error), "correct mattermost.url or mattermost_token")
    try:
        seen = await examine(session, chat.team, places, usernames, clock)
    finally:
        await session.close()
    return finding(_SUBJECT, Level.FAIL, _whole(seen.reason, chat.url)) if isinstance(seen, Rejected) else seen


def _whole(reason: str, url: str) -> str:
    return reason if ": " in reason else f"{reason}: try `curl -sS {url}/api/v4/system/ping` on this machine"


def chat(seen: Examination) -> tuple[Finding, ...]:
    """What the examination means."""
    version = f"version {seen.version}" if seen.version else "a version that it does not tell"
    found = [Finding(_SUBJECT, Level.OK, f"answers, {version}")]
    if isinstance(seen.bot, Rejected):
        return (*found, finding(_SUBJECT, Level.FAIL, seen.bot.reason))
    if seen.bot.is_bot:
        found.append(Finding(_SUBJECT, Level.OK, f"the token is that of the bot account {seen.bot.username}"))
    else:
        text, _, advice = NO_BOT.partition("; ")
        found.append(Finding(_SUBJECT, Level.WARN, text, advice))
    if not seen.labels:
        text = "it offers no priority labels, so that titles say the priority"
        found.append(Finding(_SUBJECT, Level.WARN, text, "turn on ServiceSettings.PostPriority, from release 7.7 on"))
    refused = [finding(_SUBJECT, Level.FAIL, refusal) for _, refusal in seen.places if refusal]
    taken = [str(place) for place, refusal in seen.places if not refusal]
    if taken:
        found.append(Finding(_SUBJECT, Level.OK, f"the bot may post in {', '.join(taken)}"))
    return (*found, *refused)


def fallback(installation: Installation) -> tuple[Finding, ...]:
    """The second way, where there is one: to look whether it works would be to post."""
    chat = installation.settings.mattermost
    if chat is None or chat.fallback_url is None:
        return ()
    return (Finding(_SUBJECT, Level.SKIP, "whether the fallback webhook works shows only when it is used"),)
