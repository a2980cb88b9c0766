"""The variables of a text that WhatsApp has approved, filled in for one client.

Used by the connectors of the official ways, and by the settings, which refuse what nothing fills. Source: Meta,
"Template messages" (a variable with line breaks, tabs or more than four blanks in a row is refused, and an empty one
too).
"""

import re

from engine.core.deliveries import Acknowledgement

# What a variable may hold besides its own words, in two pairs of braces.
PLACES = ("client_name", "ticket_id")
_PLACE = re.compile(rf"\{{\{{\s*({'|'.join(PLACES)})\s*\}}\}}")
# Characters.
_LONGEST = 1024
# What stands where nothing is known.
_NOTHING = "-"


def filled(variable: str, body: Acknowledgement, without_name: str = "Client") -> str:
    """What goes out for one variable: a line that is never empty."""
    name = (body.client_name or "").strip()
    values = {"client_name": name or without_name, "ticket_id": body.ticket_id or _NOTHING}
    return " ".join(_PLACE.sub(lambda place: values[place[1]], variable).split())[:_LONGEST] or _NOTHING
