"""Logs go to standard error, one line each. They never contain a token, a secret or a message."""

from __future__ import annotations

import logging
from typing import Final

from core.settings import LogLevel

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Libraries whose INFO logs are about their own internals.
_NOISY_LIBRARIES: Final = ("uvicorn.error", "asyncio", "alembic", "httpx", "slack_bolt", "slack_sdk", "aiohttp")


def configure_logs(level: LogLevel) -> None:
    """Log from this level on. INFO of other libraries is only logged at level debug."""
    logging.basicConfig(level=level.value.upper(), format=_FORMAT, force=True)
    if level is not LogLevel.DEBUG:
        for name in _NOISY_LIBRARIES:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
