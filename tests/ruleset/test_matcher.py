# ruff: noqa: RUF001 - letters that look alike are what is tested here
import pytest
from standins.documents import (
    always,
    client,
    entry,
    event,
    exact,
    group,
    keyword,
    pattern,
    rule,
    ruleset,
    source,
    words,
)

from engine.core.decisions import Because, NotMatched, Priority
from engine.core.quotes import plain
from engine.ruleset import syntax

KEYWORDS = {
    "product": {"3CX": ["3 cx"], "VoIP": ["sip"]},
    "direction": {"outbound": ["make calls"]},
    "symptom": {"failing": ["can't", "issue", "issues"]},
}


def matches(condition: syntax.Condition, message: str) -> bool:
    """Whether a rule with this condition matches a message."""
    return "tried" in ruleset(rule("tried", condition), keywords=KEYWORDS).evaluate(event(message)).matched


@pytest.mark.parametrize(
    ("condition", "message", "expected"),
    [
        pytest.param(words("call"), "They CALLED us", True, id="regular form"),
        pytest.param(words("call"), "recall", False, id="whole words"),
        pytest.param(words("call out", "dial"), "calling out", True, id="phrase in another form"),
        pytest.param(words("call out"), "call us out", False, id="phrase apart"),
        pytest.param(words("Can’t log-in"), "i cant LOG in", True, id="folded"),
        pytest.param(words("no dial tone"), "there is no *dial* tone", True, id="three words"),
        pytest.param(words("no dial tone"), "no dial", False, id="phrase cut short"),
        pytest.param(words("звонок"), "Мой звонок", True, id="any script"),
        pytest.param(words("!!"), "!!", False, id="no word at all"),
        pytest.param(words("fail*"), "failures", True, id="prefix"),
        pytest.param(words("fail*"), "fai", False, id="shorter than the prefix"),
        pytest.param(words("call fail*"), "calls failing", True, id="prefix after a word"),
        pytest.param(words("fail* call"), "failing calls", True, id="prefix before a word"),
        pytest.param(words("fail* call"), "failing line", False, id="prefix, then another word"),
        pytest.param(words("wi-fi*"), "wi fiber", True, id="prefix of the last part"),
        pytest.param(words("*"), "anything", False, id="prefix of nothing"),
        pytest.param(words("$product"), "3-CX", True, id="every spelling of a category"),
        pytest.param(words("my $product line"), "my sip lines", True, id="category inside a phrase"),
        pytest.param(words("$symptom"), "sip", False, id="another category"),
        pytest.param(words("$nothing"), "nothing", False, id="no such category"),
        pytest.param(exact("call out"), "call out", True, id="exact"),
        pytest.param(exact("call out"), "calling out", False, id="exact has no forms"),
        pytest.param(exact("call*"), "calling", True, id="exact prefix"),
        pytest.param(keyword("product", "3CX"), "the 3 cx", True, id="keyword"),
        pytest.param(keyword("product", "3CX"), "sip", False, id="another keyword"),
        pytest.param(keyword("product", "3CX", "VoIP"), "sip", True, id="one of several"),
        pytest.param(keyword("product"), "sip", True, id="any keyword"),
        pytest.param(keyword("product"), "issue", False, id="no keyword"),
        pytest.param(pattern(r"\berror \d+"), "Error 503", True, id="pattern"),
        pytest.param(pattern(r"\bошибка \d+"), "Ошибка 503", True, id="pattern in another script"),
        pytest.param(group("all"), "x", True, id="all of nothing"),
        pytest.param(group("any"), "x", False, id="any of nothing"),
        pytest.param(group("none"), "x", True, id="none of nothing"),
        pytest.param(group("all", words("red"), words("blue")), "blue red", True, id="all"),
        pytest.param(group("all", words("red"), words("blue")), "red", False, id="not all"),
        pytest.param(group("any", words("red"), words("blue")), "blue", True, id="any"),
        pytest.param(group("none", words("red")), "blue", True, id="none"),
        pytest.param(group("none", words("red")), "red", False, id="not none"),
        pytest.param(
            group("all", words("red"), group("none", group("all", words("blue"), group("none", words("green"))))),
            "red blue green",
            True,
            id="nested guard lifted",
        ),
        pytest.param(
            group("all", words("red"), group("none", group("all", words("blue"), group("none", words("green"))))),
            "red blue",
            False,
            id="nested guard holds",
        ),
        pytest.param(group("any", group("none", words("red")), words("blue")), "green", True, id="any with none"),
    ],
)
def test_conditions_over_the_text(condition: syntax.Condition, message: str, *, expected: bool) -> None:
    """Each condition matches exactly the messages that the rule language says."""
    assert matches(condition, message) is expected


