"""`engine run`: the daemon, in the foreground, until SIGTERM."""

import argparse
import os
import sys

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
    except* EngineError as failures:
        raise _first(failures) from None
    return 0


def _show(claimed: Claimed) -> None:
    sys.stdout.write(f"{shown(claimed.body)}\n\n")
    sys.stdout.flush()


def _first(failures: BaseExceptionGroup[EngineError]) -> EngineError:
    """A configuration error has one cause; the group is the task group's wrapping."""
    for failure in failures.exceptions:
        return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
    raise AssertionError(failures)
