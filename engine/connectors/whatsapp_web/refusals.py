"""What the gateway's error texts mean for an acknowledgement. Pure; called by `connector`.

neonize raises one exception for everything and only its text tells errors apart (0.5.2, measured 2026-11). Reasons are
ours: the text may hold a number and is never passed on.
"""

import re
from datetime import timedelta

from engine.core.deliveries import Fault, Outcome, Rejected, Unknown

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
