"""Sweeps that settle gifts whose settlement period is over and return those that cannot arrive (G2, G4)."""

from __future__ import annotations

from core.services.common.ledger_service import LedgerService
from core.services.common.sweeps import SweepResult, submit_all, submit_pages
from core.services.gifts.settlement_commands import Settle
from core.store.queries import gifts


async def settle_due(ledger: LedgerService) -> SweepResult:
    """Post every gift whose settlement period is over, or give it back where a rule says so (G2, G4, G8)."""
    return await submit_pages(ledger, lambda limit: ledger.read(lambda c: gifts.due(c, ledger.clock(), limit)), Settle)


async def return_stranded(ledger: LedgerService) -> SweepResult:
    """Give back open gifts of people who left or were frozen, should a stop have come between (G4, G8)."""
    return await submit_pages(ledger, lambda limit: ledger.read(lambda c: gifts.stranded(c, limit)), Settle)


async def return_open_gifts(ledger: LedgerService, org_id: int, member_id: int) -> SweepResult:
    """Give back the open gifts of somebody who was frozen or has left; the others are passed over."""
    open_gifts = await ledger.read(lambda connection: gifts.open_of(connection, org_id, member_id))
    return await submit_all(ledger, (Settle(org_id, gift_id) for gift_id in open_gifts))
