"""The approved template that goes out when WhatsApp takes no text any more, because the client was silent for a day.

Called by `connector`. Pure. Source: Meta, "Template messages".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.approved_texts import filled
from engine.core.deliveries import Acknowledgement


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
        texts = (filled(variable, body, template.without_name) for variable in template.variables)
        parameters = [{"type": "text", "text": text} for text in texts]
        written["components"] = [{"type": "body", "parameters": parameters}]
    return {"type": "template", "template": written}
