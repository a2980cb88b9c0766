"""What the console prints."""

import pytest
from standins.claims import ACKNOWLEDGEMENT, claim, copy, escalation, follow_up, media, revision

from engine.connectors.console import Console, shown
from engine.core.deliveries import Body, Claimed, Fault, Found, Rejected, Sent
from engine.ports import Health

_POST = (
    "New WhatsApp Client Request\n"
    "Client: Jackson (+254712345678)\n"
    "Issue Summary: 3CX outbound calls failing\n"
    'Original Message: "I have issues with my 3CX, I can\'t make outbound calls"\n'
    "Action: @oncall please check WhatsApp and respond to the client now.\n"
)


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        pytest.param(ACKNOWLEDGEMENT, "WhatsApp → 254…78: Hello Jackson, I am sorry.", id="acknowledgement"),
        pytest.param(
            escalation(),
            f"Mattermost ~dev-support-escalations: {_POST}OC-2026-0001 high whatsapp client-support 3cx",
            id="escalation",
        ),
        pytest.param(
            follow_up(),
            "Mattermost ~dev-support-escalations, in the thread of OC-2026-0001: "
            'The client wrote again: "it is getting worse"',
            id="follow-up",
        ),
        pytest.param(
            revision(),
            "Mattermost ~dev-support-escalations, the post now reads: "
            f"{_POST}OC-2026-0001 urgent whatsapp client-support 3cx",
            id="revision",
        ),
        pytest.param(
            copy(),
            "Mattermost ~noc, a copy: "
            + _POST.replace("\n", "\nCopy of OC-2026-0001 in ~dev-support-escalations\n", 1)
            + "OC-2026-0001 high whatsapp client-support 3cx",
            id="copy",
        ),
        pytest.param(
            media(),
            "Mattermost ~dev-support-escalations, in the thread of OC-2026-0001: a file of kind voice",
            id="media",
        ),
    ],
)
async def test_prints_every_kind(body: Body, printed: str) -> None:
    """Each delivery is shown as a person would read it, without the client's number where it is the address."""
    lines: list[str] = []
    outcome = await Console("out", lambda claimed: lines.append(shown(claimed.body))).send(claim(body))
    assert (outcome, lines) == (Sent("console-00000000000000000000000000000001"), [printed])


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), ValueError("I/O operation on closed file")], ids=["pipe", "closed"]
)
async def test_reports_a_terminal_that_is_gone(error: Exception) -> None:
    """Output that cannot be written is a refusal, until it can be again."""
    trouble = [error]

    def write(_: Claimed) -> None:
        if trouble:
            raise trouble.pop()

    console = Console("out", write)
    outcome = await console.send(claim(ACKNOWLEDGEMENT))
    assert outcome == Rejected(Fault.TRANSIENT, "output", "the console cannot be written to")
    assert console.health() == Health(ready=False, problem="the console cannot be written to")
    assert isinstance(await console.send(claim(ACKNOWLEDGEMENT)), Sent)
    assert console.health() == Health(ready=True)


async def test_cannot_tell_what_was_shown() -> None:
    """After a crash the policy decides, because a terminal remembers nothing that could be asked."""
    assert await Console("out", print).reconcile(claim(ACKNOWLEDGEMENT)) is Found.UNDECIDED
