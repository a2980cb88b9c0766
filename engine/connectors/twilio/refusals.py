"""What Twilio's error codes mean for an acknowledgement.

The table is Twilio's "Error and warning dictionary" sorted by what helps: asking again, waiting for a person, another
form of the message, or nothing. Called by `connector` with each answer that is no success, and by `notifications` for
what Twilio tells later. Pure.
"""

from engine.connectors.replies import Reply
from engine.core.deliveries import Fault, Rejected, Unknown

# WhatsApp takes nothing but an approved template now.
WINDOW_CLOSED = frozenset({"63016"})
# Makes the connector not ready.
TOKEN_REFUSED = "Twilio refuses the account SID or the auth token: compare both with the Twilio console"  # noqa: S105 - a sentence
TOO_LATE = "the client last wrote more than 24 hours ago, so WhatsApp takes only templates"
NEEDS_TEMPLATE = f"{TOO_LATE}: configure `template` for this connector, and answer this client by hand"
_BUSY = "Twilio or WhatsApp has trouble or is asked too often"
_NOT_TWILIO = "the answer is not Twilio's: a proxy in between?"
_UNKNOWN_CODE = "Twilio refused with a code unknown here: see twilio.com/docs/api/errors"
_NO_TOKEN = 401
_FORBIDDEN = 403
_NOT_FOUND = 404

# Too fast, or trouble that passes.
_TRANSIENT = (14107, 20429, 20500, 20503, 30001, 63010, 63018)
_AUTHORISATION = (20003, 20008, 20403)
# The administrator's, with what to do.
_MISCONFIGURED = {
    20005: "the Twilio account is not active: look into the Twilio console, often it is a payment",
    20404: "Twilio does not know the account SID at this address: compare account_sid and api_url",
    21212: "Twilio does not take our number as a sender: `from` is written like whatsapp:+14155238886",
    21609: "Twilio cannot use our status callback: http.public_url must be an address that Twilio can reach",
    21606: "our number is no sender of this Twilio account: compare `from` with the WhatsApp senders in the console",
    21655: "Twilio does not know the template: compare template.content_sid with the Content Template Builder",
    21656: "Twilio finds the template's variables invalid: compare template.variables with the approved template",
    30002: "Twilio has suspended the account: look into the Twilio console",
    63007: "Twilio has no WhatsApp sender of our number: compare `from` with the WhatsApp senders in the console",
    63020: "Twilio's invitation to the WhatsApp account is not accepted yet: accept it in the Meta business manager",
    63027: "the template does not exist in this language: look into the Content Template Builder",
    63028: "the template has another number of variables: compare template.variables with the approved template",
    63038: "the Twilio account has sent as many messages as it may in a day: wait, or ask Twilio for more",
    63040: "WhatsApp has rejected the template: look into the Content Template Builder",
    63041: "WhatsApp has paused the template: look into the Content Template Builder",
    63042: "WhatsApp has disabled the template: look into the Content Template Builder",
    63051: "WhatsApp has locked the business account: look into the Meta business manager",
}
_PERMANENT = {
    21211: "the client's number is not valid",
    21408: "the Twilio account may not write to the client's country: allow it in the console",
    21610: "the client has opted out of messages from this sender",
    21614: "the client's number cannot get messages",
    21617: "the message is longer than Twilio takes",
    63003: "WhatsApp cannot deliver to this client: no WhatsApp there",
    63005: "WhatsApp does not take what is in the message",
    63013: "WhatsApp does not take the message, because of a policy of its own",
    63016: NEEDS_TEMPLATE,
    63024: "WhatsApp cannot deliver to this client: the recipient is not valid, e.g. no WhatsApp there",
    63032: "WhatsApp does not deliver to this client: the client's version or place does not allow it",
    63033: "the client has blocked messages from this number",
    63049: "Meta did not deliver, to keep the client from too many messages",
}
_RULINGS: dict[int, tuple[Fault, str]] = {
    **dict.fromkeys(_TRANSIENT, (Fault.TRANSIENT, _BUSY)),
    **dict.fromkeys(_AUTHORISATION, (Fault.MISCONFIGURED, TOKEN_REFUSED)),
    **{code: (Fault.MISCONFIGURED, sentence) for code, sentence in _MISCONFIGURED.items()},
    **{code: (Fault.PERMANENT, sentence) for code, sentence in _PERMANENT.items()},
}
# As they stand in a status callback.
_CODES = frozenset(map(str, _RULINGS))


def refusal(reply: Reply) -> Rejected | Unknown:
    """What an answer outside 2xx means."""
    code = _code(reply)
    if code is None:
        return _without_code(reply)
    fault, sentence = (Fault.TRANSIENT, _BUSY) if reply.failed else _RULINGS.get(code) or _by_status(reply)
    return Rejected(fault, str(code), sentence, reply.retry_after)


def sentence_of(code: str) -> str:
    """What a code means, in one sentence; empty for one that the table lacks."""
    return _RULINGS[int(code)][1] if code in _CODES else ""


def _by_status(reply: Reply) -> tuple[Fault, str]:
    """The ruling for a code that the table lacks: nothing was sent, so never drop on a guess."""
    if reply.overloaded:
        return Fault.TRANSIENT, _BUSY
    if reply.status in {_NO_TOKEN, _FORBIDDEN}:
        return Fault.MISCONFIGURED, TOKEN_REFUSED
    return Fault.MISCONFIGURED, _UNKNOWN_CODE


def _code(reply: Reply) -> int | None:
    """Twilio's error code, or None when the answer is not Twilio's, e.g. the page of a proxy."""
    code = (reply.json_object() or {}).get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _without_code(reply: Reply) -> Rejected | Unknown:
    if reply.overloaded:
        return Rejected(Fault.TRANSIENT, "429", _BUSY, reply.retry_after)
    if reply.failed:
        # Something between us and Twilio gave up; whether Twilio had acted by then nobody says.
        return Unknown(f"an answer {reply.status} that is not Twilio's")
    if reply.redirected:
        return Rejected(Fault.MISCONFIGURED, str(reply.status), "the api_url redirects: it must be Twilio's own")
    if reply.status == _NOT_FOUND:
        return Rejected(Fault.MISCONFIGURED, "404", "Twilio's API is not at this address: compare api_url")
    return Rejected(Fault.TRANSIENT, str(reply.status), _NOT_TWILIO)
