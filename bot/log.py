"""The bot's log: what happened and where, never a token, a secret or a word that somebody wrote."""

from __future__ import annotations

import logging
import traceback
from typing import Final

logger: Final = logging.getLogger("bot")


def log_defect(where: str, error: BaseException) -> None:
    """Log a defect by its kind and the lines it passed; its message may hold what somebody wrote, so it stays out."""
    lines = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    logger.error("%s failed: %s\n%s", where, type(error).__qualname__, lines)


def quiet_logger() -> logging.Logger:
    """Return the logger handed to Slack's libraries: theirs print request bodies."""
    quiet = logging.getLogger("bot.library")
    quiet.setLevel(logging.CRITICAL + 1)
    return quiet
