"""Referrals: who came by whom. One inviter each, never in a ring; both are rewarded once (referral lots)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from core.ledger.records import Record

MAX_CHAIN: Final = 64  # how far a chain of inviters is followed in search of a ring
CAP_WINDOW: Final = timedelta(days=30)
OPEN_FOR: Final = timedelta(days=90)  # so long the invited have to become verified users


@dataclass(frozen=True, slots=True)
class Referral(Record):
    """Who invited whom; never changed but for ``rewarded_at``. Guarded by the wallet of the invited."""

    TABLE: ClassVar[str] = "referral"
    KEY: ClassVar[tuple[str, ...]] = ("invited_id",)

    invited_id: int
    inviter_id: int
    created_at: datetime
    rewarded_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Return whether it may still be rewarded."""
        return self.rewarded_at is None and now < self.created_at + OPEN_FOR
