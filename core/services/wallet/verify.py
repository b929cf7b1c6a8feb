"""Proves that every credit is accounted for (L3, L8)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from core.services.common.ledger_service import LedgerService
from core.store.verify.books import verify as verify_store
from core.store.verify.report import Discrepancy, VerifyReport

__all__ = ["Discrepancy", "VerifyReport", "verify"]


async def verify(ledger: LedgerService, heads: Mapping[str, str] | None = None) -> VerifyReport:
    """Recompute positions, sums, gift states and seals from the append-only rows; ``heads`` as exported earlier."""
    return await asyncio.to_thread(verify_store, ledger.engine, ledger.keys, heads)
