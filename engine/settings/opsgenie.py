"""What the sections `services` and `oncall` of engine.yaml both say of Opsgenie: where it answers, and when it ends.
Called by their modules.
"""

from typing import Final

# By region.
URLS: Final = {"us": "https://api.opsgenie.com", "eu": "https://api.eu.opsgenie.com"}


def ends(then: str) -> str:
    """When it ends, and what comes of that."""
    return f"Opsgenie ends on 2027-04-05, and 120 days after its account was migrated: then {then}"
