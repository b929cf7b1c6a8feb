"""The outbox out to Slack: each message posted, or changed where it was posted before, until Slack has it.

At least once: whoever dies between Slack's answer and our note of it sends again. Several processes may run it;
a message is leased to one of them.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from core.services.outbox import Message

from bot.desk import Desk
from bot.log import log_defect, logger
from bot.pacing import Pacer
from bot.views.notices import notice
from bot.web_api import Later, Never, Posted
from core.ledger.credits import Credits
from core.services import balances, members, outbox

POLL_SECONDS: Final = 1.0
LEASE: Final = timedelta(seconds=90)
MAX_IN_FLIGHT: Final = 50
MAX_CALLS: Final = 8
QUICK_TRIES: Final = 3
QUICK_SECONDS: Final = 5.0
MAX_WAIT_SECONDS: Final = 300.0
MAX_ATTEMPTS: Final = 200
_WITH_BALANCE: Final = frozenset({"gift_received", "grant_received"})


class Delivery:
    """The loop that empties the outbox while the workspace is connected."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pacer = Pacer()
        self._calls = asyncio.Semaphore(MAX_CALLS)
        self._in_flight: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Deliver until cancelled: woken by commits, and at least once a second."""
        changed = self._desk.ledger.changes.subscribe()
        try:
            while True:
                busy = False
                try:
                    busy = self._desk.identity is not None and await self._start_some()
                except Exception as error:
                    log_defect("Reading the outbox", error)
                    await asyncio.sleep(POLL_SECONDS)
                if not busy:
                    await changed.wait(POLL_SECONDS)
        finally:
            changed.close()
            for task in self._in_flight:
                task.cancel()
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _start_some(self) -> bool:
        """Take what fits and start delivering it; return whether there may be more at once."""
        room = MAX_IN_FLIGHT - len(self._in_flight)
        if room <= 0:
            return False
        messages = await outbox.take_messages(self._desk.ledger, limit=room, lease=LEASE)
        for message in messages:
            task = asyncio.create_task(self._deliver(message))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        return len(messages) == room

    async def _deliver(self, message: Message) -> None:
        """Deliver one message; whatever happens, the outbox is told or the lease lapses."""
        try:
            posted = await self._posted(message)
        except Later as later:
            await self._retry(message, later)
        except Never as never:
            logger.warning("a message (%s) cannot be delivered: %s", message.kind, never.why)
            await outbox.mark_failed(self._desk.ledger, message, reason=never.why)
        except Exception as error:
            log_defect(f"Delivering a message ({message.kind})", error)
            await self._retry(message, Later(type(error).__name__))
        else:
            await outbox.mark_sent(self._desk.ledger, message, channel=posted.channel, ts=posted.ts)

    async def _posted(self, message: Message) -> Posted:
        """Call Slack, a few times at once when it asks for a short pause only."""
        said = notice(message.kind, gift=message.gift, body=message.body, spendable=await self._spendable(message))
        for left in range(QUICK_TRIES - 1, -1, -1):
            await asyncio.sleep(self._pacer.wait_for(message.slack_user_id, asyncio.get_running_loop().time()))
            try:
                async with self._calls:
                    if message.channel and message.ts:
                        return await self._desk.slack.update(Posted(message.channel, message.ts), said)
                    return await self._desk.slack.post(message.slack_user_id, said)
            except Later as later:
                if not left or later.seconds is None or later.seconds > QUICK_SECONDS:
                    raise
                await asyncio.sleep(later.seconds)
        raise AssertionError("the last try returns or raises")

    async def _retry(self, message: Message, later: Later) -> None:
        if message.attempts >= MAX_ATTEMPTS:
            await outbox.mark_failed(self._desk.ledger, message, reason=f"gave up: {later.why}")
            return
        seconds = later.seconds if later.seconds is not None else backoff(message.attempts)
        logger.info("a message (%s) waits %.0f s: %s", message.kind, seconds, later.why)
        due = self._desk.ledger.clock() + timedelta(seconds=seconds)
        await outbox.mark_retry(self._desk.ledger, message, at=due)

    async def _spendable(self, message: Message) -> Credits | None:
        """Return what the receiver can spend now, where that belongs into the message."""
        if message.kind not in _WITH_BALANCE:
            return None
        actor = await members.slack_actor(
            self._desk.ledger, team_id=message.slack_team_id, user_id=message.slack_user_id
        )
        return None if actor is None else (await balances.balance(self._desk.ledger, actor=actor)).spendable


def backoff(attempts: int) -> float:
    """Return how long to wait after so many attempts: doubling, up to five minutes."""
    return float(min(2.0 ** min(attempts, 10), MAX_WAIT_SECONDS))
