"""Whole valid lots, positions and gifts for pure tests; a test names only what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.credits import Credits, total
from core.ledger.gifts import Gift, GiftState
from core.ledger.lots import GIFTABLE_BY_DEFAULT, Lot, Source
from core.ledger.positions import Position, Slice

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)

ADA, BO, TEAM = 11, 12, 21
ADAS, BOS, TEAMS = wallet_of(ADA), wallet_of(BO), pool_of(TEAM)

_next_id = count(1)


def a_lot(
    lot_id: int | None = None,
    *,
    amount: str = "100",
    source: Source = Source.PURCHASE,
    expires_at: datetime | None = None,
    giftable: bool | None = None,
    priority: int = 100,
    granted_at: datetime = NOW - DAY,
) -> Lot:
    """Return a bought lot of 100 cr that never expires, granted to Ada a day ago."""
    return Lot(
        lot_id=next(_next_id) if lot_id is None else lot_id,
        source=source,
        expires_at=expires_at,
        giftable=source in GIFTABLE_BY_DEFAULT if giftable is None else giftable,
        priority=priority,
        granted_at=granted_at,
        amount=Credits.parse(amount),
        account_id=ADAS,
    )


def a_position(remaining: str = "100", lot: Lot | None = None) -> Position:
    return Position(lot or a_lot(), Credits.parse(remaining))


def a_slice(amount: str = "100", lot: Lot | None = None) -> Slice:
    return Slice(lot or a_lot(), Credits.parse(amount))


def a_gift(
    *slices: Slice,
    gift_id: int | None = None,
    state: GiftState = GiftState.PENDING,
    created_at: datetime = NOW,
    settles_at: datetime = NOW + DAY,
) -> Gift:
    """Return Ada's pending gift to Bo, made now: of 100 cr unless slices are named."""
    parts = slices or (a_slice(),)
    return Gift(
        gift_id=gift_id or next(_next_id),
        org_id=1,
        sender_account=ADAS,
        recipient_account=BOS,
        amount=total(part.amount for part in parts),
        created_at=created_at,
        settles_at=settles_at,
        state=state,
        slices=parts,
    )
