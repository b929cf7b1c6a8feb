"""Lots: one origin, one expiry, and named orders in which they are drawn."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.ledger.credits import ZERO, Credits
from core.ledger.lots import GIFTABLE_BY_DEFAULT, GiftOrder, Lot, Source, giftable_until, spending_order
from tests.support.lots import DAY, INSTANT, NOW, a_lot


def drawn_by(order: Any, *lots: Lot) -> list[int]:
    return [lot.lot_id for lot in sorted(lots, key=order)]


def test_a_lot_is_unusable_from_its_expiry_on() -> None:
    """L5: ``expires_at`` is exclusive."""
    lot = a_lot(expires_at=NOW)

    assert not lot.expired(NOW - INSTANT)
    assert lot.expired(NOW)
    assert lot.expired(NOW + INSTANT)
    assert lot.lasts_until(NOW - INSTANT)
    assert not lot.lasts_until(NOW)


def test_a_lot_without_expiry_lasts_for_ever() -> None:
    assert a_lot(expires_at=None).lasts_until(datetime.max.replace(tzinfo=NOW.tzinfo))


def test_spending_takes_the_lower_priority_first_whatever_lapses() -> None:
    """L4: priority stands before expiry."""
    later = a_lot(1, priority=50, expires_at=None)
    sooner = a_lot(2, priority=100, expires_at=NOW + DAY)

    assert drawn_by(spending_order, sooner, later) == [1, 2]


def test_spending_takes_what_lapses_first_and_what_never_lapses_last() -> None:
    """L4: then expiry, never last."""
    never, week, day = a_lot(1), a_lot(2, expires_at=NOW + 7 * DAY), a_lot(3, expires_at=NOW + DAY)

    assert drawn_by(spending_order, never, week, day) == [3, 2, 1]


def test_spending_takes_presents_before_what_was_paid_for() -> None:
    """L4: then promo before paid; a referral is a present too, an allotment was paid for by the organization."""
    bought, allotted = a_lot(1, source=Source.PURCHASE), a_lot(2, source=Source.ALLOTMENT)
    promo, referral = a_lot(3, source=Source.PROMO), a_lot(4, source=Source.REFERRAL)

    assert drawn_by(spending_order, bought, allotted, promo, referral) == [3, 4, 1, 2]


def test_spending_takes_the_older_grant_and_then_the_lower_id() -> None:
    """L4: then granted_at, then lot_id, so that the order is total."""
    young, old, same = a_lot(1, granted_at=NOW), a_lot(2, granted_at=NOW - DAY), a_lot(3, granted_at=NOW)

    assert drawn_by(spending_order, same, young, old) == [2, 1, 3]


def test_gifts_take_what_lapses_soonest_unless_asked_for_what_lasts_longest() -> None:
    """L4: the two named orders of gifts; neither looks at priority or source."""
    never = a_lot(1, priority=1)
    week = a_lot(2, expires_at=NOW + 7 * DAY, priority=2, source=Source.PROMO)
    day = a_lot(3, expires_at=NOW + DAY, priority=3)

    assert GiftOrder("soonest") is GiftOrder.SOONEST
    assert drawn_by(GiftOrder.SOONEST.key, never, week, day) == [3, 2, 1]
    assert drawn_by(GiftOrder.LONGEST.key, day, week, never) == [1, 2, 3]


@pytest.mark.parametrize("order", GiftOrder)
def test_gifts_break_ties_by_grant_and_id(order: GiftOrder) -> None:
    young, old, same = a_lot(1, granted_at=NOW), a_lot(2, granted_at=NOW - DAY), a_lot(3, granted_at=NOW)

    assert drawn_by(order.key, same, young, old) == [2, 1, 3]


def test_only_what_was_paid_for_travels_by_default() -> None:
    """G3: purchase and allotment."""
    assert {Source.PURCHASE, Source.ALLOTMENT} == GIFTABLE_BY_DEFAULT


def test_a_lot_can_be_given_as_long_as_it_helps_after_settlement() -> None:
    """G3: a gift settles a day after it was made; then the credits must last another day."""
    lot = a_lot(expires_at=NOW + 3 * DAY)

    assert giftable_until(lot, DAY, DAY) == NOW + DAY
    assert giftable_until(lot, timedelta(0), timedelta(0)) == lot.expires_at
    assert giftable_until(a_lot(expires_at=None), DAY, DAY) is None


@pytest.mark.parametrize("amount", [ZERO, Credits(-1)])
def test_a_lot_of_nothing_cannot_be_made(amount: Credits) -> None:
    with pytest.raises(ValueError, match="a lot is above zero"):
        Lot(1, Source.PROMO, None, False, 100, NOW, amount, 8)


def test_a_lot_never_changes() -> None:
    lot: Any = a_lot()

    with pytest.raises(FrozenInstanceError):
        lot.expires_at = NOW
