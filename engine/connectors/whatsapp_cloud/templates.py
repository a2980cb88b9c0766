"""The approved template that goes out when WhatsApp takes no text any more, because the client was silent for a day.

Called by `connector`. Pure. Source: Meta, "Template messages" (parameters with line breaks, tabs or more than four
blanks in a row are refused, and empty ones too).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.deliveries import Acknowledgement

# What a variable may hold besides its own words.
PLACES = ("client_name", "ticket_id")
_PLACE = re.compile(rf"\{{\{{\s*({'|'.join(PLACES)})\s*\}}\}}")
_LONGEST_VARIABLE = 1024
# What stands where nothing is known.
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Template:
    """A template as engine.yaml names it."""

    # As in WhatsApp Manager, and approved there in this language, e.g. "en" or "en_GB".
    name: str
    language: str
    # What fills {{1}}, {{2}}, … in its body: words, {{client_name}} and {{ticket_id}}.
    variables: tuple[str, ...] = ()
    # What stands for the name of a client who has none.
    without_name: str = "Client"


def template_content(template: Template, body: Acknowledgement) -> Mapping[str, object]:
    """The part of a request that says the template with its variables filled in."""
    written: dict[str, object] = {"name": template.name, "language": {"code": template.language}}
    if template.variables:
        parameters = [{"type": "text", "text": _filled(variable, template, body)} for variable in template.variables]
        written["components"] = [{"type": "body", "parameters": parameters}]
    return {"type": "template", "template": written}


def _filled(variable: str, template: Template, body: Acknowledgement) -> str:
    values = {"client_name": body.client_name or template.without_name, "ticket_id": body.ticket_id or _NOTHING}
    line = " ".join(_PLACE.sub(lambda place: values[place[1]], variable).split())
    return line[:_LONGEST_VARIABLE] or _NOTHING
