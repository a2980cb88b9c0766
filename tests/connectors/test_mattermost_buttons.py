"""The buttons below a post: what they prove when they come back, and how posts carry them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import mattermost as standin
from standins import pressed
from standins.claims import CHANNEL, claim, copy, escalation, follow_up
from standins.loopback import Loopback, serving
from standins.parts import START, SetClock

from engine.connectors.mattermost import Buttons, Mattermost
from engine.connectors.mattermost.buttons import LIFE, Click, Offer
from engine.core.deliveries import Body, Fault, Outcome, Rejected, Revision, Sent, Unknown

_URL = "https://support.example.org/webhooks/mattermost"
_BUTTONS = Buttons.of(_URL, "bot-token")
_CHANNEL, _USER, _POST = "c" * 26, "u" * 26, "p" * 26
_OFFER = Offer("OC-2026-0001", "claim", _CHANNEL, "d1", int((START + LIFE).timestamp()))
_POST_OFFERS = ("claim", "resolve", "snooze")


def _made(buttons: Buttons = _BUTTONS, kinds: tuple[str, ...] = ("claim",), delivery: str = "d1") -> Any:
    return buttons.attachments(kinds, "OC-2026-0001", channel_id=_CHANNEL, delivery=delivery, now=START)


def _context(**details: Any) -> dict[str, Any]:
    ((attachment,),) = [_made()]
    context: dict[str, Any] = attachment["actions"][0]["integration"]["context"]
    return context | details


def _body(context: object, **details: object) -> bytes:
    told = {"user_id": _USER, "user_name": "amina", "channel_id": _CHANNEL, "post_id": _POST, "context": context}
    return json.dumps(told | details).encode()


def test_a_button_says_what_it_does_and_carries_a_signed_offer() -> None:
    """All that Mattermost needs, in the form of its API, and no text that could call anybody."""
    assert _made(kinds=("claim", "snooze")) == [
        {
            "actions": [
                {"id": "claim", "name": "Take", "type": "button", "integration": {"url": _URL, "context": _context()}},
                {
                    "id": "snooze",
                    "name": "Pause 30 min",
                    "type": "button",
                    "integration": {
                        "url": _URL,
                        "context": _made(kinds=("snooze",))[0]["actions"][0]["integration"]["context"],
                    },
                },
            ]
        }
    ]
    signature = _context().pop("signature")
    assert len(signature) == 64
    assert _context() == {
        "ticket": "OC-2026-0001",
        "action": "claim",
        "channel": _CHANNEL,
        "delivery": "d1",
        "until": str(_OFFER.until_s),
        "signature": signature,
    }


@pytest.mark.parametrize("kinds", [(), ("priority",)], ids=["nothing", "no button for it"])
def test_what_no_button_offers_has_no_attachment(kinds: tuple[str, ...]) -> None:
    """A post that offers nothing looks as a post without buttons."""
    assert _made(kinds=kinds) == []


def test_a_button_that_comes_back_is_known_again() -> None:
    """By every node that has the bot's token; the key itself shows in nothing that is printed."""
    assert _BUTTONS.read(_body(_context())) == Click(_USER, _CHANNEL, _POST, _OFFER)
    assert Buttons.of("http://10.0.0.5:8080", "bot-token").read(_body(_context())) == Click(
        _USER, _CHANNEL, _POST, _OFFER
    )
    assert repr(_BUTTONS) == f"Buttons(url={_URL!r})"


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"ticket": "OC-2026-0002"}, id="another ticket"),
        pytest.param({"action": "resolve"}, id="another action"),
        pytest.param({"action": "reply"}, id="an action without a button"),
        pytest.param({"channel": "d" * 26}, id="another channel"),
        pytest.param({"delivery": "d2"}, id="another state"),
        pytest.param({"until": str(_OFFER.until_s + 1)}, id="a longer life"),
        pytest.param({"until": ""}, id="no end"),
        pytest.param({"until": "-1"}, id="an end before all"),
        pytest.param({"until": _OFFER.until_s}, id="an end that is no text"),
        pytest.param({"until": "٣٣٣"}, id="an end in other digits"),
        pytest.param({"signature": ""}, id="no signature"),
        pytest.param({"signature": "0" * 64}, id="another signature"),
        pytest.param({"signature": "ü\ud800"}, id="a signature that is none"),
        pytest.param({"signature": None}, id="nothing for a signature"),
        pytest.param({"ticket": "OC-2026-0001\ud800"}, id="half a character"),
    ],
)
def test_an_offer_that_was_altered_is_none(forged: dict[str, Any]) -> None:
    """Each of its parts is signed."""
    assert _BUTTONS.read(_body(_context(**forged))) == Click(_USER, _CHANNEL, _POST, None)


