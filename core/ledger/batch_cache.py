"""What a batch knows of the books, and may leave to the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.ledger.daily_giving import CountedGift
from core.ledger.lots import Lot
from core.ledger.members import Member, TeamSeat
from core.ledger.positions import Position
from core.ledger.records import Record


@dataclass(slots=True)
class BatchCache:
    """What decisions read and a later moment can still be judged by, so that the next batch may know it too. A book
    keeps it up to date."""

    lots: dict[int, Lot] = field(default_factory=dict)  # these never change at all
    accounts: set[tuple[int, int]] = field(default_factory=set)  # that exist, by organization
    members: dict[int, Member] = field(default_factory=dict)
    positions: dict[int, dict[int, Position]] = field(default_factory=dict)
    seats: dict[tuple[int, int], tuple[TeamSeat, ...]] = field(default_factory=dict)  # by organization and member
    policies: dict[int, Any] = field(default_factory=dict)  # as the policy package reads them
    given: dict[tuple[int, int], dict[int, CountedGift | None]] = field(
        default_factory=dict
    )  # lately, by organization and member, then by gift; None is one that was taken back
    as_of: datetime | None = None  # the latest moment at which any of it was read
    records: dict[tuple[type[Record], str], dict[tuple[int, Any], dict[tuple[object, ...], Record]]] = field(
        default_factory=dict
    )  # by kind and column, then by organization and that column's value, then by key

    def __len__(self) -> int:
        """How much is known, but for lots."""
        plain = (self.accounts, self.members, self.positions, self.seats, self.policies, self.given)
        return sum(map(len, (*plain, *self.records.values())))