ACME = entry("Acme Ltd", "+254 700 000 901", tier="gold", tags=["acme", "hotels"])


@pytest.mark.parametrize(
    ("condition", "phone", "expected"),
    [
        pytest.param(client("tier", "gold"), "+254700000901", True, id="tier"),
        pytest.param(client("tier", "GOLD"), "254700000901", True, id="any case, no plus"),
        pytest.param(client("tier", "silver", "gold"), "+254700000901", True, id="one of several"),
        pytest.param(client("tier", "gold"), "+254700000902", False, id="another number"),
        pytest.param(client("tier", "gold"), None, False, id="hidden number"),
        pytest.param(client("tags", "hotels"), "+254700000901", True, id="tag"),
        pytest.param(client("tags", "gold"), "+254700000901", False, id="a tier is no tag"),
        pytest.param(client("name", "acme ltd"), "+254700000901", True, id="name"),
        pytest.param(client("phone", "+2547*"), "+254711111111", True, id="number with a star"),
        pytest.param(client("phone", "+2547*901"), "+254700000901", True, id="star inside"),
        pytest.param(client("phone", "+2547*"), "+255711111111", False, id="another country"),
        pytest.param(client("phone", "+254700000901"), "+2547000009012", False, id="longer number"),
        pytest.param(client("phone", "*"), None, False, id="no number at all"),
        pytest.param(client("known", "true"), "+254700000901", True, id="known"),
        pytest.param(client("known", "true"), "+254700000902", False, id="not known"),
        pytest.param(client("known", "false"), "+254700000902", True, id="unknown"),
        pytest.param(client("known", "false"), None, True, id="a hidden number is unknown"),
        pytest.param(client("known", "false"), "+254700000901", False, id="not unknown"),
    ],
)
def test_conditions_over_the_client(condition: syntax.Condition, phone: str | None, *, expected: bool) -> None:
    """A client is looked up by the digits of the number, however it is written."""
    made = ruleset(rule("tried", condition), clients=[ACME, entry("Plain", "+254700000999")])
    assert ("tried" in made.evaluate(event("hello", phone=phone)).matched) is expected


def test_the_source_is_a_condition() -> None:
    """A rule may ask which network a message came from."""
    made = ruleset(rule("tried", source("sms", "http")))
    assert made.evaluate(event("x", network="http")).matched == ("tried", "last")
    assert made.evaluate(event("x", network="whatsapp")).matched == ("last",)


def test_every_matching_rule_adds_and_the_first_decides() -> None:
    """Tags come from all matching rules without repeats, the priority only rises, the first rule decides the rest."""
    made = ruleset(
        rule(
            "quiet",
            words("red"),
            priority=Priority.LOW,
            tags=["a", "whatsapp"],
            says={"channel": "voip", "ack": "none"},
        ),
        rule("loud", words("blue"), priority=Priority.URGENT, tags=["b", "a"], says={"ack": "urgent"}),
        rule("other", words("green"), priority=Priority.URGENT, tags=["never"]),
        line := rule("last", always(), tags=["z"], line=9),
    )
    assert line.at.line == 9
    decision = made.evaluate(event("red blue"))
    assert (decision.rule, decision.location, decision.matched) == (
        "quiet",
        "rules/10.yaml:1",
        ("quiet", "loud", "last"),
    )
    assert (decision.priority, decision.tags) == (Priority.URGENT, ("whatsapp", "a", "b", "z"))
    assert (decision.channel, decision.team, decision.ack, decision.escalate) == ("voip", None, None, True)
    assert decision.ruleset_sha == "5ha"


def test_only_the_deciding_rule_takes_the_defaults() -> None:
    """A greeting stays low although the last rule matches too; a rule that says nothing gets the default."""
    made = ruleset(rule("greeting", words("hello"), priority=Priority.LOW), rule("topic", words("line")))
    assert made.evaluate(event("hello line")).priority is Priority.LOW
    assert made.evaluate(event("line")).priority is Priority.NORMAL
    assert made.evaluate(event("else")).priority is Priority.NORMAL


