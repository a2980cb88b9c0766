"""What kill -9 loses on WhatsApp Web, by hand: `python tests/bench/whatsapp_web_kills.py` (ten minutes).

The whole daemon with the real library against the stand-in for WhatsApp Web, under a hundred messages a second; the
gateway and the daemon are killed in turn, or one of them alone. `--out tests/bench/results` keeps the table.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Instead of this folder, whose `journal` is another.
sys.path[:1] = [str(ROOT), str(ROOT / "tests")]

from standins.linked import WINDOW, Kill, Rounds, attach, table
from standins.processes import Site
from standins.whatsapp import running

_LEGEND = f"""\
*Receipted before*: WhatsApp held them for delivered when the process died. *Accepted*: the journal has them as they
were written. *Known without words*: they died in the library, and the journal has who wrote them and their id.
*Lost*: the journal knows nothing of them. Without words or lost at one kill at most {WINDOW}: neonize's channel of a
hundred and the one in its handler. *In doubt*: the acknowledgement was under way at the kill, and `retry.in_doubt` is
`resend`.
"""


async def measure(folder: Path, victims: list[str], options: argparse.Namespace) -> list[Kill]:
    (folder / "service").mkdir()
    (folder / "site").mkdir()
    async with running(folder / "service") as service:
        site = attach(Site.build(folder / "site", in_doubt_wait="1s"), service)
        try:
            await asyncio.to_thread(site.start)
            await service.online()
            rounds = Rounds(site, service, messages=options.messages, per_second=options.per_second)
            kills = []
            for number, what in enumerate(victims, 1):
                kills.append(await rounds.kill(what))
                print(f"{number} of {len(victims)}: {kills[-1]}", file=sys.stderr)
        finally:
            site.close()
    return kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each")
    parser.add_argument("--only", choices=("gateway", "daemon"), help="kill only this one (default: both in turn)")
    parser.add_argument("--messages", type=int, default=200, help="in each round, two of each client")
    parser.add_argument("--per-second", type=float, default=100, help="so many messages")
    parser.add_argument("--out", type=Path, help="folder for whatsapp_web_kills.md")
    options = parser.parse_args()
    victims = ([options.only] if options.only else ["gateway", "daemon"]) * options.kills
    with tempfile.TemporaryDirectory() as name:
        kills = asyncio.run(measure(Path(name), victims, options))
    day = datetime.now(UTC).date()  # noqa: TID251 - the day of the measurement
    where = f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    text = f"# Kills under {options.per_second:g} messages a second\n\n{where}, {day}.\n\n{table(kills)}\n\n{_LEGEND}"
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "whatsapp_web_kills.md").write_text(text, encoding="utf-8")
    if any(kill.words_lost > WINDOW or kill.lost or kill.twice > kill.in_doubt for kill in kills):
        raise SystemExit("more was lost, or said twice, than may be")


if __name__ == "__main__":
    main()
