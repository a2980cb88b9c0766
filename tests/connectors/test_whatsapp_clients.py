"""What the Cloud API connector remembers of clients: hints, and never many."""

from dataclasses import replace
from datetime import timedelta

from standins.claims import claim
from standins.parts import START

from engine.connectors.whatsapp_cloud.clients import Clients
from engine.connectors.whatsapp_cloud.senders import Party
from engine.core.deliveries import Acknowledgement
from engine.core.events import Address, Client, Event, Inbound, Message


def _learn(clients: Clients, number: int) -> None:
    sender = Party(f"25471234567{number}", f"KE.{number}", "")
    event = Event("whatsapp", START, f"wa-{number}", Client(), Message(f"wamid.{number}", "hi"))
    clients.learn(Inbound("cloud", event, Address("cloud", sender.peer)), sender)


def test_remembers_the_newest_only() -> None:
    """However many clients write, as many are remembered as there is room for; one who writes again stays."""
    clients = Clients(most=2)
    for number in (1, 2, 1, 3):
        _learn(clients, number)
    assert [clients.number_of(f"KE.{number}") for number in (1, 2, 3)] == ["254712345671", None, "254712345673"]


def test_remembers_no_peer_of_a_group() -> None:
    """What a client writes in a group opens no window for an answer to the client alone."""
    clients = Clients()
    event = Event("whatsapp", START, "wa-group-1", Client(), Message("wamid.1", "hi"))
    clients.learn(Inbound("cloud", event, None), Party("254712345671", "", ""))
    peer = "to:254712345671"
    body = Acknowledgement(peer, "Hello", "wamid.2", written_at=START - timedelta(days=1))
    assert clients.is_too_late(claim(body), body, peer, START)
    assert not clients.is_too_late(claim(body), replace(body, written_at=START), peer, START)