def test_a_rule_that_stops_ends_the_search() -> None:
    """Nothing after a matching rule with `stop` adds or raises anything."""
    made = ruleset(
        rule("first", words("red"), tags=["one"]),
        rule("resolved", words("works"), stop=True, tags=["two"], escalate=False),
        rule("late", words("red"), priority=Priority.URGENT, tags=["three"]),
    )
    assert made.evaluate(event("red works")).matched == ("first", "resolved")
    assert made.evaluate(event("red works")).escalate is True
    assert made.evaluate(event("works")).escalate is False
    assert made.evaluate(event("red")).matched == ("first", "late", "last")


def test_the_evidence_stands_in_order_of_rules_and_text() -> None:
    """Each satisfied atom of each matching rule shows the client's own characters once; guards and misses show none."""
    made = ruleset(
        rule(
            "outbound",
            group(
                "all",
                keyword("direction", "outbound"),
                keyword("product", "VoIP", "3CX"),
                group("any", keyword("symptom"), pattern(r"\d{3}"), words("never")),
                group("none", words("resolved")),
                client("tier", "gold"),
                source("whatsapp"),
            ),
        ),
        rule("noun", words("call", "make calls"), line=20),
        keywords=KEYWORDS,
        clients=[ACME],
    )
    message = "Issues on *3-CX*: can’t make calls, make calls"
    decision = made.evaluate(event(message, phone="+254700000901"))
    assert decision.because == (
        Because("outbound", "client tier: gold", "", 0, 0),
        Because("outbound", "source: whatsapp", "", 0, 0),
        Because("outbound", "keywords symptom: any", "Issues", 0, 6),
        Because("outbound", "keywords product: 3CX", "3-CX", 11, 15),
        Because("outbound", "keywords direction: outbound", "make calls", 24, 34),
        Because("noun", "words: make calls", "make calls", 24, 34),
        Because("last", "always", "", 0, 0),
    )
    assert decision.keywords == (("symptom", ("failing",)), ("product", ("3CX",)), ("direction", ("outbound",)))


def test_named_groups_reach_the_summary_as_the_client_wrote_them() -> None:
    """The deciding rule's groups hold the original characters, accents and case included."""
    made = ruleset(
        rule(
            "numbered",
            group("any", pattern(r"code (?P<code>\w+)"), pattern(r"(?P<code>\w+)-fault (?P<span>\d+)"), words("code")),
            says={"summary": "Code {{ code }}{% if span is defined %} for {{ span }}{% endif %}"},
        ),
    )
    decision = made.evaluate(event("CODE Éa9, x-fault"))
    assert decision.captures == (("code", "Éa9"),)
    assert plain(decision.summary) == "Code Éa9"
    assert plain(made.evaluate(event("Ж code Жa")).summary) == "Code Жa"


@pytest.mark.parametrize(
    ("message", "attachments", "summary"),
    [
        pytest.param("My phone is dead. Help", [], "My phone is dead.", id="first sentence"),
        pytest.param("", [], "(a message without text)", id="nothing"),
        pytest.param(" \n", ["image"], "(an image without text)", id="image"),
        pytest.param("", ["hologram", "voice"], "(a voice message without text)", id="known among unknown"),
        pytest.param("", ["hologram"], "(a message without text)", id="unknown kind"),
    ],
)
def test_a_rule_without_a_summary_quotes_the_client(message: str, attachments: list[str], summary: str) -> None:
    """With no words of its own a rule sums up with the client's first sentence, or what came instead of text."""
    assert plain(ruleset().evaluate(event(message, attachments=attachments)).summary) == summary


def test_a_summary_with_nothing_left_of_it_gives_way() -> None:
    """A summary whose every variable is missing is replaced by the client's first sentence."""
    made = ruleset(rule("bare", words("help"), says={"summary": "{{ product }}"}))
    assert plain(made.evaluate(event("help me")).summary) == "help me"


def test_the_message_reaches_a_summary_that_asks_for_it() -> None:
    """The client's name and text can be used in a summary, as quotations."""
    made = ruleset(rule("named", words("help"), says={"summary": "{{ client_name }}: {{ raw_text }}"}))
    assert plain(made.evaluate(event("help me")).summary) == "Jackson: help me"


def test_a_failed_evaluation_has_a_decision_too() -> None:
    """The fallback sends the message to the default channel, acknowledged, with the error on record."""
    made = ruleset(rule("any", words("red"), priority=Priority.URGENT))
    decision = made.fallback(event("red alert. now"), "RecursionError")
    assert (decision.rule, decision.location, decision.matched) == ("engine-fallback", "", ())
    assert (decision.channel, decision.team, decision.priority) == ("triage", "support", Priority.NORMAL)
    assert (plain(decision.summary), decision.ack, decision.escalate) == ("red alert.", "default", True)
    assert (decision.tags, decision.error, decision.ruleset_sha) == (("whatsapp",), "RecursionError", "5ha")


