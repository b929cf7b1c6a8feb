"""Delivers gifts between organizations: at least once, each step applied exactly once (L9).

It may stop after any step and run again, twice at once, out of order or days later: the arrival and the return
are commands with keys of their own, and the mark at the end is only a reminder that both are done.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from core.ledger.errors import Refused
from core.services.common.ledger_service import LedgerService
from core.services.common.sweeps import SweepResult
from core.services.gifts.delivery_commands import BounceGift, DeliverGift
from core.store.queries import deliveries, gifts
from core.store.queries.deliveries import DeliveryRecord

PAGE: Final = 200
_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(hours=1)


async def deliver_due(ledger: LedgerService) -> SweepResult:
    """Bring every waiting gift to its organization, or back."""
    waiting = await ledger.read(lambda connection: deliveries.queued(connection, ledger.clock(), PAGE))
    done = await asyncio.gather(*(deliver(ledger, record) for record in waiting))
    return SweepResult(sum(done), len(done) - sum(done))


async def deliver(ledger: LedgerService, record: DeliveryRecord) -> bool:
    """Deliver one gift and return whether it is done; what fails now is tried again later."""
    try:
        state = "arrived" if await _arrive(ledger, record) else await _bounce(ledger, record)
    except Refused:
        state = "queued"
    pause = min(_PAUSE * 2 ** min(record.attempts, 10), _LONGEST_PAUSE)
    next_at = ledger.clock() + pause
    await ledger.write(lambda connection: deliveries.mark(connection, record, state=state, next_at=next_at))
    return state != "queued"


async def _arrive(ledger: LedgerService, record: DeliveryRecord) -> bool:
    """Hand the gift over; return whether it was taken. The answer is the same however often it is asked."""
    found = await ledger.read(lambda connection: gifts.by_ids(connection, record.org_id, [record.gift_id]))
    gift = found[0]
    arrival = DeliverGift(
        record.to_org,
        record.org_id,
        record.gift_id,
        gift.recipient.account,
        gift.sender.name,
        gift.message,
        gift.slices,
    )
    receipt = await ledger.execute(arrival)
    return await ledger.read(lambda connection: deliveries.was_taken(connection, record.to_org, receipt.first_id))


async def _bounce(ledger: LedgerService, record: DeliveryRecord) -> str:
    await ledger.execute(BounceGift(record.org_id, record.gift_id))
    return "bounced"
