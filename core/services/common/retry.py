"""Trying a call again in this process, a bounded number of times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from core.ledger.errors import Code, Refused

OVERLOADED_PAUSE_SECONDS: Final = 0.05

Result = TypeVar("Result")


async def retry(
    attempt: Callable[[], Awaitable[Result]], *, attempts: int, pause: Callable[[Exception], float | None]
) -> Result:
    """Return what ``attempt`` returns, trying at most ``attempts`` times.

    ``pause`` returns how many seconds to wait after an error; None means that the error is raised instead, as is that
    of the last attempt.
    """
    for _ in range(attempts - 1):
        try:
            return await attempt()
        except Exception as error:
            seconds = pause(error)
            if seconds is None:
                raise
        await asyncio.sleep(seconds)
    return await attempt()


async def retry_while_overloaded(attempt: Callable[[], Awaitable[Result]], *, attempts: int) -> Result:
    """Submit a command again, at most ``attempts`` times, while the journal's queue is full."""
    return await retry(attempt, attempts=attempts, pause=_pause_if_overloaded)


def _pause_if_overloaded(error: Exception) -> float | None:
    is_overloaded = isinstance(error, Refused) and error.code is Code.OVERLOADED
    return OVERLOADED_PAUSE_SECONDS if is_overloaded else None
