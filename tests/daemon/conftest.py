"""What several of the daemon's tests need: the log of the whole process as lines."""

import io
import logging
from collections.abc import Iterator

import pytest
from loguru import logger

from engine import logs


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Whatever a test configures ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logger.configure(handlers=[], patcher=lambda _: None)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def log(restored_logging: None) -> io.StringIO:
    """The log as JSON lines."""
    stream = io.StringIO()
    logs.configure("json", "DEBUG", stream)
    return stream
