"""Rules folders of any size for measuring: `python tests/bench/rulesets.py FOLDER --rules 10000`.

They look like those of a team that kept writing for years: files by product, keywords, phrases, guards with `none`,
every fifth rule with a pattern, summaries with variables, examples that must and must not match. No two runs differ.
"""

import argparse
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

_ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "st",
    "t",
    "v",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "au", "io")
_ENDS = ("", "n", "r", "l", "x", "m", "t")
_SYMPTOMS = ("failing", "down", "slow", "offline", "frozen", "rejected", "missing", "looping")
_PRIORITIES = ("low", "normal", "high", "urgent")
_CHANNELS = ("support-triage", "support-voip", "support-internet", "support-billing", "support-access")


def write(folder: Path, rules: int) -> tuple[Path, Path]:
    """The folders `rules` and `templates` below `folder`, with that many rules; their paths."""
    place = folder / "rules"
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files(rules):
        (place / name).write_text(content, "utf-8")
    templates = folder / "templates"
    shutil.copytree(ROOT / "templates", templates, dirs_exist_ok=True)
    return place, templates


def files(rules: int) -> Iterator[tuple[str, str]]:
    """(name, content) of each rules file."""
    chance = random.Random(rules)  # noqa: S311 - the same folder each time
    count = min(80, max(2, rules // 25))
    products = _words(chance, max(8, rules // 25))
    yield "00-keywords.yaml", _keywords(products)
    yield "01-channels.yaml", _channels()
    left = rules - 1
    for number in range(count):
        share = left // (count - number)
        left -= share
        body = "\n".join(_rule(chance, number, position, products) for position in range(share))
        yield f"{10 + number:03}-team-{number:03}.yaml", f"schema: 1\nowner: team-{number:03}\n\nrules:\n{body}"
    yield "999-last.yaml", "schema: 1\nrules:\n  - id: anything-else\n    when: always\n"


def _words(chance: random.Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[_word(chance)] = None
    return list(found)


def _word(chance: random.Random) -> str:
    syllables = (chance.choice(_ONSETS) + chance.choice(_VOWELS) for _ in range(chance.choice((2, 3, 3))))
    return "".join(syllables) + chance.choice(_ENDS)


def _keywords(products: Sequence[str]) -> str:
    lines = ["schema: 1", "keywords:", "  product:"]
    for product in products:
        spellings = (product, f"{product} app", f'"{product[0]} {product[1:]}"', f"{product}s")
        lines.append(f"    {product.capitalize()}: [{', '.join(spellings)}]")
    lines.append("  symptom:")
    lines += [f'    {symptom}: [{symptom}, "gone {symptom}", "is {symptom} again"]' for symptom in _SYMPTOMS]
    lines += ["  recovery:", '    recovered: [recovered, "working again", resolved, "sorted out"]']
    return "\n".join(lines) + "\n"


def _channels() -> str:
    named = "\n".join(f'  {name}: {{team: support, purpose: "requests about {name[8:]}"}}' for name in _CHANNELS)
    defaults = "defaults: {channel: support-triage, priority: normal, ack: default, tags: [whatsapp, client-support]}"
    return f"schema: 1\n{defaults}\nchannels:\n{named}\n"


def _rule(chance: random.Random, number: int, position: int, products: Sequence[str]) -> str:
    product = chance.choice(products)
    first, second, third, guard = (_word(chance) for _ in range(4))
    symptom = chance.choice(_SYMPTOMS)
    code = f"{first[:2]}{chance.randrange(10, 99)}"
    with_pattern = position % 5 == 0
    either = (
        f"        - any:\n            - words: [{third}, {third} {second}]\n"
        f"            - pattern: '\\b(?:error|code) (?P<code>{code}\\d\\d)\\b'\n"
        if with_pattern
        else f'        - words: [{third}, "{third} {first}"]\n'
    )
    summary = (
        "{{ product }} {{ symptom }}{% if code is defined %} (error {{ code }}){% endif %}"
        if with_pattern
        else f"{{{{ product }}}} {first} {{{{ symptom }}}}"
    )
    name = product.capitalize()
    talk = f"our {product} {first} {second} is {symptom} since {third} came"
    shown = [f'"Hello, {talk}"', f'"{third} of the {first} {second} with {product}: {symptom}, please help!"']
    if with_pattern:
        shown.append(f'"{product} {first} {second} {symptom}, it says error {code}42"')
    return (
        f"  - id: team-{number:03}-{position:04}-{first}\n"
        f"    title: {name} {first} {second} {symptom}\n"
        f"    when:\n      all:\n"
        f"        - keywords: {{product: {name}, symptom: any}}\n"
        f'        - words: ["{first} {second}"]\n'
        f"{either}"
        f'      none:\n        - keywords: {{recovery: any}}\n        - words: [{guard}, "{guard} {first}"]\n'
        f"    priority: {chance.choice(_PRIORITIES)}\n"
        f"    tags: [{product}, team-{number:03}]\n"
        f"    channel: {chance.choice(_CHANNELS)}\n"
        f'    summary: "{summary}"\n'
        f"    examples:\n      match:\n"
        + "".join(f"        - {example}\n" for example in shown)
        + f'      no_match:\n        - "{talk}, {guard} now"\n        - "{first} {second} and {third}, nothing else"\n'
    )


def main() -> None:
    """Write one folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rules", type=int, default=1000)
    options = parser.parse_args()
    place, _ = write(options.folder, options.rules)
    print(f"{options.rules} rules in {place}")


if __name__ == "__main__":
    main()