def test_an_offer_of_another_bot_is_none() -> None:
    """Nor is one that was made before the bot's token was replaced."""
    others = Buttons.of(_URL, "another-token")
    assert others.read(_body(_context())) == Click(_USER, _CHANNEL, _POST, None)


@pytest.mark.parametrize("name", ["user_id", "channel_id", "post_id"])
@pytest.mark.parametrize("value", ["", "../../users/me", "U" * 26, "u" * 27, 7, None, f"{'u' * 25}\n"], ids=repr)
def test_what_names_no_post_or_person_is_no_click(name: str, value: object) -> None:
    """Ids are Mattermost's own or nothing: they become parts of addresses."""
    assert _BUTTONS.read(_body(_context(), **{name: value})) is None


@pytest.mark.parametrize("context", [None, [], "x", 7, {}], ids=repr)
def test_a_click_without_an_offer_is_told_apart(context: object) -> None:
    """It is answered, but not believed."""
    assert _BUTTONS.read(_body(context)) == Click(_USER, _CHANNEL, _POST, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["context", "user_id", "until", "x"]), inner),
    max_leaves=8,
)


@given(body=st.binary() | _JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200)
def test_no_bytes_break_the_reading(body: bytes) -> None:
    """Anybody can send anything."""
    assert _BUTTONS.read(body) is None


def test_a_body_that_is_nested_too_deep_is_no_click() -> None:
    """The parser gives up, and so do we."""
    assert _BUTTONS.read(b"[" * 100_000) is None


@dataclass
class _Setting:
    server: standin.Mattermost
    loopback: Loopback
    clock: SetClock
    mattermost: Mattermost

    async def send(self, body: Body, **details: Any) -> Outcome:
        return await self.mattermost.send(claim(body, now=self.clock.now(), **details))

    async def posted(self) -> str:
        outcome = await self.send(replace(escalation(), offers=_POST_OFFERS))
        assert isinstance(outcome, Sent)
        return outcome.receipt


@asynccontextmanager
async def _setting(buttons: Buttons | None = _BUTTONS, **switches: Any) -> AsyncIterator[_Setting]:
    clock = SetClock()
    server = standin.Mattermost(now=clock.now, switches=standin.Switches(**switches))
    async with serving(server) as loopback:
        mattermost = Mattermost(
            "mattermost",
            url=loopback.url,
            token=standin.TOKEN,
            team=standin.TEAM,
            clock=clock,
            timeout_s=2,
            buttons=buttons,
        )
        yield _Setting(server, loopback, clock, mattermost)
        await mattermost.close()


def _edited(*offers: str) -> Revision:
    return Revision(replace(escalation(), offers=offers))


async def test_a_post_has_the_buttons_that_it_offers() -> None:
    """For its own channel; clients are not shown where they lead; nobody but those whom the text calls is called."""
    async with _setting() as setting:
        root = await setting.posted()
        post = setting.server.posts[root]
        buttons = pressed.actions(post)
        assert list(buttons) == ["claim", "resolve", "snooze"]
        context = buttons["claim"]["integration"]["context"]
        assert context["channel"] == setting.server.channels[CHANNEL].id
        assert context["delivery"] == f"{1:032x}"
        assert post["props"]["oc"]["ticket"] == "OC-2026-0001"
        assert setting.server.notifications == [("amina", root), ("otieno", root)]


@pytest.mark.parametrize("body", [follow_up(), copy(CHANNEL)], ids=["reply", "copy"])
async def test_nothing_but_the_post_itself_has_buttons(body: Body) -> None:
    """What is done about an incident is done at its post."""
    async with _setting() as setting:
        await setting.send(body)
        (post,) = setting.server.posts.values()
        assert "attachments" not in post["props"]


