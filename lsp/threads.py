"""Blocking work beside the loop, in daemon threads: a call that hangs delays neither an answer nor the exit.

`asyncio.to_thread` would do the work too, but its pool is joined at exit.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def off_loop(ask: Callable[[], T]) -> T:
    """Await blocking work without blocking the loop; its exception is raised here."""
    return await asyncio.wrap_future(_started(ask))


def _started(ask: Callable[[], T]) -> Future[T]:
    answer: Future[T] = Future()

    def work() -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            answer.set_result(ask())
        except BaseException as exc:  # handed to whoever waits
            answer.set_exception(exc)

    threading.Thread(target=work, daemon=True).start()
    return answer
