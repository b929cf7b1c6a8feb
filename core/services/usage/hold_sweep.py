"""Holds past their deadline are freed (S2)."""

from __future__ import annotations

from core.services.common.ledger_service import LedgerService
from core.services.common.sweeps import SweepResult, submit_pages
from core.services.usage.hold_commands import HoldTimeout
from core.store.queries import holds


async def free_due_holds(ledger: LedgerService) -> SweepResult:
    """Free every hold whose deadline has passed (S2); a late capture is still accepted."""
    return await submit_pages(
        ledger, lambda limit: ledger.read(lambda c: holds.due(c, ledger.clock(), limit)), HoldTimeout
    )
