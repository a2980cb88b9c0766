"""What the gateway's error texts mean for an acknowledgement, and for a file. Pure.

Called by `connector` and `downloads`.

neonize raises one exception for everything and only its text tells errors apart (0.5.2, measured 2026-11). Reasons are
ours: the text may hold a number and is never passed on.
"""

import re
from datetime import timedelta

from engine.core.deliveries import Fault, Outcome, Rejected, Unknown
from engine.core.media import GONE, TOO_LARGE

# WhatsApp's own request to be asked less.
_PAUSE = timedelta(seconds=60)
_SERVER = re.compile(r"server returned error (\d{3})")
_SERVER_ERRORS: dict[str, Rejected] = {
    "429": Rejected(Fault.TRANSIENT, "429", "WhatsApp is asked too often", _PAUSE),
    "463": Rejected(
        Fault.PERMANENT,
        "463",
        "WhatsApp does not let this account write to clients who have not written first: answer by hand from the phone",
    ),
    "479": Rejected(
        Fault.PERMANENT, "479", "WhatsApp does not take messages to this client from this device: answer by hand"
    ),
}
# What `fetches` says itself.
NO_REFERENCE = "no reference"
TOO_LONG = "longer than allowed"
TOO_MANY = "too many files at once"

_OFFLINE = Rejected(Fault.TRANSIENT, "offline", "WhatsApp cannot be asked for the file now", lane_only=True)
_DAMAGED = Rejected(Fault.PERMANENT, "damaged", "the file is not what its message says")
_FILE_TEXTS: tuple[tuple[str, Rejected], ...] = (
    (TOO_LONG, Rejected(Fault.PERMANENT, TOO_LARGE, "the file is larger than allowed")),
    (NO_REFERENCE, Rejected(Fault.PERMANENT, "reference", "this is no file of WhatsApp's")),
    (TOO_MANY, Rejected(Fault.TRANSIENT, "busy", "the gateway fetches other files")),
    ("hash of media", _DAMAGED),
    ("invalid media hmac", _DAMAGED),
    ("file too short", _DAMAGED),
    ("failed to decrypt", _DAMAGED),
    ("websocket", _OFFLINE),
    ("client is nil", _OFFLINE),
    ("failed to refresh media connections", _OFFLINE),
    ("no such host", _OFFLINE),
    ("dial tcp", _OFFLINE),
    ("unexpected eof", Rejected(Fault.TRANSIENT, "cut", "the connection broke before the file was there")),
)
_STATUS = re.compile(r"failed with status code (\d{3})")
_ABSENT = frozenset({"403", "404", "410"})
# The first that the text holds, in this order.
_TEXTS: tuple[tuple[str, Rejected | Unknown], ...] = (
    ("timed out waiting for message send response", Unknown("WhatsApp has not said whether it took the message")),
    ("store doesn't contain a device jid", Rejected(Fault.MISCONFIGURED, "unlinked", "no phone is linked")),
    ("no lid found for", Rejected(Fault.PERMANENT, "no-account", "the client's number is not on WhatsApp")),
    ("websocket not connected", Rejected(Fault.TRANSIENT, "offline", "the connection to WhatsApp is down")),
    ("websocket disconnected before", Unknown("the connection to WhatsApp broke while the message was sent")),
    ("client is nil", Rejected(Fault.TRANSIENT, "offline", "the gateway is not connected")),
    ("failed to get device list", Rejected(Fault.TRANSIENT, "devices", "WhatsApp does not name the client's devices")),
    ("failed to dial", Rejected(Fault.TRANSIENT, "offline", "WhatsApp cannot be reached")),
    ("no such host", Rejected(Fault.TRANSIENT, "offline", "the name of WhatsApp's server cannot be looked up")),
)


def refusal(error: str) -> Outcome:
    """What an error text means; one that this version does not know is in doubt."""
    said = error.lower()
    for words, outcome in _TEXTS:
        if words in said:
            return outcome
    found = _SERVER.search(said)
    if found is None:
        return Unknown("the gateway failed in a way that this version does not know")
    refused = Rejected(Fault.PERMANENT, found[1], "WhatsApp refuses the message: answer by hand")
    return _SERVER_ERRORS.get(found[1], refused)


def unfetched(error: str) -> Rejected | Unknown:
    """What an error text means for a file. WhatsApp keeps files for some weeks, and then refuses their addresses."""
    said = error.lower()
    status = _STATUS.search(said)
    if status is not None and status[1] in _ABSENT:
        return Rejected(Fault.PERMANENT, GONE, "WhatsApp no longer has the file")
    if status is not None:
        return Rejected(Fault.TRANSIENT, status[1], "WhatsApp does not give the file now")
    found = next((refused for words, refused in _FILE_TEXTS if words in said), None)
    return found or Unknown("the file could not be fetched for a reason that this version does not know")
