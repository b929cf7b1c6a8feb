"""Follows the status stream for as long as the token is good: reconnects, backs off, notices a dead line."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from contextlib import aclosing

from lsp import backoff
from lsp.client import SILENCE_SECONDS, Client
from lsp.errors import RefusalError, SignedOutError, UnreachableError
from lsp.payload import Connection
from lsp.status_store import StatusStore
from lsp.wire import NotUnderstoodError, WireStatus

GRACE_SECONDS = 0.5  # a stream that ends and is back within this does not flicker
LONGEST_REQUESTED_WAIT = 60.0


class Follower:
    """One connection after the other, each beginning with a full state."""

    def __init__(self, client: Client, store: StatusStore, on_status: Callable[[WireStatus], None]) -> None:
        self._client = client
        self._picture = store
        self._on_status = on_status
        self._hurry = asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None

    def hurry(self) -> None:
        """Do not wait for the next try."""
        self._hurry.set()

    async def run(self) -> None:
        """Follow until cancelled. Raises SignedOutError when the server does not accept the token."""
        failures, last_good = 0, time.monotonic()
        try:
            while True:
                began = time.monotonic()
                heard, wait = await self._connection()
                ended = time.monotonic()
                last_good = ended if heard else last_good
                steady = heard and ended - began >= backoff.STEADY_SECONDS
                failures = 0 if steady else failures + 1
                jitter = random.random()  # noqa: S311 - spreads load, guards nothing
                usual = backoff.delay(max(1, failures), outage_seconds=ended - last_good, jitter=jitter)
                await self._pause(max(wait, usual))
        finally:
            self._end_grace()

    async def _connection(self) -> tuple[bool, float]:
        """One connection to its end: whether it brought a state, and how long the server asks to be left alone."""
        heard = False
        try:
            async with aclosing(self._client.states()) as states:
                async for raw in states:
                    status = self._picture.confirm(raw)
                    self._end_grace()
                    heard = True
                    self._on_status(status)
        except SignedOutError:
            raise
        except UnreachableError as exc:
            self._lost(exc.message, was_silent=exc.was_silent)
        except RefusalError as exc:
            if exc.retry_after is None:
                self._failed(exc.message)
                return heard, 0.0
            self._lost(exc.message)
            return heard, min(exc.retry_after, LONGEST_REQUESTED_WAIT)
        except NotUnderstoodError as exc:
            self._failed(exc.message)
        else:
            self._lost("The server ended the connection.")
        return heard, 0.0

    def _lost(self, problem: str, *, was_silent: bool = False) -> None:
        if was_silent or self._picture.seen.link is not Connection.LIVE:
            self._end_grace()
            self._picture.lose(Connection.OFFLINE, problem, silent_for=SILENCE_SECONDS if was_silent else 0.0)
        elif self._grace is None:
            self._grace = asyncio.get_running_loop().call_later(
                GRACE_SECONDS, lambda: self._picture.lose(Connection.OFFLINE, problem, silent_for=GRACE_SECONDS)
            )

    def _failed(self, problem: str) -> None:
        self._end_grace()
        self._picture.lose(Connection.ERROR, problem)

    def _end_grace(self) -> None:
        if self._grace:
            self._grace.cancel()
            self._grace = None

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)
