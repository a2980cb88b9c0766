"""The section `template` of a connector: which template, approved by WhatsApp before, goes out where no text may.

Called by `document`. What a variable may hold is what `connectors.whatsapp_cloud.templates` fills in.
"""

import re

from engine.ruleset.syntax import Fault, Place
from engine.settings.sections import VALUE, Section, suggest
from engine.settings.values import TemplateSettings

# Meta's rules for both ("Template messages", "Supported languages").
_NAME = re.compile(r"[a-z0-9_]{1,512}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2,3})?", re.ASCII)
_PLACES = ("client_name", "ticket_id")
_BRACES = re.compile(r"\{\{([^{}]*)\}\}")


def read(connector: Section) -> TemplateSettings | None:
    """The template of a connector, None when it has none."""
    if not connector.has("template"):
        return None
    section = connector.part("template").only("name", "language", "variables", "without_name")
    section.expect("name", "language")
    variables = section.texts("variables")
    for text, at in variables:
        _check(section, text, at)
    return TemplateSettings(
        name=section.matching("name", _NAME, "the template's name in WhatsApp Manager: a-z, 0-9 and _") or "",
        language=section.matching("language", _LANGUAGE, "the template's language at WhatsApp, e.g. en or en_GB") or "",
        variables=tuple(text for text, _ in variables),
        without_name=section.text("without_name") or "Client",
    )


def _check(section: Section, text: str, at: Place) -> None:
    """WhatsApp refuses an empty variable, and what stands in braces must be known."""
    if not text.strip():
        section.faults.append(Fault(at, VALUE, "a variable of a template cannot be empty: WhatsApp refuses it"))
    for inner in _BRACES.findall(text):
        if inner.strip() not in _PLACES:
            message = f"there is nothing to fill {{{{{inner}}}}} with"
            section.faults.append(Fault(at, VALUE, message, suggest(inner.strip(), _PLACES)))
    if re.search(r"[{}]", _BRACES.sub("", text)):
        message = "a variable holds a brace that is not a pair of two, such as {{client_name}}"
        section.faults.append(Fault(at, VALUE, message))
