"""What engine.yaml names becomes adapters: the journal's store, the connectors, and how each is treated.

Called by `app`; together they are the composition root, the only modules that name concrete adapters.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import assert_never

from engine.connectors import twilio
from engine.connectors.console import Console
from engine.connectors.http import HttpConnector
from engine.connectors.mattermost import Files, Mattermost
from engine.connectors.twilio import Account, Timing, Twilio, TwilioMedia
from engine.connectors.whatsapp_cloud import CloudMedia, Number, Template, WhatsAppCloud
from engine.connectors.whatsapp_web import Launch, WhatsAppWeb
from engine.core import media
from engine.core.deliveries import Claimed, DeliveryKind, Policy
from engine.journal.journals import Store
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore
from engine.ports import Clock, Connector, Linked, Listener, MediaSource, Webhook
from engine.relay import Destination
from engine.settings import (
    ConsoleSettings,
    HttpConnectorSettings,
    Settings,
    TwilioSettings,
    WhatsAppCloudSettings,
    WhatsAppWebSettings,
    journal_file,
)

# The name under which the engineers' posts are delivered; on a console while Mattermost is not configured.
ESCALATE_TO = "mattermost"
# WhatsApp takes free text for 24 hours after the client's last message; later an acknowledgement is of no use.
_ACKNOWLEDGE_WITHIN = timedelta(hours=24)
# How many deliveries may be under way to one destination.
_AT_ONCE = 16
# The clients' files. Each under way is in memory, and costs several requests to a server that counts them.
FILES = media.carrier(ESCALATE_TO)
_FILES_AT_ONCE = 2
_REQUESTS_OF_A_FILE = 4
# A file whose post never came about is given up after so long.
_ATTACH_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Connectors:
    """The connectors by what they can do, each by its name."""

    # Where something can be said.
    destinations: dict[str, Connector] = field(default_factory=dict)
    # Behind /webhooks and behind /events.
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    events: dict[str, Webhook] = field(default_factory=dict)
    listeners: dict[str, Listener] = field(default_factory=dict)
    # Those that speak as a device which a person has linked.
    linked: dict[str, Linked] = field(default_factory=dict)
    # Where the files of clients are, by the connector that they came by; empty unless they are to be fetched.
    media: dict[str, MediaSource] = field(default_factory=dict)


def store(settings: Settings, clock: Clock) -> Store:
    """Where the journal is kept."""
    shared = settings.journal
    if shared is None:
        return SqliteStore(journal_file(settings.state))
    return PostgresStore(shared.address, shared.password.reveal() if shared.password else "", clock.now)


def connectors(settings: Settings, show: Callable[[Claimed], None], clock: Clock) -> Connectors:
    """Everything that engine.yaml names; `show` takes what a console connector would print. Nothing is opened."""
    made = Connectors()
    for chosen in settings.connectors:
        match chosen:
            case WhatsAppCloudSettings():
                cloud = WhatsAppCloud(chosen.name, _number(chosen), clock)
                made.destinations[chosen.name] = made.webhooks[chosen.name] = cloud
            case TwilioSettings():
                sender = _twilio(chosen, clock)
                made.destinations[chosen.name] = made.webhooks[chosen.name] = made.listeners[chosen.name] = sender
            case WhatsAppWebSettings():
                web = WhatsAppWeb(
                    chosen.name,
                    launch=Launch(chosen.session),
                    per_second=chosen.per_second,
                    per_client_gap=chosen.per_client_gap,
                    read_receipts=chosen.read_receipts,
                    clock=clock,
                    chance=random.random,
                )
                made.destinations[chosen.name] = made.listeners[chosen.name] = made.linked[chosen.name] = web
            case HttpConnectorSettings():
                made.events[chosen.name] = HttpConnector(chosen.name, chosen.token.reveal(), chosen.reply_through)
            case ConsoleSettings():
                made.destinations[chosen.name] = Console(chosen.name, show)
            case _:
                assert_never(chosen)
    if settings.media.fetch:
        made.media.update(_sources(settings, made.destinations))
    if (chat := settings.mattermost) is None:
        made.destinations[ESCALATE_TO], made.destinations[FILES] = Console(ESCALATE_TO, show), Console(FILES, show)
    else:
        token = chat.token.reveal()
        posts = Mattermost(ESCALATE_TO, url=chat.url, token=token, team=chat.team, clock=clock)
        made.destinations[ESCALATE_TO] = posts
        # Also while files are not fetched: what was ordered before is answered in its thread.
        made.destinations[FILES] = Files(posts, made.media, max_bytes=settings.media.max_bytes, clock=clock)
    return made


def _sources(settings: Settings, made: Mapping[str, Connector]) -> Iterator[tuple[str, MediaSource]]:
    """Where the files of clients are, by the connector that they came by; `made` are the connectors."""
    for chosen in settings.connectors:
        match chosen:
            case WhatsAppCloudSettings():
                url, version, token = chosen.api_url, chosen.api_version, chosen.access_token.reveal()
                yield chosen.name, CloudMedia(api_url=url, api_version=version, access_token=token)
            case TwilioSettings():
                sid, url, token = chosen.account_sid, chosen.api_url, chosen.auth_token.reveal()
                yield chosen.name, TwilioMedia(account_sid=sid, api_url=url, auth_token=token)
    for name, connector in made.items():
        if isinstance(connector, WhatsAppWeb):
            yield name, connector.media


def _number(chosen: WhatsAppCloudSettings) -> Number:
    return Number(
        phone_number_id=chosen.phone_number_id,
        api_url=chosen.api_url,
        api_version=chosen.api_version,
        access_token=chosen.access_token.reveal(),
        app_secret=chosen.app_secret.reveal(),
        verify_token=chosen.verify_token.reveal(),
        template=None if chosen.template is None else Template(**asdict(chosen.template)),
        read_receipts=chosen.read_receipts,
        per_second=chosen.per_second,
        per_client_gap=chosen.per_client_gap,
    )


def _twilio(chosen: TwilioSettings, clock: Clock) -> Twilio:
    template = chosen.template
    return Twilio(
        chosen.name,
        Account(chosen.account_sid, chosen.sender, chosen.api_url, chosen.per_second, chosen.per_client_gap),
        auth_token=chosen.auth_token.reveal(),
        webhook_url=chosen.webhook_url,
        clock=clock,
        template=twilio.Template(template.content_sid, template.variables) if template else None,
        timing=Timing(backfill_every=chosen.backfill_every),
    )


def destination(connector: Connector, settings: Settings, is_open: Callable[[], bool] = lambda: True) -> Destination:
    """How a connector's deliveries are treated; `is_open`: they may leave from this node."""
    retry = settings.retry
    policy = Policy(base=retry.base, cap=retry.cap, in_doubt=retry.in_doubt, in_doubt_wait=retry.in_doubt_wait)
    policies = {
        DeliveryKind.ACKNOWLEDGEMENT: replace(policy, give_up_after=_ACKNOWLEDGE_WITHIN),
        DeliveryKind.MEDIA: replace(policy, give_up_after=_ATTACH_WITHIN),
    }
    files = connector.name == FILES
    rate = settings.limits.per_second(ESCALATE_TO) / _REQUESTS_OF_A_FILE if files else None
    return Destination(
        connector,
        per_second=rate or settings.limits.per_second(connector.name),
        at_once=_FILES_AT_ONCE if files else _AT_ONCE,
        policies=policies,
        default_policy=policy,
        is_open=is_open,
    )
