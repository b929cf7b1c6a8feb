"""Whether the house can serve."""

from __future__ import annotations

from core.services.common.ledger_service import LedgerService
from core.store.queries import organizations


async def ask_the_database(ledger: LedgerService) -> None:
    """Return once the database has answered with something it holds; raises whatever keeps it from doing so."""
    await ledger.read(organizations.has_organization)