async def test_without_buttons_posts_and_edits_are_as_they_were() -> None:
    """Neither an attachment nor a further request."""
    async with _setting(buttons=None) as setting:
        root = await setting.posted()
        before = dict(setting.server.posts[root]["props"])
        assert set(before) == {"oc", "unsafe_links", "from_bot"}
        asked = len(setting.loopback.seen)
        await setting.send(_edited("reopen"), number=2, thread=root)
        assert setting.loopback.seen[asked:] == [f"PUT /api/v4/posts/{root}/patch"]
        assert setting.server.posts[root]["props"] == before


async def test_an_edit_changes_the_buttons_and_keeps_the_rest() -> None:
    """What the post is found by stays in it; the buttons are new ones, with a life of their own."""
    async with _setting() as setting:
        root = await setting.posted()
        setting.server.posts[root]["props"]["of_a_plugin"] = "kept"
        setting.clock.advance(hours=1)
        assert await setting.send(_edited("reopen"), number=2, thread=root) == Sent(root)
        post = setting.server.posts[root]
        (button,) = pressed.actions(post).values()
        assert button["name"] == "Reopen"
        context = button["integration"]["context"]
        assert context["until"] == str(_OFFER.until_s + 3600)
        assert context["delivery"] == f"{2:032x}"
        assert post["props"]["oc"] == {"delivery": f"{1:032x}", "ticket": "OC-2026-0001"}
        assert post["props"]["of_a_plugin"] == "kept"
        await setting.send(_edited(), number=3, thread=root)
        assert "attachments" not in setting.server.posts[root]["props"]


async def test_a_post_without_props_gets_its_buttons_by_an_edit() -> None:
    """An answer that lacks them, or has something else in their place, breaks nothing."""
    async with _setting() as setting:
        root = await setting.posted()
        channel_id = setting.server.channels[CHANNEL].id
        setting.loopback.fail(f"GET /api/v4/posts/{root}", status=200, body={"id": root, "channel_id": channel_id})
        assert await setting.send(_edited("resolve"), number=2, thread=root) == Sent(root)
        assert list(pressed.actions(setting.server.posts[root])) == ["resolve"]


async def test_a_post_that_is_gone_ends_its_edit() -> None:
    """As without buttons: what waits behind it goes on."""
    async with _setting() as setting:
        outcome = await setting.send(_edited("resolve"), thread=f"p{9:025d}")
        assert isinstance(outcome, Rejected)
        assert (outcome.fault, outcome.code) == (Fault.PERMANENT, "404 app.post.get.app_error")


@pytest.mark.parametrize(
    ("do", "details"),
    [("cut_before", {}), ("answer", {"status": 200, "body": "a proxy"}), ("answer", {"status": 503})],
    ids=["cut", "a proxy's page", "away"],
)
async def test_a_post_that_cannot_be_read_is_edited_later(do: str, details: dict[str, Any]) -> None:
    """Nothing was changed, so nothing is in doubt."""
    async with _setting() as setting:
        root = await setting.posted()
        setting.loopback.fail(f"GET /api/v4/posts/{root}", do, **details)
        outcome = await setting.send(_edited("resolve"), number=2, thread=root)
        assert isinstance(outcome, Rejected)
        assert outcome.fault is Fault.TRANSIENT
        assert f"PUT /api/v4/posts/{root}/patch" not in setting.loopback.seen
        assert await setting.send(_edited("resolve"), number=2, thread=root) == Sent(root)


async def test_an_edit_whose_answer_is_lost_is_in_doubt() -> None:
    """It is made again, which is harmless."""
    async with _setting() as setting:
        root = await setting.posted()
        setting.loopback.fail("PUT", "cut_after")
        assert isinstance(await setting.send(_edited("resolve"), number=2, thread=root), Unknown)
        assert await setting.send(_edited("resolve"), number=2, thread=root) == Sent(root)
        assert list(pressed.actions(setting.server.posts[root])) == ["resolve"]
