"""What the Graph API's error codes mean for an acknowledgement.

The table is Meta's "Cloud API error codes" sorted by what helps: asking again, waiting for a person, or nothing.
Called by `connector` with each answer that is no success. Pure.
"""

from engine.connectors.exchanges import Reply
from engine.core.deliveries import Fault, Rejected, Unknown

# Makes the connector not ready.
TOKEN_REFUSED = "Meta refuses the access token or its permissions: make a new one with whatsapp_business_messaging"  # noqa: S105 - a sentence
_BUSY = "WhatsApp has trouble or is asked too often"
_NO_TOKEN = 401
_FORBIDDEN = 403

# WhatsApp's own trouble, or too fast: ask again.
_TRANSIENT = (1, 2, 4, 80007, 130429, 131000, 131016, 131056)
_AUTHORISATION = (0, 3, 10, 190, 131005, *range(200, 300))
# The administrator's, with what to do.
_MISCONFIGURED = {
    368: "Meta has blocked the account for a policy violation for now: look into WhatsApp Manager",
    131031: "Meta has locked the WhatsApp account: look into WhatsApp Manager",
    131037: "the number's display name is not approved yet: look into WhatsApp Manager",
    131042: "the WhatsApp account has a billing problem: look into WhatsApp Manager",
    131045: "the number is not registered for the Cloud API: register it again",
    131048: "WhatsApp limits this number because clients blocked or reported it: look into WhatsApp Manager",
    131057: "the WhatsApp account is in maintenance mode: look into WhatsApp Manager",
    131064: "WhatsApp limits this number for now: look into WhatsApp Manager",
}
_PERMANENT = {
    100: "WhatsApp finds a parameter of the message invalid",
    130472: "WhatsApp holds messages back from this client for an experiment of its own",
    130497: "WhatsApp does not let this account write to the client's country",
    131008: "WhatsApp misses a parameter of the message",
    131009: "WhatsApp finds a value in the message invalid",
    131021: "the client's number is our own",
    131026: "WhatsApp cannot deliver to this client: no WhatsApp there, or its terms not accepted",
    131030: "the client's number is not on the list of this test account",
    131047: "the client last wrote more than 24 hours ago, so WhatsApp takes only templates: answer by hand",
    131049: "WhatsApp did not deliver, to keep the client from too many messages",
    131050: "the client has opted out of messages from this account",
    131051: "WhatsApp does not know this type of message",
    131062: "WhatsApp cannot reach this client by user id yet",
    137000: "WhatsApp does not let this account use the product",
}
_RULINGS: dict[int, tuple[Fault, str]] = {
    **dict.fromkeys(_TRANSIENT, (Fault.TRANSIENT, _BUSY)),
    **dict.fromkeys(_AUTHORISATION, (Fault.MISCONFIGURED, TOKEN_REFUSED)),
    **{code: (Fault.MISCONFIGURED, sentence) for code, sentence in _MISCONFIGURED.items()},
    **{code: (Fault.PERMANENT, sentence) for code, sentence in _PERMANENT.items()},
    **dict.fromkeys(range(132000, 133000), (Fault.PERMANENT, "WhatsApp refuses the template")),
}


def refusal(reply: Reply) -> Rejected | Unknown:
    """What an answer outside 2xx means."""
    code = _code(reply)
    if code is None:
        return _without_code(reply)
    fault, sentence = (Fault.TRANSIENT, _BUSY) if reply.failed else _RULINGS.get(code) or _by_status(reply)
    return Rejected(fault, str(code), sentence, reply.retry_after)


def _by_status(reply: Reply) -> tuple[Fault, str]:
    """The ruling for a code that Meta's page did not list: nothing was sent, so never drop on a guess."""
    if reply.overloaded:
        return Fault.TRANSIENT, _BUSY
    if reply.status in {_NO_TOKEN, _FORBIDDEN}:
        return Fault.MISCONFIGURED, TOKEN_REFUSED
    return Fault.MISCONFIGURED, "WhatsApp refused with a code unknown here: see Meta's list of error codes"


def _code(reply: Reply) -> int | None:
    """Graph's error code, or None when the answer is not Graph's, e.g. the page of a proxy."""
    error = (reply.json_object() or {}).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _without_code(reply: Reply) -> Rejected | Unknown:
    if reply.overloaded:
        return Rejected(Fault.TRANSIENT, "429", _BUSY, reply.retry_after)
    if reply.failed:
        # Something between us and Graph gave up; whether Graph had acted by then nobody says.
        return Unknown(f"an answer {reply.status} that is not Graph's")
    if reply.redirected:
        return Rejected(Fault.MISCONFIGURED, str(reply.status), "the api_url redirects: it must be the Graph API's own")
    return Rejected(Fault.TRANSIENT, str(reply.status), "the answer is not Graph's: a proxy in between?")
