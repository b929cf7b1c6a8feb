"""Properties of lots, draws and charges: rules L2, L4, L5 and G3 on any wallet."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.lots import Lot, Order, giftable_until
from core.ledger.positions import MAX_SLICES, Position, Slice, charge, draw, held
from tests.support.lots import a_lot
from tests.support.strategies import draws, lots, moments, orders, spans, wallets

one_lot = lots(least=1).map(lambda several: several[0])


@st.composite
def drawn_wallets(generate: st.DrawFn) -> tuple[list[Position], Credits]:
    """Return a wallet and an amount that it has."""
    wallet = generate(wallets())
    return wallet, Credits(generate(st.integers(0, held(wallet).micros)))


@given(drawn_wallets(), orders)
def test_a_draw_sums_exactly_to_what_was_asked(case: tuple[list[Position], Credits], order: Order) -> None:
    """L4."""
    wallet, amount = case

    assert total(part.amount for part in draw(wallet, amount, order)) == amount


@given(drawn_wallets(), orders)
def test_a_draw_takes_no_more_of_a_lot_than_the_position_holds(
    case: tuple[list[Position], Credits], order: Order
) -> None:
    """L2: what remains of each position is never below zero, and each lot is taken once."""
    wallet, amount = case
    remaining = {position.lot.lot_id: position.remaining for position in wallet}

    slices = draw(wallet, amount, order)

    assert len({part.lot.lot_id for part in slices}) == len(slices) <= MAX_SLICES
    for part in slices:
        Position(part.lot, remaining[part.lot.lot_id] - part.amount)


@given(drawn_wallets(), orders)
def test_a_draw_is_a_prefix_of_the_wallet_in_order(case: tuple[list[Position], Credits], order: Order) -> None:
    """L4: everything before the last slice is used up, and nothing is passed over but empty positions."""
    wallet, amount = case
    stocked = [position for position in sorted(wallet, key=lambda held: order(held.lot)) if position.remaining]

    slices = draw(wallet, amount, order)

    assert [part.lot for part in slices] == [position.lot for position in stocked[: len(slices)]]
    assert all(part.amount == position.remaining for part, position in zip(slices[:-1], stocked, strict=False))


@given(drawn_wallets(), orders, st.data())
def test_a_draw_does_not_depend_on_the_order_in_which_positions_were_read(
    case: tuple[list[Position], Credits], order: Order, data: st.DataObject
) -> None:
    """L4: one comparator decides, not the database."""
    wallet, amount = case
    shuffled = data.draw(st.permutations(wallet))

    assert draw(shuffled, amount, order) == draw(wallet, amount, order)


@given(wallets(), st.integers(1, 10**6), orders)
def test_more_than_a_wallet_holds_is_never_drawn(wallet: list[Position], excess: int, order: Order) -> None:
    """L2, G7."""
    with pytest.raises(ValueError, match="short of"):
        draw(wallet, held(wallet) + Credits(excess), order)


@given(st.integers(MAX_SLICES - 2, MAX_SLICES + 2), st.integers(1, 5), st.integers(0, 5), orders)
def test_a_draw_has_at_most_256_slices_and_names_what_would_fit(
    count: int, each: int, short: int, order: Order
) -> None:
    """L7: the amount that the refusal names is possible, and one micro-credit more is not."""
    wallet = [Position(a_lot(number), Credits(each)) for number in range(1, count + 1)]
    amount = held(wallet) - Credits(short)
    fits = amount.micros <= MAX_SLICES * each
    if fits:
        assert len(draw(wallet, amount, order)) <= MAX_SLICES
        return

    with pytest.raises(Refused) as caught:
        draw(wallet, amount, order)

    assert caught.value.code is Code.TOO_MANY_LOTS
    largest = Credits.parse(str(caught.value.fields["largest"]))
    assert largest == Credits(MAX_SLICES * each)
    assert len(draw(wallet, largest, order)) == MAX_SLICES


@given(draws(), st.data())
def test_a_charge_and_what_it_frees_are_together_the_draw(drawn: tuple[Slice, ...], data: st.DataObject) -> None:
    """L4: charged from the front, freed from the back, both in the order of the draw."""
    all_of_it = total(part.amount for part in drawn)
    actual = Credits(data.draw(st.integers(0, all_of_it.micros)))

    charged, freed = charge(drawn, actual)

    assert total(part.amount for part in charged) == actual
    assert total(part.amount for part in freed) == all_of_it - actual
    assert rejoined(charged, freed) == drawn


def rejoined(charged: tuple[Slice, ...], freed: tuple[Slice, ...]) -> tuple[Slice, ...]:
    """Return both halves as one draw; only the lot between them may be in both."""
    if charged and freed and charged[-1].lot == freed[0].lot:
        whole = Slice(charged[-1].lot, charged[-1].amount + freed[0].amount)
        return (*charged[:-1], whole, *freed[1:])
    return charged + freed


@given(lots(least=2), orders)
def test_every_order_is_total(found: list[Lot], order: Order) -> None:
    """L4: two lots are never equal to a comparator, so that a draw is the same on every machine."""
    ordered = sorted(found, key=order)

    assert all(order(one) < order(other) for one, other in pairwise(ordered))


@given(one_lot, moments)
def test_a_lot_is_usable_strictly_before_its_expiry(lot: Lot, now: datetime) -> None:
    """L5."""
    assert lot.lasts_until(now) == (lot.expires_at is None or now < lot.expires_at)
    assert lot.expired(now) == (not lot.lasts_until(now))


@given(one_lot, moments, spans, spans)
def test_a_gift_made_before_giftable_until_is_still_of_use_after_settlement(
    lot: Lot, now: datetime, settlement: timedelta, min_use: timedelta
) -> None:
    """G3: the instant that is shown is exactly where giving this lot stops."""
    until = giftable_until(lot, settlement, min_use)

    assert lot.lasts_until(now + settlement + min_use) == (until is None or now < until)


@given(wallets())
def test_nothing_is_lost_in_counting_a_wallet(wallet: list[Position]) -> None:
    assert held(wallet) == sum((position.remaining for position in wallet), start=ZERO)
