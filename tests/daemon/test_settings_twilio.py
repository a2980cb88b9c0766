"""A connector of type twilio in engine.yaml: its keys, its defaults, and each mistake with its words."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine import settings
from engine.core.errors import ConfigurationError
from engine.settings import Settings, TwilioSettings, TwilioTemplateSettings

ACCOUNT = "AC" + "0123456789abcdef" * 2
CONTENT = "HX" + "0123456789abcdef" * 2
HTTP = "http: {public_url: https://support.example.org/}\n"
FULL = f"""\
{HTTP}connectors:
  reserve:
    type: twilio
    account_sid: {ACCOUNT}
    from: "whatsapp:+14155238886"
    api_url: http://127.0.0.1:9999/
    per_second: 5
    per_client_gap: 10s
    backfill_every: 10m
    template:
      content_sid: {CONTENT}
      variables: {{"1": "{{{{client_name}}}}", "2": "ticket {{{{ ticket_id }}}}"}}
"""
LEAST = f'type: twilio, account_sid: {ACCOUNT}, from: "whatsapp:+14155238886"'


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """The settings in a text, named `engine.yaml` as an administrator would name it."""
    monkeypatch.chdir(tmp_path)

    def read(text: str) -> Settings:
        Path("engine.yaml").write_text(text, encoding="utf-8")
        return settings.load(Path("engine.yaml"), {"ENGINE_RESERVE_AUTH_TOKEN": "token-1"})

    return read


Load = Callable[[str], Settings]


def test_every_key_is_read(load: Load) -> None:
    """What stands in the file is what the connector gets, its secret and the address that Twilio posts to included."""
    read = load(FULL)
    (reserve,) = read.connectors
    assert isinstance(reserve, TwilioSettings)
    assert (reserve.name, reserve.account_sid, reserve.sender) == ("reserve", ACCOUNT, "whatsapp:+14155238886")
    assert (reserve.api_url, reserve.per_second) == ("http://127.0.0.1:9999", 5)
    assert reserve.per_client_gap == timedelta(seconds=10)
    assert reserve.webhook_url == "https://support.example.org/webhooks/reserve"
    assert reserve.template == TwilioTemplateSettings(
        CONTENT, (("1", "{{client_name}}"), ("2", "ticket {{ ticket_id }}"))
    )
    assert reserve.backfill_every == timedelta(minutes=10)
    assert read.limits.per_second("reserve") == 5
    assert [secret.reveal() for secret in read.secrets()] == ["token-1"]


def test_what_is_left_out_has_a_default(load: Load) -> None:
    """Twilio's address and limit are known; without a template a person answers whoever wrote too long ago."""
    (reserve,) = load(f"{HTTP}connectors: {{reserve: {{{LEAST}}}}}\n").connectors
    assert isinstance(reserve, TwilioSettings)
    assert (reserve.api_url, reserve.per_second) == ("https://api.twilio.com", 80)
    assert (reserve.template, reserve.backfill_every) == (None, timedelta(minutes=5))
    assert reserve.per_client_gap == timedelta(seconds=6)


def test_the_former_name_of_the_pace_still_counts(load: Load) -> None:
    """What 0.4.0 called `rate_per_second` means the same."""
    (reserve,) = load(_one(f"{LEAST}, rate_per_second: 7")).connectors
    assert isinstance(reserve, TwilioSettings)
    assert reserve.per_second == 7


def test_replies_go_through_twilio(load: Load) -> None:
    """It is a way to a client like the others."""
    with pytest.raises(ConfigurationError, match="desk_token: there is no systemd credential"):
        load(f"{HTTP}connectors: {{reserve: {{{LEAST}}}, desk: {{type: http, reply_through: reserve}}}}\n")


def _one(changed: str) -> str:
    return f"{HTTP}connectors:\n  reserve: {{{changed}}}\n"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        pytest.param(
            f"connectors: {{reserve: {{{LEAST}}}}}\n",
            '1:14  error  E902  "reserve" needs http.public_url, the address that Twilio posts to and signs\n'
            f"    1 | connectors: {{reserve: {{{LEAST}}}}}\n"
            "      |              ^^^^^^^ e.g. http: {public_url: https://support.example.org}",
            id="no public_url",
        ),
        pytest.param(_one("type: twilio"), 'E902  "reserve" lacks the key "account_sid"', id="no account"),
        pytest.param(_one("type: twilio"), 'E902  "reserve" lacks the key "from"', id="no sender"),
        pytest.param(
            _one(LEAST.replace(ACCOUNT, "SK12")),
            'E904  "account_sid" must be AC and 32 hexadecimal digits',
            id="odd account",
        ),
        pytest.param(
            _one(LEAST.replace("whatsapp:", "")),
            'E904  "from" must be our WhatsApp sender, e.g. whatsapp:+14155238886',
            id="a number alone",
        ),
        pytest.param(_one(f"{LEAST}, backfill_every: 5"), 'E904  "backfill_every" is a length of time', id="odd pause"),
        pytest.param(
            _one(f"{LEAST}, rate_per_second: 5, per_second: 6"),
            'E906  "rate_per_second" and "per_second" are the same',
            id="the pace twice",
        ),
        pytest.param(
            _one(f"{LEAST}, read_receipts: on"),
            "E904  Twilio shows neither blue ticks nor typing: take read_receipts out",
            id="read receipts",
        ),
        pytest.param(_one(f"{LEAST}, rate: 5"), 'E901  "reserve" has no key "rate"', id="unknown key"),
        pytest.param(_one(f"{LEAST}, template: x"), 'E903  "template" must have keys', id="template a word"),
        pytest.param(_one(f"{LEAST}, template: {{}}"), 'E902  "template" lacks the key "content_sid"', id="no sid"),
        pytest.param(
            _one(f"{LEAST}, template: {{content_sid: hello}}"),
            'E904  "content_sid" must be HX and 32 hexadecimal digits',
            id="odd sid",
        ),
        pytest.param(
            _one(f"{LEAST}, template: {{content_sid: {CONTENT}, name: x}}"),
            'E901  "template" has no key "name"',
            id="unknown key of the template",
        ),
        pytest.param(
            _one(f'{LEAST}, template: {{content_sid: {CONTENT}, variables: {{"1": []}}}}'),
            'E903  "1" must be one value',
            id="a variable that is a list",
        ),
        pytest.param(
            _one(f'{LEAST}, template: {{content_sid: {CONTENT}, variables: {{"1": "{{{{ client }}}}"}}}}'),
            "E904  nothing fills {{client}} in a variable",
            id="unknown gap",
        ),
    ],
)
def test_each_mistake_has_its_place_and_sentence(load: Load, text: str, finding: str) -> None:
    """What is wrong, and what to write."""
    with pytest.raises(ConfigurationError) as refused:
        load(text)
    assert finding in str(refused.value)
