"""Programs of the system that tests run: found by name, or the test says which one is missing.

A person's machine may lack them, and the test is skipped with a reason. In continuous integration, which installs
them, a missing one fails the test.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping

import pytest

# Where Debian keeps servers, which is not in every user's PATH.
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_PATIENCE_S = 60


def tool(name: str) -> str:
    """The program's path."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        message = f"{name} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return found


def output_of(*command: str, environ: Mapping[str, str] | None = None) -> str:
    """What a command that succeeds writes, on either stream; AssertionError with all of it when it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
        env={**os.environ, **(environ or {})},
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
