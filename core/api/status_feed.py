"""One look at the ledger for all open streams of a member, each time something may have changed.

A feed lives as long as somebody listens. It looks again when the ledger says so, and at the moment that the
status itself named (L11); changes that come quickly after one another are shown together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.api.errors import trace_of
from core.api.schemas.status import StatusShown, status_shown
from core.services.common.actors import AuthSession
from core.services.common.ledger_service import LedgerService
from core.services.people import tokens
from core.services.wallet import balances

logger = logging.getLogger(__name__)

PACE_SECONDS: Final = 0.04  # looks are at least so far apart
CLOCK_SECONDS: Final = 15.0  # the clock is looked at so often, for a moment that was named


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """A status as one server-sent event, named by its state."""

    state_id: str
    text: bytes


class StatusListener:
    """What one stream has yet to show: the newest status, never a queue of old ones."""

    def __init__(self, session: AuthSession, *, shown_id: str | None) -> None:
        self.session = session
        self._shown_id = shown_id
        self._newest: StatusEvent | None = None
        self._ended = False
        self._news = asyncio.Event()

    async def next(self, patience: float) -> bytes | None:
        """Return the next state that is not the one shown, or None when there is none for so many seconds.

        Raises StreamEnded once the token no longer holds or the ledger cannot be read.
        """
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        if self._ended or self._newest is None:
            raise StreamEnded
        self._shown_id = self._newest.state_id
        return self._newest.text

    def tell(self, event: StatusEvent) -> None:
        self._newest = event
        if event.state_id == self._shown_id:
            self._news.clear()
        else:
            self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()


class StreamEnded(Exception):  # noqa: N818  (an end, not a failure)
    """A stream has nothing more to say; its client comes again if it may."""


class StatusFeed:
    """The status of one member, followed while anybody listens."""

    def __init__(self, ledger: LedgerService, session: AuthSession) -> None:
        self.listeners: set[StatusListener] = set()
        self._ledger = ledger
        self._actor = session.actor
        self._subscription = ledger.changes.subscribe(session.actor.member_id)
        self._task = asyncio.create_task(self._run())

    def add(self, listener: StatusListener) -> None:
        """Let somebody listen; they hear the present status at once."""
        self.listeners.add(listener)
        if self._task.done():
            listener.end()
        else:
            self._subscription.wake()

    def close(self) -> None:
        self._task.cancel()
        self._subscription.close()

    async def _run(self) -> None:
        try:
            await self._follow()
        except Exception as error:  # whatever it is, nobody must wait for ever
            logger.error("following a status failed: %s", trace_of(error))  # noqa: TRY400  (its words may quote)
            for listener in self.listeners:
                listener.end()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            looked_at = loop.time()
            await self._end_unwelcome()
            await self._listen_to_all_that_matters()
            status = status_shown(await balances.status(self._ledger, actor=self._actor))
            event = event_of(status)
            for listener in self.listeners:
                listener.tell(event)
            while not await self._subscription.wait(self._patience(status)) and not self._has_come(status.valid_until):
                pass
            await asyncio.sleep(max(0.0, looked_at + PACE_SECONDS - loop.time()))

    async def _end_unwelcome(self) -> None:
        """End the streams of tokens that were revoked: each look is a chance to notice."""
        asked = tuple(self.listeners)  # who comes meanwhile was not asked about
        live = await tokens.still_hold(self._ledger, {listener.session.digest for listener in asked})
        end_others(asked, live)

    async def _listen_to_all_that_matters(self) -> None:
        """Listen to the pools of the teams one is in now."""
        topics = await balances.topics(self._ledger, actor=self._actor)
        if frozenset(topics) != self._subscription.topics:
            self._subscription.close()
            self._subscription = self._ledger.changes.subscribe(*topics)
            self._subscription.wake()  # for what happened meanwhile

    def _patience(self, status: StatusShown) -> float:
        """Return for how long nothing but a commit can change the status, as far as the clock is trusted."""
        if status.valid_until is None:
            return CLOCK_SECONDS
        left = (status.valid_until - self._ledger.clock()).total_seconds()
        return min(CLOCK_SECONDS, max(0.0, left))

    def _has_come(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self._ledger.clock()


def event_of(status: StatusShown) -> StatusEvent:
    text = f"id: {status.state_id}\nevent: status\ndata: {status.model_dump_json()}\n\n"
    return StatusEvent(status.state_id, text.encode())


def end_others(listeners: Iterable[StatusListener], live: frozenset[bytes]) -> None:
    """End the listeners whose tokens are not among the live ones."""
    for listener in listeners:
        if listener.session.digest not in live:
            listener.end()
