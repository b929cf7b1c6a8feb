"""Proves that every credit is accounted for (L3, L8)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from core.services.ledger import Ledger
from core.store.verify.books import verify as verify_store
from core.store.verify.report import Finding, Report

__all__ = ["Finding", "Report", "verify"]


async def verify(ledger: Ledger, heads: Mapping[str, str] | None = None) -> Report:
    """Recompute positions, sums, gift states and seals from the append-only rows; ``heads`` as exported earlier."""
    return await asyncio.to_thread(verify_store, ledger.engine, ledger.keys, heads)
