"""What the Graph API's error codes mean for an acknowledgement, and what a person has to do about them.

The table is Meta's "Cloud API error codes" sorted by what helps. Called by `connector` with each answer that is no
success, and by `notifications` for what Meta reports later. Pure.
"""

from datetime import timedelta
from enum import StrEnum

from engine.connectors.replies import Reply
from engine.core.deliveries import Fault, Rejected, Unknown


class Remedy(StrEnum):
    """What helps against a refusal."""

    # WhatsApp's own trouble, or too fast: ask again.
    RETRY = "retry"
    # Meta holds the number or the account back for a while: a person looks, and nothing is sent meanwhile.
    LATER = "later"
    # The client was silent for too long: only a template may be sent.
    TEMPLATE = "template"
    # This message will never be taken.
    NONE = "none"
    # The token or its permissions: a person mends it, and nothing is sent meanwhile.
    AUTHORISATION = "authorisation"
    # The account or the number itself: the same.
    ACCOUNT = "account"


_FAULTS = {
    Remedy.RETRY: Fault.TRANSIENT,
    Remedy.LATER: Fault.MISCONFIGURED,
    Remedy.TEMPLATE: Fault.PERMANENT,
    Remedy.NONE: Fault.PERMANENT,
    Remedy.AUTHORISATION: Fault.MISCONFIGURED,
    Remedy.ACCOUNT: Fault.MISCONFIGURED,
}
# How long nothing is sent at all after one such refusal; then a single message tries whether it still holds.
_STANDSTILLS = {
    Remedy.LATER: timedelta(minutes=5),
    Remedy.AUTHORISATION: timedelta(seconds=30),
    Remedy.ACCOUNT: timedelta(seconds=30),
}

TOKEN_REFUSED = "Meta refuses the access token: make a new one for the system user, set access_token and restart"  # noqa: S105 - a sentence
_NOT_PERMITTED = (
    "Meta does not permit this to the access token: give the system user the WhatsApp account and the token the "
    "permission whatsapp_business_messaging"
)
_BUSY = "WhatsApp has trouble or is asked too often"
_TOO_LATE = "the client last wrote more than 24 hours ago, so WhatsApp takes only a template"
NO_TEMPLATE = f"{_TOO_LATE}, and this connector has none in engine.yaml"
_TEMPLATE = "look at it in WhatsApp Manager > Message templates and at the connector's template in engine.yaml"
_NO_TOKEN = 401
_FORBIDDEN = 403

# A client may be written to every six seconds; one who has to wait keeps nobody else waiting.
_PAIR_RATE = 131056
_PAIR_PAUSE = timedelta(seconds=6)
_NO_USER_ID = 131062

_TABLE: dict[Remedy, dict[int, str]] = {
    Remedy.RETRY: {
        **dict.fromkeys((1, 2, 4, 80007, 130429, 131000, 131016), _BUSY),
        _PAIR_RATE: "WhatsApp takes no more messages to this client for some seconds",
    },
    Remedy.LATER: {
        368: "Meta has blocked the account for a policy violation for now: read and answer it in WhatsApp Manager",
        131048: "WhatsApp limits this number because clients blocked or reported it: look into WhatsApp Manager",
        131057: "the WhatsApp account is in maintenance mode, which Meta ends by itself: look into WhatsApp Manager",
        131064: "WhatsApp limits this number for now: look into WhatsApp Manager",
    },
    Remedy.TEMPLATE: {131047: _TOO_LATE},
    Remedy.NONE: {
        100: "WhatsApp finds a parameter of the message invalid",
        130472: "WhatsApp holds messages back from this client for an experiment of its own",
        130497: "WhatsApp does not let this account write to the client's country",
        131008: "WhatsApp misses a parameter of the message",
        131009: "WhatsApp finds a value in the message invalid",
        131021: "the client's number is our own",
        131026: "WhatsApp cannot deliver to this client: no WhatsApp there, or its terms not accepted",
        131030: "the client's number is not on the list of this test account: add it in the Meta app's API Setup",
        131049: "WhatsApp did not deliver, to keep the client from too many messages",
        131050: "the client has opted out of messages from this account",
        131051: "WhatsApp does not know this type of message",
        _NO_USER_ID: "WhatsApp cannot reach this client by user id, and the number is not known",
        137000: "WhatsApp does not let this account use the product",
        **dict.fromkeys(range(132000, 133000), f"WhatsApp refuses the template: {_TEMPLATE}"),
        132000: f"the template has another number of variables: {_TEMPLATE}",
        132001: f"WhatsApp has no approved template of this name in this language: {_TEMPLATE}",
        132007: f"the template breaks a policy of WhatsApp: {_TEMPLATE}",
        132015: f"WhatsApp has paused the template because clients disliked it: {_TEMPLATE}",
        132016: f"WhatsApp has disabled the template for good: write another one and {_TEMPLATE}",
    },
    Remedy.AUTHORISATION: {
        **dict.fromkeys((0, 190), TOKEN_REFUSED),
        **dict.fromkeys((3, 10, 131005, *range(200, 300)), _NOT_PERMITTED),
    },
    Remedy.ACCOUNT: {
        131031: "Meta has locked the WhatsApp account: look into WhatsApp Manager and appeal there",
        131037: "the number's display name is not approved yet: look into WhatsApp Manager > Phone numbers",
        131042: "the WhatsApp account has a billing problem: mend its payment method in WhatsApp Manager",
        131045: "the number is not registered for the Cloud API: register it again",
    },
}
_RULINGS = {code: (remedy, sentence) for remedy, part in _TABLE.items() for code, sentence in part.items()}


