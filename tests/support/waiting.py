"""Waiting for what happens elsewhere."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], object | Awaitable[object]], *, seconds: float = 30.0) -> None:
    """Wait until it holds; it may be a coroutine function. Raises TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.02)
