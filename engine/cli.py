"""The command `engine`: arguments in, exit code out.

Each command lives in its own module under `commands`, imported only when it was asked for, so that `engine --help` does
not pay for spaCy. Exit codes: 0 done, 1 findings or not found, 2 usage, 70 internal error, 77 not permitted,
78 unusable configuration.
"""

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from engine import arguments
from engine.core.errors import EngineError

# Every command module has one public function, `run(options) -> exit code`. Commands that are not named here ask the
# running daemon.
_MODULES = {
    "audit": "audit",
    "backtest": "backtest",
    "client": "client",
    "demo": "demo",
    "diff": "diff",
    "doctor": "doctor",
    "explain": "explain",
    "help": "help_code",
    "incidents report": "report",
    "init": "init",
    "journal": "journal",
    "oncall": "oncall",
    "rules": "rules",
    "rules publish": "publish",
    "run": "run",
    "schema": "schema",
    "send": "send",
    "test": "rehearse",
    "validate": "validate",
    "whatsapp": "whatsapp",
}


def main(typed: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an expected error becomes one sentence on stderr."""
    options = arguments.parser().parse_args(typed)
    try:
        return _dispatch(options)
    except EngineError as error:
        sys.stderr.write(f"engine: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output (`head`, a pager) has seen enough.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the guard of every command
        sys.stderr.write(f"engine: internal error: {_where(error)}; this is a fault of the engine, please report it\n")
        return EngineError.exit_code


def _where(error: Exception) -> str:
    """Kind and place of a fault. Its words are left out: they may quote a client."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _dispatch(options: argparse.Namespace) -> int:
    whole = f"{options.command} {getattr(options, 'action', '')}"
    module = importlib.import_module(f"engine.commands.{_MODULES.get(whole, _MODULES.get(options.command, 'operate'))}")
    code: int = module.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
