"""What the operators' channel learns of channels that refuse posts: each change once."""

from dataclasses import dataclass, field

from engine.core.notices import Notice
from engine.core.quotes import plain
from engine.places import Places

REFUSAL = "the bot may not post in ~noc: invite it there with /invite @engine-bot"


@dataclass
class Channels:
    """As a connector tells of them."""

    told: dict[str, str] = field(default_factory=dict)

    def places(self) -> dict[str, str]:
        return dict(self.told)


@dataclass
class Ear:
    """Hears what is announced."""

    heard: list[Notice] = field(default_factory=list)

    async def announce(self, notice: Notice) -> None:
        self.heard.append(notice)

    def take(self) -> list[tuple[str, str, bool]]:
        """What was heard since."""
        heard, self.heard = self.heard, []
        return [(one.matter, plain(one.text), one.good) for one in heard]


async def test_each_change_is_announced_once() -> None:
    """Refused, still refused, taken again; and that it takes posts as well where an earlier life may have said more."""
    channels, ear = Channels({"telephony": ""}), Ear()
    places = Places([channels], ear.announce, operations="operations")
    await places.look()
    good = "**~telephony takes posts again.** What waited is being sent."
    assert ear.take() == [("place telephony", good, True)]
    channels.told["noc"] = REFUSAL
    await places.look()
    await places.look()
    refused = f"**~noc takes no posts.** {REFUSAL}. What is for it waits until that is done."
    assert ear.take() == [("place noc", refused, False)]
    channels.told["noc"] = ""
    await places.look()
    assert ear.take() == [("place noc", "**~noc takes posts again.** What waited is being sent.", True)]


async def test_the_operators_own_channel_is_not_told_about_itself() -> None:
    """It would be told when it is over."""
    ear = Ear()
    await Places([Channels({"operations": REFUSAL})], ear.announce, operations="operations").look()
    assert ear.take() == []