def refusal(reply: Reply) -> Rejected | Unknown:
    """What an answer outside 2xx means."""
    code = _code(reply)
    if code is None:
        return _without_code(reply)
    if reply.failed:
        return Rejected(Fault.TRANSIENT, str(code), _BUSY, reply.retry_after)
    if code not in _RULINGS:
        return Rejected(*_by_status(reply, str(code)), reply.retry_after)
    remedy, sentence = _RULINGS[code]
    if code == _PAIR_RATE:
        pause = max(reply.retry_after, _PAIR_PAUSE)
        return Rejected(Fault.TRANSIENT, str(code), sentence, pause, lane_only=True)
    pause = _STANDSTILLS[remedy] if remedy is Remedy.LATER else timedelta(0)
    return Rejected(_FAULTS[remedy], str(code), sentence, max(reply.retry_after, pause))


def remedy_of(code: str | None) -> Remedy | None:
    """What helps against a code; None for one that Meta's page did not list."""
    return _ruling(code)[0]


def sentence_of(code: str | None) -> str:
    """The sentence about a code; empty for one that Meta's page did not list."""
    return _ruling(code)[1]


def standstill(rejected: Rejected) -> timedelta | None:
    """For how long nothing may be sent to anybody after this refusal; None when it says nothing about the others."""
    remedy = remedy_of(rejected.code)
    if rejected.fault is not Fault.MISCONFIGURED or remedy not in _STANDSTILLS:
        return None
    return max(_STANDSTILLS[remedy], rejected.retry_after)


def wants_template(rejected: Rejected) -> bool:
    """Whether the client was silent for too long, so that only a template may be sent."""
    return rejected.fault is Fault.PERMANENT and remedy_of(rejected.code) is Remedy.TEMPLATE


def wants_number(rejected: Rejected) -> bool:
    """Whether the client can only be reached by number."""
    return rejected.fault is Fault.PERMANENT and rejected.code == str(_NO_USER_ID)


def _ruling(code: str | None) -> tuple[Remedy | None, str]:
    known = code is not None and code.isascii() and code.isdigit() and len(code) < len("1000000")
    return _RULINGS.get(int(code), (None, "")) if code is not None and known else (None, "")


def _by_status(reply: Reply, code: str) -> tuple[Fault, str, str]:
    """The ruling for a code that Meta's page did not list: nothing was sent, so never drop on a guess."""
    if reply.overloaded:
        return Fault.TRANSIENT, code, _BUSY
    if reply.status == _NO_TOKEN:
        return Fault.MISCONFIGURED, code, TOKEN_REFUSED
    if reply.status == _FORBIDDEN:
        return Fault.MISCONFIGURED, code, _NOT_PERMITTED
    return Fault.MISCONFIGURED, code, "WhatsApp refused with a code unknown here: see Meta's list of error codes"


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
