"""Answering within Slack's three seconds: what takes longer is finished afterwards and told by direct message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from bot.errors import error_message
from bot.log import log_defect, logger
from bot.messages import usage_help
from bot.messages.blocks import Message, message, section
from bot.parsing import UsageError
from bot.slack_api import PermanentError, RetryableError
from core.ledger.errors import Code, Refused

ANSWER_SECONDS: Final = 2.0
MAX_ERRANDS: Final = 1000
GRACE_SECONDS: Final = 5.0

STILL_WORKING: Final = message(
    section(
        "This is taking a little longer. I'll send you the result in a direct message, so there's no need to retry."
    )
)
_SLACK_UNREACHABLE: Final = message(
    section("I couldn't look that person up in Slack, so nothing was sent. Please try again later."), is_refusal=True
)

Work = Callable[[], Awaitable[Message]]


class PendingReplies:
    """Work in progress by key. A second delivery of the same request joins the first instead of repeating it."""

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Task[Message]] = {}
        self._followed: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()

    async def answer(self, key: str, work: Work, *, afterwards: Callable[[Message], Awaitable[None]]) -> Message:
        """Return the answer if it is there in time; otherwise a promise, and ``afterwards`` gets the answer, once."""
        if len(self._answers) + len(self._background) >= MAX_ERRANDS:
            return error_message(Refused(Code.OVERLOADED, ""))
        task = self._answers.get(key)
        if task is None:
            task = self._answers[key] = asyncio.create_task(run_safely(work))
            task.add_done_callback(lambda _: self._answers.pop(key, None))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if done:
            return task.result()
        if key not in self._followed:
            self._followed.add(key)
            self.run(self._follow(key, task, afterwards))
        return STILL_WORKING

    async def _follow(
        self, key: str, task: asyncio.Task[Message], afterwards: Callable[[Message], Awaitable[None]]
    ) -> None:
        try:
            await afterwards(await task)
        finally:
            self._followed.discard(key)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something after the answer; what Slack refuses there is logged and forgotten."""
        if len(self._background) >= MAX_ERRANDS:
            work.close()
            logger.warning("too many messages wait for Slack; one was dropped")
            return
        task = asyncio.create_task(_logged(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Let running work end, for a few seconds, then stop it."""
        running = {*self._answers.values(), *self._background}
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def run_safely(work: Work) -> Message:
    """Return the answer in words, whatever happens: no exception may leave a listener."""
    try:
        return await work()
    except UsageError as slip:
        return usage_help.usage_error(slip)
    except Refused as refused:
        return error_message(refused)
    except (RetryableError, PermanentError) as silence:
        logger.warning("Slack did not answer a question of ours: %s", silence.why)
        return _SLACK_UNREACHABLE
    except Exception as error:
        log_defect("A request from Slack", error)
        return error_message(Refused(Code.INTERNAL_ERROR, ""))


async def _logged(work: Awaitable[None]) -> None:
    try:
        await work
    except (RetryableError, PermanentError) as failure:
        logger.warning("Slack did not take a message: %s", failure.why)
    except Exception as error:
        log_defect("Work after an answer", error)
