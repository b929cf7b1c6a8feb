"""Streams of server-sent events: one status each time it changes, and nothing in between but comments.

A stream costs a subscription and two tasks. It looks again when the ledger says that something changed, when
the status itself said it would, and at each keep-alive, where it also asks whether its token still holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Final

from prometheus_client import Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.api.schemas.status import StatusShown, status_shown
from core.ledger.errors import Code, Refused
from core.services import access, balances
from core.services.access import Session
from core.services.ledger import Ledger

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS: Final = 15.0
PACE_SECONDS: Final = 0.04  # looks are at least so far apart; what changes meanwhile is shown together
SEND_SECONDS: Final = 30.0  # a reader who takes nothing for so long is let go
MAX_STREAMS: Final = 5_000
_KEEP_ALIVE: Final = b": keep-alive\n\n"


class Streams:
    """The open streams of one app, so that they can be counted, bounded and ended."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._open: set[asyncio.Task[None]] = set()
        self._ending = False

    def check_room(self) -> None:
        """Raise Refused(overloaded) when no further stream can be opened."""
        if self._ending or len(self._open) >= MAX_STREAMS:
            raise Refused(Code.OVERLOADED, "No further stream can be opened now; try again in a moment.")

    def end(self) -> None:
        """End every stream at once, and open no new one: the server is about to stop."""
        self._ending = True
        for task in self._open:
            task.cancel()

    async def run(self, pump: Coroutine[None, None, None], gone: Coroutine[None, None, None]) -> None:
        """Run a stream until it ends by itself, its reader goes, or all are ended."""
        task, reader = asyncio.create_task(pump), asyncio.create_task(gone)
        self._open.add(task)
        self._gauge.set(len(self._open))
        try:
            await asyncio.wait({task, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(task)
            self._gauge.set(len(self._open))
            for each in (task, reader):
                each.cancel()
            await asyncio.gather(task, reader, return_exceptions=True)


class StatusStream(Response):
    """The stream of one member's status, for as long as their token holds."""

    def __init__(self, *, ledger: Ledger, streams: Streams, token: str, session: Session, last_id: str | None) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"
        self._ledger = ledger
        self._streams = streams
        self._token = token
        self._session = session
        self._shown_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._streams.run(self._pump(send), _gone(receive))
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        try:
            await self._follow(lambda chunk: _send(send, chunk))
        except (Refused, TimeoutError, OSError) as reason:
            logger.debug("a status stream ends: %s", type(reason).__name__)
        except Exception as error:
            logger.exception("a status stream failed: %s", type(error).__name__)  # the client comes again

    async def _follow(self, write: Callable[[bytes], Coroutine[None, None, None]]) -> None:
        """Write the status whenever it changes. Raises Refused once the token no longer holds."""
        loop = asyncio.get_running_loop()
        subscription = self._ledger.changes.subscribe(*self._session.topics)
        try:
            while True:
                looked_at = loop.time()
                status = status_shown(await balances.status(self._ledger, actor=self._session.actor))
                if status.state_id != self._shown_id:
                    await write(event_of(status))
                    self._shown_id = status.state_id
                while not await subscription.wait(self._patience(status)):
                    await self._check_token()
                    if self._has_changed_by_itself(status):
                        break
                    await write(_KEEP_ALIVE)
                await asyncio.sleep(max(0.0, looked_at + PACE_SECONDS - loop.time()))
                topics = self._session.topics
                await self._check_token()
                if self._session.topics != topics:
                    subscription.close()
                    subscription = self._ledger.changes.subscribe(*self._session.topics)
        finally:
            subscription.close()

    async def _check_token(self) -> None:
        self._session = await access.watch(self._ledger, self._token)

    def _patience(self, status: StatusShown) -> float:
        """Return for how long nothing but a commit can change the status, at most until the next keep-alive."""
        now = self._ledger.clock()
        moments = [moment for moment in (status.valid_until, self._session.expires_at) if moment is not None]
        waits = [(moment - now).total_seconds() for moment in moments]
        return max(0.0, min([KEEP_ALIVE_SECONDS, *waits]))

    def _has_changed_by_itself(self, status: StatusShown) -> bool:
        """L11: whether the moment has come that the status named."""
        return _reached(status.valid_until, self._ledger.clock())


def event_of(status: StatusShown) -> bytes:
    """Return the status as one server-sent event, named by its state."""
    return f"id: {status.state_id}\nevent: status\ndata: {status.model_dump_json()}\n\n".encode()


def _reached(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


async def _send(send: Send, chunk: bytes) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Return once the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
