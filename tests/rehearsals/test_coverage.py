"""Which atoms the tests reach, and what is proposed for the others."""

import pytest
from rehearsals.sets import loaded, ruleset, table

from engine.rehearsals.coverage import Atom, measure, share

KEYWORDS = """\
keywords:
  product:
    3CX: [3cx, threecx]
    VoIP: [voip]
    PBX: []
  unused:
    Thing: [thing]
"""


def _atoms(rules: str, scenarios: str = "", sections: str = "") -> tuple[Atom, ...]:
    return measure(table(loaded(rules, scenarios, sections)))


def _reached(atoms: tuple[Atom, ...]) -> dict[str, bool]:
    return {atom.label: atom.covered for atom in atoms}


def test_a_phrase_is_reached_by_a_message_that_matches_with_it() -> None:
    """One that stands in a message which the rule does not match is not."""
    rules = (
        "  - {id: a, when: [{words: [call, ring]}, {exact: [now]}], examples: {match: [call now], no_match: [ring]}}\n"
    )
    atoms = _atoms(rules)
    assert _reached(atoms) == {'words "call"': True, 'words "ring"': False, 'exact "now"': True}
    assert share(atoms) == (2, 3)
    missed = atoms[1]
    assert (missed.rule, missed.at.line, missed.advice) == ("a", 5, "add to match a message with it")
    assert missed.example == "ring now"


def test_another_rules_message_reaches_it_too() -> None:
    """What counts is that the rule matches, whoever wrote the message down."""
    rules = (
        "  - {id: a, when: {words: [call, ring]}, examples: {match: [call]}}\n"
        "  - {id: b, when: {words: [bell]}, examples: {match: [the bell does not ring]}}\n"
    )
    assert _reached(_atoms(rules)) == {'words "call"': True, 'words "ring"': True, 'words "bell"': True}


def test_a_guard_is_reached_when_it_alone_keeps_a_rule_from_matching() -> None:
    """A message with two guards shows neither."""
    rules = (
        "  - id: a\n    when: {all: [{words: [call]}], none: [{words: [fine, good]}, {words: [works]}]}\n"
        "    examples: {match: [call], no_match: [the call is fine, a good call works, mail]}\n"
    )
    atoms = _atoms(rules)
    assert _reached(atoms) == {
        'words "call"': True,
        'none of: words "fine"': True,
        'none of: words "good"': False,
        'none of: words "works"': False,
    }
    assert [atom.example for atom in atoms] == ["", "", "call good", "call works"]
    assert atoms[2].advice == "add to no_match a message that only this keeps from matching"


def test_a_guard_inside_a_guard_is_reached_when_it_lets_a_message_through() -> None:
    """`none` of `none` must decide."""
    rules = (
        "  - id: a\n    when: {all: [{words: [call]}], none: [{all: [{words: [fine]}], none: [{words: [still]}]}]}\n"
        "    examples: {match: [still no call is fine, still no call], no_match: [the call is fine]}\n"
    )
    assert _reached(_atoms(rules)) == {
        'words "call"': True,
        'words "fine"': True,
        'none of: words "still"': True,
    }


def test_every_way_of_writing_a_keyword_that_is_asked_for_counts() -> None:
    """The name only where there is no list; a category that no rule asks for does not."""
    rules = "  - {id: a, when: {keywords: {product: [3CX, PBX]}}, examples: {match: [3cx is slow]}}\n"
    atoms = _atoms(rules, sections=KEYWORDS)
    assert _reached(atoms) == {
        "keywords product: 3CX": True,
        "keywords product: PBX": False,
        'keyword product 3CX: "3cx"': True,
        'keyword product 3CX: "threecx"': False,
        'keyword product PBX: "PBX"': False,
    }
    assert [(atom.at.line, atom.example) for atom in atoms if not atom.covered] == [
        (12, "PBX is slow"),
        (6, "threecx is slow"),
        (8, ""),
    ]


def test_any_keyword_and_a_category_among_words_ask_for_all_of_them() -> None:
    """So every way of writing each of them counts."""
    both = (
        "  - {id: a, when: {keywords: {product: any}}, examples: {match: [voip]}}\n",
        '  - {id: a, when: {words: ["no $product"]}, examples: {match: [no voip]}}\n',
    )
    for rules in both:
        spellings = {
            label: covered
            for label, covered in _reached(_atoms(rules, sections=KEYWORDS)).items()
            if label.startswith("keyword ")
        }
        assert spellings == {
            'keyword product 3CX: "3cx"': False,
            'keyword product 3CX: "threecx"': False,
            'keyword product VoIP: "voip"': True,
            'keyword product PBX: "PBX"': False,
        }


def test_a_spelling_is_proposed_where_a_rule_asks_for_it_and_only_if_it_works() -> None:
    """Not in a rule that is guarded against it, and not where the exchange breaks the rule."""
    rules = (
        "  - id: a\n    when: {all: [{words: [mail]}], none: [{keywords: {product: 3CX}}]}\n"
        "    examples: {match: [mail], no_match: [mail 3cx]}\n"
        "  - {id: b, when: [{keywords: {product: 3CX}}, {pattern: '3cx'}], examples: {match: [3cx]}}\n"
    )
    atoms = _atoms(rules, sections=KEYWORDS)
    assert [atom.example for atom in atoms if atom.label == 'keyword product 3CX: "threecx"'] == [""]


