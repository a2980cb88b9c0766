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
from engine.connectors.exchanges import Session
from engine.connectors.http import HttpConnector
from engine.connectors.inquiries import Inquiry
from engine.connectors.jsm import jsm
from engine.connectors.mattermost import (
    Act,
    Buttons,
    Clicks,
    Door,
    FallbackWebhook,
    Files,
    Incidents,
    Mattermost,
    Watcher,
)
from engine.connectors.pagerduty import pagerduty
from engine.connectors.twilio import Account, Timing, Twilio, TwilioMedia
from engine.connectors.whatsapp_cloud import CloudMedia, Number, Template, WhatsAppCloud
from engine.connectors.whatsapp_web import Launch, WhatsAppWeb
from engine.core import media
from engine.core.deliveries import Claimed, DeliveryKind
from engine.core.fallbacks import Fallback
from engine.core.ladders import Duty
from engine.core.practices import Practice
from engine.core.settlements import InDoubt, Policy
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore
from engine.journal.stores import Store
from engine.oncall import jsm as jsm_schedules
from engine.oncall import opsgenie as opsgenie_schedules
from engine.oncall import pagerduty as pagerduty_schedules
from engine.oncall.duty import Roster, SourcedDuty
from engine.oncall.sources import Service, Source
from engine.oncall.static import StaticOnCall
from engine.ports import Clock, Connector, Linked, Listener, MediaSource, Placed, Webhook
from engine.relay import Destination
from engine.settings import (
    ConsoleSettings,
    HttpConnectorSettings,
    JsmOnCallSettings,
    KeeperSettings,
    OnCallSource,
    OpsgenieOnCallSettings,
    PagerDutyOnCallSettings,
    ServiceKind,
    ServiceSettings,
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
# Where the daemon speaks of itself while Mattermost is not configured and posts are printed.
_PRINTED_OPERATIONS = "operations"
# How many deliveries may be under way to one destination.
_AT_ONCE = 16
# The clients' files. Each under way is in memory, and costs several requests to a server that counts them.
FILES = media.carrier(ESCALATE_TO)
_FILES_AT_ONCE = 2
# Posts that were not taken in time, by another way; a day later nobody needs to be called by it.
FALLBACK = f"{ESCALATE_TO}.fallback"
_FALL_BACK_WITHIN = timedelta(hours=24)
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
    # Those that tell which of their channels refuse posts.
    placed: list[Placed] = field(default_factory=list)
    # Where the files of clients are, by the connector that they came by; empty unless they are to be fetched.
    media: dict[str, MediaSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnCall:
    """Everything that is known of who is called."""

    # Both kinds tell as well whether anybody can tell who is on call.
    duty: StaticOnCall | SourcedDuty
    # The services that are asked in the background.
    sources: tuple[Source, ...] = ()


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
    made.destinations.update((chosen.name, _service(chosen)) for chosen in settings.services)
    if settings.media.fetch:
        made.media.update(_sources(settings, made.destinations))
    if (chat := settings.mattermost) is None:
        made.destinations[ESCALATE_TO], made.destinations[FILES] = Console(ESCALATE_TO, show), Console(FILES, show)
    else:
        token = chat.token.reveal()
        late_after = None if chat.fallback_url is None else chat.fallback_after
        posts = Mattermost(
            ESCALATE_TO,
            url=chat.url,
            token=token,
            team=chat.team,
            clock=clock,
            late_after=late_after,
            buttons=None if chat.actions_url is None else Buttons.of(chat.actions_url, token),
        )
        if chat.fallback_url is not None:
            made.destinations[FALLBACK] = FallbackWebhook(FALLBACK, url=chat.fallback_url.reveal())
        made.destinations[ESCALATE_TO] = posts
        made.placed.append(posts)
        # Also while files are not fetched: what was ordered before is answered in its thread.
        made.destinations[FILES] = Files(posts, made.media, max_bytes=settings.media.max_bytes, clock=clock)
    return made


def watcher(settings: Settings, made: Connectors, incidents: Incidents, clock: Clock) -> Watcher | None:
    """Who hears what engineers do about the posts; None while Mattermost is not configured."""
    chat, posts = settings.mattermost, made.destinations[ESCALATE_TO]
    if chat is None or not isinstance(posts, Mattermost):
        return None
    door = Door(chat.url, chat.token.reveal())
    return Watcher(ESCALATE_TO, server=posts.server, door=door, incidents=incidents, clock=clock, chance=random.random)


def webhooks(made: Connectors, act: Act, clock: Clock) -> dict[str, Webhook]:
    """What is behind /webhooks, the door for clicks on the posts' buttons included; `act` takes what engineers did."""
    posts = made.destinations[ESCALATE_TO]
    if not isinstance(posts, Mattermost) or posts.buttons is None:
        return made.webhooks
    clicks = Clicks(ESCALATE_TO, buttons=posts.buttons, server=posts.server, act=act, clock=clock)
    return {**made.webhooks, clicks.name: clicks}


def _service(chosen: ServiceSettings) -> Connector:
    key, secret = chosen.key.reveal(), chosen.key.name
    match chosen.kind:
        case ServiceKind.PAGERDUTY:
            return pagerduty(chosen.name, url=chosen.url, routing_key=key, secret_name=secret)
        case ServiceKind.JSM:
            return jsm(chosen.name, url=chosen.url, api_key=key, secret_name=secret)
        case ServiceKind.OPSGENIE:
            return jsm(chosen.name, url=chosen.url, api_key=key, secret_name=secret, network="Opsgenie")
        case _:
            assert_never(chosen.kind)


def on_call(settings: Settings, clock: Clock, roster: Callable[[], Roster | None]) -> OnCall:
    """Who is called; `roster` gives the on-call files of the rules that are in use. Nobody is asked yet."""
    chosen = settings.oncall
    if chosen.source is OnCallSource.STATIC:
        return OnCall(StaticOnCall(chosen.mention))
    made = {word: _source_of(section, clock) for word, section in chosen.keepers().items()}
    names = [service.name for service in settings.services]
    # The on-call files are no service: None in their place.
    duty = SourcedDuty(chosen.mention, [made.get(name) for name in chosen.order], roster, clock, services=names)
    return OnCall(duty, tuple(made[name] for name in chosen.order if name in made))


def keeper(section: KeeperSettings) -> Service:
    """Whom to ask about the schedules of a section; ConfigurationError for a URL or a token that cannot be one."""
    url, token, budget_s = section.url, section.token.reveal(), section.patience.budget.total_seconds()
    match section:
        case PagerDutyOnCallSettings():
            network = pagerduty_schedules.PagerDuty.name
            shown_as, accept = pagerduty_schedules.SHOWN_AS, pagerduty_schedules.ACCEPT
            session = Session(network, url, token, budget_s, shown_as=shown_as, accept=accept)
            return pagerduty_schedules.PagerDuty(Inquiry(network, session))
        case JsmOnCallSettings():
            network = jsm_schedules.Jsm.name
            session = Session(network, url, token, budget_s, user=section.user)
            return jsm_schedules.Jsm(Inquiry(network, session), section.cloud_id, dict(section.people))
        case OpsgenieOnCallSettings():
            network = opsgenie_schedules.Opsgenie.name
            session = Session(network, url, token, budget_s, shown_as=opsgenie_schedules.SHOWN_AS)
            return opsgenie_schedules.Opsgenie(Inquiry(network, session))
        case _:
            assert_never(section)


def practice(settings: Settings, duty: Duty) -> Practice:
    """How the engineers work, as long as no operator turns the kill switch."""
    chat = settings.mattermost
    return Practice(
        duty,
        ESCALATE_TO,
        settings.environment.value,
        claims_by_saying=chat is None or chat.claim_by_reply,
        relays=chat is not None and chat.relay_replies,
        watch=settings.outages,
        channel_override=chat.channel_override if chat is not None else None,
        mention_mode=settings.oncall.mention_mode,
    )


def _source_of(section: KeeperSettings, clock: Clock) -> Source:
    service, patience = keeper(section), section.patience
    return Source(service, dict(section.schedules), clock, refresh=patience.refresh, max_age=patience.max_age)


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


def fallback(settings: Settings) -> Fallback | None:
    """The second way of posts that are not taken in time, where engine.yaml has one."""
    chat = settings.mattermost
    if chat is None or chat.fallback_url is None:
        return None
    return Fallback(FALLBACK, chat.fallback_after)


def destination(connector: Connector, settings: Settings, is_open: Callable[[], bool] = lambda: True) -> Destination:
    """How a connector's deliveries are treated; `is_open`: they may leave from this node."""
    retry = settings.retry
    policy = Policy(base=retry.base, cap=retry.cap, in_doubt=retry.in_doubt, in_doubt_wait=retry.in_doubt_wait)
    policies = {
        DeliveryKind.ACKNOWLEDGEMENT: replace(policy, give_up_after=_ACKNOWLEDGE_WITHIN),
        DeliveryKind.RELAYED: replace(policy, give_up_after=_ACKNOWLEDGE_WITHIN),
        DeliveryKind.MEDIA: replace(policy, give_up_after=_ATTACH_WITHIN),
    }
    if connector.name == FALLBACK:
        # Nobody can be asked whether it was said, and the post itself is still to come: it is not said twice.
        policies[DeliveryKind.COPY] = replace(policy, in_doubt=InDoubt.HOLD, give_up_after=_FALL_BACK_WITHIN)
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


def operations_channel(settings: Settings) -> str | None:
    """Where the daemon speaks of itself; None: nowhere."""
    chat = settings.mattermost
    if chat is None:
        return _PRINTED_OPERATIONS
    return chat.operations_channel and (chat.channel_override or chat.operations_channel)
