"""Lots: credits of one origin. A lot is like a currency: whoever holds it, its expiry and source stay.

Every order in which lots are drawn is named here, once (L4). Nobody sorts lots by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from core.ledger.credits import ZERO, Credits


class Source(StrEnum):
    """Where a lot came from."""

    PURCHASE = "purchase"  # bought
    ALLOTMENT = "allotment"  # given out by the organization, usually monthly
    PROMO = "promo"  # a present from the house
    REFERRAL = "referral"  # earned by inviting somebody


GIFTABLE_BY_DEFAULT: Final = frozenset({Source.PURCHASE, Source.ALLOTMENT})
PAID: Final = frozenset({Source.PURCHASE, Source.ALLOTMENT})
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lot:
    """An immutable lot. ``expires_at`` is exclusive: from that instant on it is unusable (L5); None is never.

    A lower ``priority`` is spent sooner. ``amount`` is what was granted, to ``account_id``. A twin of another
    organization's lot names its origin; for all rules it is a lot like any other (L9).
    """

    lot_id: int
    source: Source
    expires_at: datetime | None
    giftable: bool
    priority: int
    granted_at: datetime
    amount: Credits
    account_id: int
    origin_org: int | None = None
    origin_lot: int | None = None

    def __post_init__(self) -> None:
        if self.amount <= ZERO:
            raise ValueError(f"a lot is above zero, not {self.amount}")

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def lasts_until(self, moment: datetime) -> bool:
        """Return whether it is still usable at ``moment``."""
        return self.expires_at is None or self.expires_at > moment


Order = Callable[[Lot], tuple[Any, ...]]


def spending_order(lot: Lot) -> tuple[Any, ...]:
    """L4: priority, expires_at (never last), promo before paid, granted_at, lot_id."""
    return (lot.priority, lot.expires_at or _NEVER, lot.source in PAID, lot.granted_at, lot.lot_id)


def _soonest(lot: Lot) -> tuple[Any, ...]:
    return (lot.expires_at or _NEVER, lot.granted_at, lot.lot_id)


def _longest(lot: Lot) -> tuple[Any, ...]:
    return (_NEVER - (lot.expires_at or _NEVER), lot.granted_at, lot.lot_id)


class GiftOrder(StrEnum):
    """Which of one's lots a gift takes first (L4)."""

    SOONEST = "soonest"  # what lapses first; the default
    LONGEST = "longest"  # what lasts longest

    @property
    def key(self) -> Order:
        return _soonest if self is GiftOrder.SOONEST else _longest


def giftable_until(lot: Lot, settlement: timedelta, min_use: timedelta) -> datetime | None:
    """G3: the instant from which this lot can no longer be given; None is never.

    A gift made at ``t`` settles at ``t + settlement`` and must then be usable for ``min_use`` more.
    """
    return None if lot.expires_at is None else lot.expires_at - settlement - min_use
