"""Whether the house can serve."""

from __future__ import annotations

from core.services.ledger import Ledger
from core.store import groups


async def ask_the_database(ledger: Ledger) -> None:
    """Return once the database has answered with something it holds; raises whatever keeps it from doing so."""
    await ledger.read(groups.has_organisation)
