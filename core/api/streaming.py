"""Streams of server-sent events: one status each time it changes, and nothing in between but comments."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterator
from typing import Final

from prometheus_client import Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.api.errors import trace_of
from core.api.status_feed import StatusFeed, StatusListener, StreamEnded, end_others
from core.ledger.errors import Code, Refused
from core.services.common.actors import AuthSession
from core.services.common.ledger_service import LedgerService
from core.services.people import tokens

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS: Final = 15.0
SEND_SECONDS: Final = 30.0  # a reader who takes nothing for so long is let go
MAX_STREAMS: Final = 5_000
_KEEP_ALIVE: Final = b": keep-alive\n\n"


class Streams:
    """The open streams of one app: counted, bounded, looked after together, and ended together."""

    def __init__(self, ledger: LedgerService, gauge: Gauge, *, keep_alive_seconds: float = KEEP_ALIVE_SECONDS) -> None:
        self.ledger = ledger
        self.keep_alive_seconds = keep_alive_seconds
        self._gauge = gauge
        self._feeds: dict[int, StatusFeed] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self._guard: asyncio.Task[None] | None = None
        self._ending = False

    def check_room(self) -> None:
        """Raise Refused(overloaded) when no further stream can be opened."""
        if self._ending or len(self._pumps) >= MAX_STREAMS:
            raise Refused(Code.OVERLOADED, "No further stream can be opened now; try again in a moment.")

    def end(self) -> None:
        """End every stream at once, and open no new one: the server is about to stop."""
        self._ending = True
        for pump in self._pumps:
            pump.cancel()

    @contextlib.contextmanager
    def listening(self, listener: StatusListener) -> Iterator[None]:
        """Let a stream hear its member's statuses; those of one member share one look at the ledger."""
        member_id = listener.session.actor.member_id
        if member_id not in self._feeds:
            self._feeds[member_id] = StatusFeed(self.ledger, listener.session)
        feed = self._feeds[member_id]
        feed.add(listener)
        try:
            yield
        finally:
            feed.listeners.discard(listener)
            if not feed.listeners:
                feed.close()
                self._feeds.pop(member_id, None)

    async def run(self, pump: Coroutine[None, None, None], gone: Coroutine[None, None, None]) -> None:
        """Run a stream until it ends by itself, its reader goes, or all are ended."""
        task, reader = asyncio.create_task(pump), asyncio.create_task(gone)
        self._pumps.add(task)
        self._gauge.set(len(self._pumps))
        if self._guard is None:
            self._guard = asyncio.create_task(self._check_tokens())
        try:
            await asyncio.wait({task, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pumps.discard(task)
            self._gauge.set(len(self._pumps))
            if not self._pumps:
                self._guard.cancel()
                self._guard = None
            for each in (task, reader):
                each.cancel()
            ends = await asyncio.gather(task, reader, return_exceptions=True)
            for error in ends:
                if isinstance(error, Exception):
                    logger.error("a stream failed: %s", trace_of(error))

    async def _check_tokens(self) -> None:
        """Ask at each keep-alive, in one query for all, which tokens still hold: another process may have revoked."""
        while True:
            await asyncio.sleep(self.keep_alive_seconds)
            listeners = [listener for feed in self._feeds.values() for listener in feed.listeners]
            digests = {listener.session.digest for listener in listeners}
            try:
                end_others(listeners, await tokens.still_hold(self.ledger, digests))
            except Exception as error:  # the database is away: nobody is sent off for that
                logger.warning("the tokens of open streams could not be checked: %s", trace_of(error))


class StatusStream(Response):
    """The stream of one member's status, for as long as their token holds."""

    def __init__(self, streams: Streams, session: AuthSession, *, last_id: str | None) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"
        self._streams = streams
        self._session = session
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._streams.run(self._pump(send), _gone(receive))
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        """Write each status once, and a comment when there was none for a while."""
        listener = StatusListener(self._session, shown_id=self._last_id)
        with self._streams.listening(listener), contextlib.suppress(StreamEnded, TimeoutError, OSError):
            while True:
                news = await listener.next(self._patience())
                if news is None and self._patience() <= 0:
                    return
                await _send(send, news or _KEEP_ALIVE)

    def _patience(self) -> float:
        """Return how long to wait for news: until the next keep-alive, or the token's end."""
        if self._session.expires_at is None:
            return self._streams.keep_alive_seconds
        left = (self._session.expires_at - self._streams.ledger.clock()).total_seconds()
        return min(self._streams.keep_alive_seconds, max(0.0, left))


async def _send(send: Send, chunk: bytes) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Return once the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
