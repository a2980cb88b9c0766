"""Rule-sets of any size and messages to go with them, the same for the same seed; for `rules.py` and its counting test.

A larger set knows more products, sites and error codes, as a growing team's does; each topic has a few rules that
differ in what is wrong. The messages speak of the topics of the largest set, the first of them most often, among words
that no rule holds: names, numbers, small talk in English and Swahili, emoji and typing errors. No two are alike.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.core.decisions import Priority
from engine.core.events import Client, Event, Message
from engine.ruleset import syntax
from engine.ruleset.compiler import compile_rules
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Place, Text
from engine.ruleset.templates import Templates

# So many rules stand for one topic.
RULES_PER_TOPIC = 4
LARGEST = 10_000

_MAKERS = [
    "3CX",
    "Yealink",
    "Grandstream",
    "Cisco",
    "Fanvil",
    "Snom",
    "Mikrotik",
    "Ubiquiti",
    "Huawei",
    "Zoom",
    "Teams",
    "Outlook",
    "Tally",
    "Odoo",
]
_SYLLABLES = [
    "ba",
    "be",
    "bo",
    "da",
    "de",
    "do",
    "fa",
    "fe",
    "fi",
    "ka",
    "ke",
    "ki",
    "ko",
    "la",
    "le",
    "lo",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "no",
    "pa",
    "pe",
    "po",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "so",
]
_SYMPTOMS = {
    "failing": ["not working", "failing", "can't", "unable", "haifanyi kazi", "issue", "problem"],
    "down": ["down", "offline", "dead", "imezima", "not responding"],
    "slow": ["slow", "lagging", "delay", "taratibu", "polepole"],
    "dropping": ["dropping", "disconnecting", "cutting", "inakatika", "drops"],
    "noisy": ["echo", "static", "no audio", "one way audio", "kelele"],
    "locked": ["locked", "password", "can't log in", "access denied", "nimefungiwa"],
}
_REQUESTS = ("invoice", "quotation", "new extension", "training", "site visit", "report", "upgrade", "relocation")
_SOLVED = ("working again", "resolved", "sorted now", "imekuwa sawa")
_SMALL_TALK = (
    "Good morning", "Hello team", "Hi", "Habari", "Kindly assist", "Please help", "tafadhali nisaidie", "Greetings",
    "we are stuck here", "since morning", "tangu asubuhi", "the boss is waiting", "asante", "thank you", "it is urgent",
    "let me know", "nimejaribu kurestart", "as discussed on phone", "at reception", "on the second floor",
)  # fmt: skip
_EMOJI = ("🙏", "😭", "👍🏾", "❤️", "🔥", "😡")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one rule wants, in a form that every contestant can be told."""

    name: str
    # A topic and a symptom by their canonical names; empty for none.
    product: str
    symptom: str
    # Any of these phrases; empty for none.
    words: tuple[str, ...]
    # A regular expression in the part that Python's re and RE2 share; empty for none.
    pattern: str
    # The pattern or the symptom is enough.
    either: bool
    # None of these phrases.
    none: tuple[str, ...]
    priority: Priority


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that clients write about."""

    name: str
    spellings: tuple[str, ...]


def topics() -> list[Topic]:
    """All topics of the largest set, the most spoken of first."""
    chance = random.Random(1)  # noqa: S311 - a benchmark needs the same numbers each time
    found: dict[str, Topic] = {}
    while len(found) < LARGEST // RULES_PER_TOPIC:
        maker = chance.choice(_MAKERS) if len(found) < 200 else _invented(chance)
        model = f"{chance.choice('abcdeghkmtvx')}{chance.randrange(10, 999)}"
        name = f"{maker} {model}"
        found.setdefault(name, Topic(name, (f"{maker}-{model}", f"{maker}{model}", _invented(chance))))
    return list(found.values())


def symptoms() -> dict[str, list[str]]:
    """The canonical symptoms, each with the ways to write it."""
    return _SYMPTOMS


def rules(count: int) -> list[Asked]:
    """So many rules less the last, unconditional one."""
    chance = random.Random(2)  # noqa: S311 - see above
    known = topics()
    made: list[Asked] = []
    for number in range(count - 1):
        topic = known[number // RULES_PER_TOPIC]
        shape = number % 10
        symptom = list(_SYMPTOMS)[number % len(_SYMPTOMS)]
        site = _invented(chance)
        code = f"{chance.choice('abcdefgh')}{chance.choice('klmnprst')}"
        patterns = (
            rf"\b{topic.spellings[2].lower()}\w* (?:error|code) (?P<code>[4-6]\d\d)\b",
            rf"\b{code}-?{number % 90 + 10}\d{{3,}}\b",
            rf"\b(?:ticket|ref) #?{code}\d+\b",
        )
        made.append(
            Asked(
                name=f"rule-{number}",
                product=topic.name if shape in {0, 1, 2, 3, 6, 9} else "",
                symptom=symptom if shape in {0, 1, 2, 5, 6} else "",
                words={
                    3: (chance.choice(_REQUESTS), chance.choice(_REQUESTS)),
                    4: (f"{site} office", f"{topic.spellings[2]} line", f"calls from {site}"),
                    5: (site, f"{site} branch"),
                    8: (f"{chance.choice(_REQUESTS)} for {topic.spellings[2]}", f"move {site}"),
                }.get(shape, ()),
                pattern=patterns[number % 3] if shape in {6, 7, 9} else "",
                either=shape == 6,
                none=_SOLVED if shape in {0, 1, 5} else (),
                priority=list(Priority)[number % 4],
            )
        )
    return made


def texts(count: int, seed: int) -> Iterator[str]:
    """So many messages."""
    chance = random.Random(seed)  # noqa: S311 - see above
    known = topics()
    for _ in range(count):
        parts = [chance.choice(_SMALL_TALK), f"{_invented(chance)} {_invented(chance)} here"][: chance.randrange(1, 3)]
        if chance.random() < 0.8:
            # The first topics are the ones most spoken of.
            topic = known[min(int(chance.paretovariate(0.4)) - 1, len(known) - 1) % len(known)]
            said = chance.choice((topic.name, *topic.spellings))
            wrong = chance.choice([spelling for several in _SYMPTOMS.values() for spelling in several])
            sentences = (
                f"our {said} is {wrong}",
                f"{wrong} on {said} since {chance.randrange(1, 13)}:{chance.randrange(60):02}",
                f"{said} error {chance.randrange(400, 700)}",
                f"need {chance.choice(_REQUESTS)} for {said}",
                f"{said} {wrong} ofisi ya {_invented(chance)}",
            )
            parts.append(chance.choice(sentences))
        if chance.random() < 0.3:
            parts.append(f"ref {chance.choice('abcdefgh')}{chance.choice('klmnprst')}{chance.randrange(10**5)}")
        if chance.random() < 0.2:
            parts.append(f"+2547{chance.randrange(10**8):08}")
        chance.shuffle(parts)
        written = ", ".join(parts)
        if chance.random() < 0.25:
            written = _mistyped(written, chance)
        if chance.random() < 0.3:
            written += f" {chance.choice(_EMOJI)}"
        yield written


def events(count: int, seed: int) -> list[Event]:
    """So many messages as they reach the rules."""
    return [
        Event(
            "whatsapp", datetime(2026, 2, 12, tzinfo=UTC), f"wa-{number}", _client(number), Message(f"m{number}", said)
        )
        for number, said in enumerate(texts(count, seed))
    ]


def document(asked: Sequence[Asked]) -> syntax.Document:
    """The rules as the loader would have read them."""
    used = {each.product for each in asked}
    keywords = [*(("product", topic.name, topic.spellings) for topic in topics() if topic.name in used)]
    keywords += [("symptom", name, tuple(several)) for name, several in _SYMPTOMS.items()]
    return syntax.Document(
        defaults=syntax.Defaults(channel=_text("triage"), tags=(_text("whatsapp"),)),
        keywords=tuple(
            syntax.Keyword(_text(category), _text(name), tuple(map(_text, several)))
            for category, name, several in keywords
        ),
        rules=(*map(_rule, asked), syntax.Rule(_text("anything-else"), syntax.Always(_AT), _AT)),
        channels=(syntax.Channel(_text("triage"), None, None),),
    )


def compiled(count: int) -> Ruleset:
    """A rule-set of this size, ready to run."""
    made, _ = Templates.load(_TEMPLATES, "templates")
    return compile_rules(document(rules(count)), made, "bench")


@dataclass(frozen=True, slots=True)
class Work:
    """What one message made the engine do."""

    # Rules looked at, regular expressions run, rules that match.
    candidates: int
    checks: int
    fired: int


def work(ruleset: Ruleset, event: Event) -> Work:
    """The work of one message, counted on the very objects that a decision uses."""
    reading = ruleset.atoms.read(event, follow_up=False)
    candidates = len(ruleset.candidates(reading))
    matching, _ = ruleset._matching(reading)
    return Work(candidates, len(reading.located), len(matching))


_AT = Place("rules/10.yaml", 1, 1)
_TEMPLATES = {
    "ack/default": "Hello{% if client_name is defined %} {{ client_name }}{% endif %}, I am sorry for what you are "
    "facing at the moment. Please note that we have received your request, and one of our engineers will get back to "
    "you shortly.",
    "escalation/default": "New WhatsApp Client Request\n\nClient: {{ client_name }} ({{ client_phone }})\n"
    'Issue Summary: {{ issue_summary }}\nOriginal Message: "{{ raw_text }}"\n'
    "Action: {{ oncall }} please check WhatsApp and respond to the client now.",
}


def _rule(asked: Asked) -> syntax.Rule:
    parts: list[syntax.Condition] = []
    if asked.product:
        parts.append(syntax.KeywordIs(_text("product"), (_text(asked.product),), _AT))
    some: list[syntax.Condition] = []
    if asked.symptom:
        some.append(syntax.KeywordIs(_text("symptom"), (_text(asked.symptom),), _AT))
    if asked.pattern:
        some.append(syntax.Pattern(_text(asked.pattern), _AT))
    parts += [syntax.Group("any", tuple(some), _AT)] if asked.either else some
    if asked.words:
        parts.append(syntax.Words(tuple(map(_text, asked.words)), exact=False, at=_AT))
    if asked.none:
        parts.append(syntax.Group("none", (syntax.Words(tuple(map(_text, asked.none)), exact=False, at=_AT),), _AT))
    return syntax.Rule(
        id=_text(asked.name),
        when=syntax.Group("all", tuple(parts), _AT),
        at=_AT,
        priority=asked.priority,
        tags=(_text(f"t{asked.priority}"),),
        summary=_text("{{ product }} {{ symptom }}") if asked.product and asked.symptom else None,
    )


def _text(value: str) -> Text:
    return Text(value, _AT)


def _client(number: int) -> Client:
    return Client(f"+2547{number:08}", "Jackson")


def _invented(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=chance.randrange(3, 5))).capitalize()


def _mistyped(written: str, chance: random.Random) -> str:
    at = chance.randrange(max(1, len(written) - 1))
    return chance.choice((written[:at] + written[at + 1 :], written[:at] + written[at : at + 1] + written[at:]))
