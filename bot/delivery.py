"""The outbox out to Slack: each message posted, and the first one about a gift renewed, until Slack has it.

At least once: whoever dies between Slack's answer and our note of it sends again. Several processes may run it;
a message is leased to one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from bot.context import AppContext
from bot.log import log_defect, logger
from bot.messages.notices import about_gift, is_news, notice
from bot.pacer import Pacer
from bot.slack_api import PermanentError, PostedMessage, RetryableError
from core.ledger.credits import Credits
from core.ledger.gifts import OPEN
from core.services.common.retry import retry
from core.services.gifts import gifts
from core.services.people import members
from core.services.wallet import balances, outbox
from core.services.wallet.outbox import OutboxMessage

POLL_SECONDS: Final = 1.0
LEASE: Final = timedelta(seconds=120)
MAX_IN_FLIGHT: Final = 50
MAX_CALLS: Final = 8
QUICK_TRIES: Final = 3
QUICK_SECONDS: Final = 5.0
FIRST_BACKOFF_SECONDS: Final = 5.0
MAX_BACKOFF_SECONDS: Final = 3600.0
_WITH_BALANCE: Final = frozenset({"gift_received", "grant_received"})


class OutboxDelivery:
    """The loop that empties the outbox while the workspace is connected."""

    def __init__(self, app_context: AppContext, pacer: Pacer) -> None:
        self._desk = app_context
        self._pacer = pacer
        self._calls = asyncio.Semaphore(MAX_CALLS)
        self._in_flight: dict[asyncio.Task[None], tuple[str, str]] = {}

    async def run(self) -> None:
        """Deliver until cancelled: woken by commits, and at least once a second."""
        changed = self._desk.ledger.changes.subscribe()
        try:
            while True:
                more = False
                try:
                    more = self._desk.identity is not None and await self._start_some()
                except Exception as error:
                    log_defect("Reading the outbox", error)
                    await asyncio.sleep(POLL_SECONDS)
                if not more:
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
            topic = (message.slack_user_id, str(message.gift and message.gift.id))
            earlier = {task for task, its in self._in_flight.items() if its == topic and message.gift is not None}
            task = asyncio.create_task(self._deliver(message, earlier))
            self._in_flight[task] = topic
            task.add_done_callback(lambda done: self._in_flight.pop(done, None))
        return len(messages) == room

    async def _deliver(self, message: OutboxMessage, earlier: set[asyncio.Task[None]]) -> None:
        """Deliver one message; whatever happens, the outbox is told or the lease lapses."""
        try:
            if earlier:  # what renews a message must know where that message is: taken again, it will
                await asyncio.wait(earlier)
                raise RetryableError("comes after another message", 0.0)  # noqa: TRY301  (one way to put a message back)
            posted = await self._posted(message)
            await outbox.mark_sent(self._desk.ledger, message, channel=posted.channel, ts=posted.ts)
            await self._renew_if_stale(message, posted)
        except RetryableError as later:
            await self._retry(message, later)
        except PermanentError as never:
            logger.warning("a message (%s) cannot be delivered: %s", message.kind, never.why)
            await outbox.mark_failed(self._desk.ledger, message)
        except Exception as error:
            log_defect(f"Delivering a message ({message.kind})", error)
            await self._retry(message, RetryableError(type(error).__name__))

    async def _posted(self, message: OutboxMessage) -> PostedMessage:
        """Renew the first message about the gift, if there is one; post what is new. Return where it is now."""
        slack, gift, reader = self._desk.slack, message.gift, message.slack_user_id
        if message.channel and message.ts and gift is not None:
            first = PostedMessage(message.channel, message.ts)
            await self._call(reader, lambda: slack.update(first, about_gift(gift, reader=reader)))
            if not is_news(message.kind, gift, reader=reader):
                return first
        reply = notice(message.kind, gift, message.body, reader=reader, spendable=await self._spendable(message))
        return await self._call(reader, lambda: slack.post(reader, reply))

    async def _call(self, person: str, call: Callable[[], Awaitable[PostedMessage]]) -> PostedMessage:
        """Call Slack at the person's pace, a few times at once when it asks for a short pause only."""

        async def attempt() -> PostedMessage:
            await asyncio.sleep(self._pacer.wait_for(person, asyncio.get_running_loop().time()))
            async with self._calls:
                return await call()

        return await retry(attempt, attempts=QUICK_TRIES, pause=_quick_pause)

    async def _renew_if_stale(self, message: OutboxMessage, posted: PostedMessage) -> None:
        """Renew a message whose gift was decided while it was on its way: no dead buttons."""
        if message.gift is None or message.gift.id is None or message.gift.state not in OPEN:
            return
        reader = message.slack_user_id
        actor = await members.slack_actor(self._desk.ledger, team_id=message.slack_team_id, user_id=reader)
        if actor is None:
            return
        gift = await gifts.gift(self._desk.ledger, actor=actor, gift_id=message.gift.id)
        if gift.state is not message.gift.state:
            await self._call(reader, lambda: self._desk.slack.update(posted, about_gift(gift, reader=reader)))

    async def _retry(self, message: OutboxMessage, later: RetryableError) -> None:
        if later.is_disconnected:
            self._desk.disconnected()
        seconds = later.seconds if later.seconds is not None else backoff(message.attempts)
        logger.info("a message (%s) waits %.0f s: %s", message.kind, seconds, later.why)
        due = self._desk.ledger.clock() + timedelta(seconds=seconds)
        await outbox.mark_retry(self._desk.ledger, message, at=due)

    async def _spendable(self, message: OutboxMessage) -> Credits | None:
        """Return what the receiver can spend now, where that belongs into the message."""
        if message.kind not in _WITH_BALANCE:
            return None
        actor = await members.slack_actor(
            self._desk.ledger, team_id=message.slack_team_id, user_id=message.slack_user_id
        )
        return None if actor is None else (await balances.balance(self._desk.ledger, actor=actor)).spendable


def _quick_pause(error: Exception) -> float | None:
    """Return the short pause that Slack asks for before the next try; None when the outbox schedules it instead."""
    if not isinstance(error, RetryableError) or error.is_disconnected or error.seconds is None:
        return None
    return error.seconds if error.seconds <= QUICK_SECONDS else None


def backoff(attempts: int) -> float:
    """Return how long to wait after so many attempts: doubling from a few seconds, up to an hour."""
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(attempts, 20), MAX_BACKOFF_SECONDS)
