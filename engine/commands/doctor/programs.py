"""What a program of the system says, within five seconds."""

import shutil
import subprocess

_PATIENCE_S = 5


def ask(name: str, *words: str) -> str | None:
    """What it writes; None where it is not installed, refuses, or does not answer in time."""
    program = shutil.which(name)
    if program is None:
        return None
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=_PATIENCE_S, check=False)  # noqa: S603 - no shell, and words of our own
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return None if done.returncode else done.stdout


def properties(written: str) -> dict[str, str]:
    """Lines such as `Name=value`, as `systemctl show` and `timedatectl show` write them."""
    return {name: value for name, equals, value in (line.partition("=") for line in written.splitlines()) if equals}
