"""The fixed mention of engine.yaml as the on-call source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StaticOnCall:
    """Always calls the same: a user, a keyword such as "@oncall", or a licensed group."""

    name: str

    def mention(self) -> str:
        """What the post says."""
        return self.name
