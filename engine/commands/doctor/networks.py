"""The ways into WhatsApp that have an API: whether it takes our token, without sending anything to anybody."""

from urllib.parse import quote

from engine.commands.doctor.findings import Finding, Level, finding
from engine.commands.doctor.installations import Installation
from engine.connectors.exchanges import Exchange, Session
from engine.connectors.replies import Reply
from engine.connectors.twilio.refusals import refusal as twilio_refusal
from engine.connectors.whatsapp_cloud.refusals import refusal as cloud_refusal
from engine.core.deliveries import Rejected, Unknown
from engine.core.errors import ConfigurationError
from engine.settings import Secret, TwilioSettings, WhatsAppCloudSettings

_EXCHANGE_S = 5.0
_TWILIO_VERSION = "2010-04-01"
# Meta's words for how clients take a number's messages (Meta, "Phone number quality").
_POOR = {"YELLOW": "medium", "RED": "low"}


async def cloud(installation: Installation, number: WhatsAppCloudSettings) -> tuple[Finding, ...]:
    """A number of the Cloud API: whether Meta takes the token for it."""
    if lacking := installation.lacks(number.name, number.access_token.name):
        return (lacking,)
    path = f"{number.api_version}/{number.phone_number_id}"
    answer = await _ask(number.name, number.api_url, path, number.access_token, fields="quality_rating")
    if isinstance(answer, Finding):
        return (answer,)
    if not answer.taken:
        return (_refused(number.name, cloud_refusal(answer)),)
    found = [Finding(number.name, Level.OK, "Meta takes the access token for this number")]
    quality = str((answer.json_object() or {}).get("quality_rating"))
    if quality in _POOR:
        text = f"Meta rates the quality of this number {_POOR[quality]}, because clients block or report it"
        found.append(Finding(number.name, Level.WARN, text, "look into WhatsApp Manager > Phone numbers"))
    return (*found, _unknowable(number.name, "app secret, verify token and webhook show only when Meta calls"))


async def twilio(installation: Installation, sender: TwilioSettings) -> tuple[Finding, ...]:
    """A sender at Twilio: whether the account takes the token."""
    if lacking := installation.lacks(sender.name, sender.auth_token.name):
        return (lacking,)
    path = f"{_TWILIO_VERSION}/Accounts/{quote(sender.account_sid)}.json"
    answer = await _ask(sender.name, sender.api_url, path, sender.auth_token, user=sender.account_sid)
    if isinstance(answer, Finding):
        return (answer,)
    if not answer.taken:
        return (_refused(sender.name, twilio_refusal(answer)),)
    status = (answer.json_object() or {}).get("status")
    if status != "active":
        text = "the Twilio account is not active"
        return (Finding(sender.name, Level.FAIL, text, "look into the Twilio console, often it is a payment"),)
    found = Finding(sender.name, Level.OK, "Twilio takes the auth token, the account is active")
    return (found, _unknowable(sender.name, "the sender's webhook shows only when Twilio calls"))


async def _ask(name: str, url: str, path: str, token: Secret, user: str = "", **query: str) -> Reply | Finding:
    try:
        session = Session(name, url, token.reveal(), _EXCHANGE_S, user=user)
    except ConfigurationError as error:
        return Finding(name, Level.FAIL, str(error), f"correct api_url, or {token.name}")
    try:
        answer: Exchange = await session.exchange("GET", path, query=query or None)
    finally:
        await session.close()
    if isinstance(answer, Reply):
        return answer
    return Finding(name, Level.FAIL, answer.reason, f"is {url} reachable from this machine?")


def _refused(name: str, refused: Rejected | Unknown) -> Finding:
    return finding(name, Level.FAIL, refused.reason)


def _unknowable(name: str, text: str) -> Finding:
    return Finding(name, Level.SKIP, text, "write to the number from a phone, then `engine incidents list`")