def test_a_proposed_message_has_been_tried() -> None:
    """Words that would not make the rule match are not proposed; a pattern needs a person."""
    rules = (
        "  - id: a\n    when: {all: [{words: [call, ring, 'ring*']}, {pattern: '\\bno\\w'}], none: [{words: [ring]}]}\n"
        "    examples: {match: [call now]}\n"
        "  - {id: b, when: {any: [{words: [mail]}, {pattern: 'x\\d'}]}, examples: {match: [Mail me]}}\n"
        "  - {id: c, when: {any: [{words: ['$product', post]}]}, examples: {match: [Post me]}}\n"
    )
    proposed = {(atom.rule, atom.label): atom.example for atom in _atoms(rules, sections=KEYWORDS) if not atom.covered}
    assert proposed["a", 'words "ring"'] == ""
    assert proposed["a", 'none of: words "ring"'] == "call now ring"
    assert proposed["b", r"pattern x\d"] == ""
    assert proposed["c", 'words "$product"'] == "3cx me"


FACTS = """\
  - {id: gold, when: [{words: [call]}, {client: {tier: gold}}], examples: {match: [call]}}
  - {id: pictures, when: {attachment: [image]}}
  - {id: changed, when: {kind: [edit]}}
  - {id: desk, when: {source: [desk]}}
  - {id: again, when: {follow_up: true}}
  - {id: files, when: {attachment: any}}
  - {id: shut, when: {hours: {not: business}}}
"""
CLIENTS = """\
clients: [{name: Acme, phones: ["+254700000001"], tier: gold}]
hours:
  business: {timezone: Africa/Nairobi, weekly: ["Mon-Fri 08:00-17:00", "Sat 22:00-02:00", "Sun 06:00-24:00"]}
  unused: {timezone: UTC, weekly: ["Mon-Sun 08:00-17:00"]}
"""


def test_a_fact_is_reached_both_ways() -> None:
    """A message that matches with it, and one that does not for want of it."""
    story = "  - name: S\n    at: '2026-02-12 10:00'\n    timezone: Africa/Nairobi\n    steps:\n"
    assert _reached(_atoms(FACTS, f"{story}      - {{from: Brian, says: call}}\n", CLIENTS)) == {
        'words "call"': True,
        "client tier: gold": True,
        "client tier: gold, the other way": True,
        "attachment: image": False,
        "attachment: image, the other way": True,
        "kind: edit": False,
        "kind: edit, the other way": True,
        "source: desk": False,
        "source: desk, the other way": True,
        "follow_up: true": False,
        "follow_up: true, the other way": True,
        "attachment: any": False,
        "attachment: any, the other way": True,
        "hours: not business": False,
        "hours: not business, the other way": True,
        "hours business (Mon-Fri 08:00-17:00): begins at 08:00": False,
        "hours business (Mon-Fri 08:00-17:00): ends at 17:00": False,
        "hours business (Sat 22:00-02:00): begins at 22:00": False,
        "hours business (Sat 22:00-02:00): ends at 02:00": False,
        "hours business (Sun 06:00-24:00): begins at 06:00": False,
        "hours business (Sun 06:00-24:00): ends at 00:00": False,
    }


@pytest.mark.parametrize(
    ("at", "edge"),
    [
        ("2026-02-12 08:00", "(Mon-Fri 08:00-17:00): begins at 08:00"),
        ("2026-02-12 08:59", "(Mon-Fri 08:00-17:00): begins at 08:00"),
        ("2026-02-12 17:00", "(Mon-Fri 08:00-17:00): ends at 17:00"),
        ("2026-02-14 22:30", "(Sat 22:00-02:00): begins at 22:00"),
        ("2026-02-15 02:30", "(Sat 22:00-02:00): ends at 02:00"),
        ("2026-02-15 06:00", "(Sun 06:00-24:00): begins at 06:00"),
        ("2026-02-16 00:10", "(Sun 06:00-24:00): ends at 00:00"),
        ("2026-02-12 09:00", ""),
        ("2026-02-14 17:10", ""),
        ("2026-02-12 07:59", ""),
    ],
)
def test_an_edge_of_hours_is_reached_within_an_hour_after_it(at: str, edge: str) -> None:
    """The beginning from inside, the end from outside; on a day on which the window opens."""
    story = f"  - name: S\n    at: '{at}'\n    timezone: Africa/Nairobi\n    steps: [{{from: Brian, says: hello}}]\n"
    atoms = [atom for atom in _atoms(FACTS, story, CLIENTS) if atom.label.startswith("hours business")]
    assert [atom.label.removeprefix("hours business ") for atom in atoms if atom.covered] == ([edge] if edge else [])
    missed = [atom.advice for atom in atoms if not atom.covered]
    assert edge == "(Mon-Fri 08:00-17:00): begins at 08:00" or missed[0] == (
        "add a scenario with a message at 08:05, just inside"
    )


def test_the_table_says_what_the_rules_say() -> None:
    """Cutting the rules into units changes no decision."""
    rules = (
        "  - {id: first, when: {any: [{words: [call, 'ring*']}, {keywords: {product: [3CX, VoIP]}}]},"
        " examples: {match: [call, ringing, threecx, thrcecx], no_match: [mail]}}\n"
        "  - {id: second, when: {keywords: {product: any}}, examples: {match: [my voip 3cx], no_match: [call]}}\n"
    )
    found = loaded(rules, sections=KEYWORDS.replace("product:", "product:\n    typos: true", 1))
    cut = table(found)
    for trial in cut.trials:
        decided = ruleset(found).evaluate(trial.event, follow_up=trial.follow_up).matched
        assert decided == (*(each.rule.id.value for each in cut.cuts[:-1] if cut.holds(each, trial.met)), "last")
