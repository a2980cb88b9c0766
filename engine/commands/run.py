"""`engine run`: the daemon, in the foreground, until SIGTERM."""

import argparse
import os
import sys
from collections.abc import Iterator

from loguru import logger

from engine import app, logs
from engine.connectors.console import shown
from engine.core.deliveries import Claimed
from engine.core.diagnostics import render
from engine.core.errors import EngineError
from engine.settings import load


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it: 0 after a clean drain, 70 when a part failed that must not."""
    settings = load(options.config, os.environ)
    logs.configure(options.log_format, options.log_level, sys.stderr, os.environ)
    logs.hide(secret.reveal() for secret in settings.secrets())
    for warning in settings.warnings:
        logger.warning("{}", render(warning))
    if settings.mattermost is None:
        logger.warning("mattermost is not configured: posts are printed, nobody is called")
    try:
        app.serve(settings, environ=os.environ, show=_show)
    except Exception as failure:  # noqa: BLE001 - the guard of the process: Python's own traceback would not be masked
        return _end(failure)
    return 0


def _show(claimed: Claimed) -> None:
    sys.stdout.write(f"{shown(claimed.body)}\n\n")
    sys.stdout.flush()


def _end(failure: Exception) -> int:
    """Raise the error that explains itself; log a fault of ours, without anybody's words, and return its exit code."""
    failures = tuple(_parts(failure))
    faults = [part for part in failures if not isinstance(part, EngineError)]
    if not faults:
        # A configuration error has one cause; the group is the task group's wrapping.
        raise failures[0] from None
    logger.opt(exception=failure).critical(
        "the daemon ends: a part failed that must not ({})", type(faults[0]).__name__
    )
    return EngineError.exit_code


def _parts(failure: Exception) -> Iterator[Exception]:
    """The exceptions in a group, or the exception itself."""
    if not isinstance(failure, ExceptionGroup):
        yield failure
        return
    for part in failure.exceptions:
        yield from _parts(part)
