"""Logs go to standard error, one line each; never a token, a secret or a message."""

from __future__ import annotations

import logging
from typing import Final

from core.settings import LogLevel

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What others log at INFO is about themselves.
_TALKATIVE: Final = ("uvicorn.error", "asyncio", "alembic", "httpx", "slack_bolt", "slack_sdk", "aiohttp")


def configure_logs(level: LogLevel) -> None:
    """Write logs from this level on. Other people's INFO is left out unless everything is wanted."""
    logging.basicConfig(level=level.value.upper(), format=_FORMAT, force=True)
    if level is not LogLevel.DEBUG:
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
