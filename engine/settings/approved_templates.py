"""The section `template` of a connector: which template, approved by WhatsApp before, goes out where no text may.

Called by `document`. What a variable may hold is what `core.approved_texts` fills in.
"""

import re

from engine.core.approved_texts import PLACES
from engine.ruleset.syntax import Fault, Place
from engine.settings.sections import VALUE, Section, suggest
from engine.settings.values import TemplateSettings, TwilioTemplateSettings

# Meta's rules for both ("Template messages", "Supported languages").
_NAME = re.compile(r"[a-z0-9_]{1,512}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2,3})?", re.ASCII)
_CONTENT_SID = re.compile(r"HX[0-9a-fA-F]{32}", re.ASCII)
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


def read_twilio(connector: Section) -> TwilioTemplateSettings | None:
    """The same of a connector at Twilio, where a template has an id and names for its variables."""
    if not connector.has("template"):
        return None
    section = connector.part("template").only("content_sid", "variables")
    section.expect("content_sid")
    gaps = section.part("variables")
    variables = tuple((name, gaps.text(name) or "") for name in gaps.entries)
    for name, text in variables:
        for gap in map(str.strip, _BRACES.findall(text)):
            if gap not in PLACES:
                gaps.fault(name, VALUE, f"nothing fills {{{{{gap}}}}} in a variable", suggest(gap, PLACES))
    content_sid = section.matching("content_sid", _CONTENT_SID, "HX and 32 hexadecimal digits") or ""
    return TwilioTemplateSettings(content_sid, variables)


def _check(section: Section, text: str, at: Place) -> None:
    """WhatsApp refuses an empty variable, and what stands in braces must be known."""
    if not text.strip():
        section.faults.append(Fault(at, VALUE, "a variable of a template cannot be empty: WhatsApp refuses it"))
    for inner in _BRACES.findall(text):
        if inner.strip() not in PLACES:
            message = f"there is nothing to fill {{{{{inner}}}}} with"
            section.faults.append(Fault(at, VALUE, message, suggest(inner.strip(), PLACES)))
    if re.search(r"[{}]", _BRACES.sub("", text)):
        message = "a variable holds a brace that is not a pair of two, such as {{client_name}}"
        section.faults.append(Fault(at, VALUE, message))