def test_a_set_whose_last_rule_does_not_match_falls_back() -> None:
    """Even rules that nobody checked never leave a message without a decision."""
    made = ruleset(rule("last", group("all", words("x1"), group("any", always()))), closed=False)
    assert made.evaluate(event("hello")).error == "no rule matched"
    assert made.explain(event("hello")).not_matched == (NotMatched("last", "words: x1"),)


@pytest.mark.parametrize(
    ("condition", "missing"),
    [
        pytest.param(keyword("direction", "outbound"), "keywords direction: outbound", id="keyword"),
        pytest.param(keyword("product", "3CX", "VoIP"), "keywords product: 3CX or VoIP", id="several keywords"),
        pytest.param(keyword("product"), "keywords product: any", id="any keyword"),
        pytest.param(words("a b", "c", "d", "e", "f"), 'words: "a b", c, d, e and 1 more', id="words"),
        pytest.param(exact("zzz"), "exact: zzz", id="exact"),
        pytest.param(pattern(r"\d{9}"), r"pattern: \d{9}", id="pattern"),
        pytest.param(client("tier", "gold", "silver"), "client tier: gold or silver", id="client"),
        pytest.param(source("sms"), "source: sms", id="source"),
        pytest.param(group("all", words("hello"), words("zzz"), words("yyy")), "words: zzz", id="first of all"),
        pytest.param(group("any", words("zzz"), exact("yyy")), "any of: words: zzz; exact: yyy", id="any"),
        pytest.param(
            group("any", *(group("all", words(f"z{n}"), group("none", words("hello"))) for n in range(4))),
            "any of: words: z0 and none of: words: hello; words: z1 and none of: words: hello; "
            "words: z2 and none of: words: hello; …",
            id="long any",
        ),
        pytest.param(group("any", words("zzz")), "words: zzz", id="any of one"),
        pytest.param(
            group("all", words("hello"), group("none", words("working again"))),
            'none of: "Working again" stands in the message',
            id="guard",
        ),
        pytest.param(
            group("none", source("whatsapp")), "none of: source: whatsapp is the case", id="guard over a fact"
        ),
        pytest.param(group("none", group("none", words("zzz"))), "none of: always is the case", id="guard of a guard"),
    ],
)
def test_a_rule_that_does_not_match_says_what_it_misses(condition: syntax.Condition, missing: str) -> None:
    """The first thing that is missing, or the words of the client that a guard met, in a lead's words."""
    made = ruleset(rule("tried", condition), keywords=KEYWORDS)
    assert made.explain(event("hello, Working again")).not_matched == (NotMatched("tried", missing),)


def test_the_nearest_rules_come_first() -> None:
    """Rules that only a guard keeps away come before those that miss a part, and these before rules that miss all."""
    made = ruleset(
        rule("far", words("zzz")),
        rule("half", group("all", words("red"), words("zzz"))),
        rule("best of any", group("any", words("zzz"), group("all", words("red"), words("blue"), words("zzz")))),
        rule("guarded", group("all", words("red"), group("none", words("blue")))),
        rule("bare guard", group("none", words("red"))),
        rule("never", group("any")),
    )
    explanation = made.explain(event("red blue"))
    assert [missed.rule for missed in explanation.not_matched] == [
        "guarded",
        "best of any",
        "half",
        "far",
        "bare guard",
        "never",
    ]
    assert explanation.decision == made.evaluate(event("red blue"))


def test_rules_behind_a_stop_were_not_asked() -> None:
    """A rule behind one that ends the search says so, after all rules that missed something."""
    made = ruleset(
        rule("missed", words("zzz")), rule("thanks", words("asante"), stop=True), rule("late", words("asante"))
    )
    assert made.explain(event("asante")).not_matched == (
        NotMatched("missed", "words: zzz"),
        NotMatched("late", "not asked: thanks ends the search"),
        NotMatched("last", "not asked: thanks ends the search"),
    )


def test_the_rule_set_words_what_is_sent() -> None:
    """A rule-set renders the acknowledgement and the post, as the plan asks it to."""
    made = ruleset()
    assert made.acknowledgement("default", {"client_name": "Al"}) == "Hello Al"
    assert made.escalation({"issue_summary": "s"})[0] == "New WhatsApp Client Request"
