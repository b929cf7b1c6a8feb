"""Positions and draws: which slices a movement takes, and how a recorded draw is charged and freed."""

from __future__ import annotations

import pytest

from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.lots import GiftOrder, spending_order
from core.ledger.positions import MAX_SLICES, Position, Slice, charge, draw, held
from tests.support.lots import DAY, NOW, a_lot, a_position, a_slice

SOON = a_lot(1, expires_at=NOW + DAY)
LATER = a_lot(2, expires_at=NOW + 7 * DAY)
NEVER = a_lot(3)


def test_a_draw_takes_lots_in_order_and_splits_only_the_last() -> None:
    positions = [a_position("10", NEVER), a_position("20", SOON), a_position("30", LATER)]

    slices = draw(positions, Credits.of(35), spending_order)

    assert slices == (a_slice("20", SOON), a_slice("15", LATER))


def test_a_gift_can_take_what_lasts_longest() -> None:
    positions = [a_position("10", SOON), a_position("10", NEVER)]

    assert draw(positions, Credits.of(12), GiftOrder.LONGEST.key) == (a_slice("10", NEVER), a_slice("2", SOON))


def test_a_draw_may_take_everything_to_the_last_micro_credit() -> None:
    positions = [a_position("0.000001", SOON), a_position("0.999999", LATER)]

    assert total(part.amount for part in draw(positions, Credits.of(1), spending_order)) == Credits.of(1)


def test_a_draw_passes_over_empty_positions() -> None:
    positions = [a_position("0", SOON), a_position("5", LATER)]

    assert draw(positions, Credits.of(5), spending_order) == (a_slice("5", LATER),)


def test_a_draw_of_nothing_takes_nothing() -> None:
    assert draw([a_position()], ZERO, spending_order) == ()
    assert draw([], ZERO, spending_order) == ()


def test_a_draw_never_takes_more_than_there_is() -> None:
    with pytest.raises(ValueError, match=r"the positions are 0\.5 short of 100\.5"):
        draw([a_position("60", SOON), a_position("40", LATER)], Credits.parse("100.5"), spending_order)


@pytest.mark.parametrize("positions", [[], [a_position()]])
def test_a_draw_below_zero_is_a_defect_of_the_caller(positions: list[Position]) -> None:
    with pytest.raises(ValueError, match=r"short of -1|above zero"):
        draw(positions, -Credits.of(1), spending_order)


def test_a_draw_may_use_256_lots_but_not_257() -> None:
    """L7: at most 256 slices; the refusal names the largest possible amount, which then works."""
    positions = [a_position("4.5", a_lot(number)) for number in range(1, MAX_SLICES + 2)]

    with pytest.raises(Refused, match="needs more than 256 lots") as caught:
        draw(positions, Credits.parse("1152.000001"), spending_order)

    assert caught.value.code is Code.TOO_MANY_LOTS
    assert caught.value.fields == {"largest": "1152"}
    assert "1,152 cr" in caught.value.detail
    assert len(draw(positions, Credits.of(1152), spending_order)) == MAX_SLICES


def test_empty_positions_do_not_count_as_slices() -> None:
    empty = [a_position("0", a_lot(number)) for number in range(1, 1000)]

    assert len(draw([*empty, a_position("1", a_lot(1000))], Credits.of(1), spending_order)) == 1


def test_a_charge_takes_from_the_front_and_frees_from_the_back() -> None:
    """L4: capture follows the recorded draw."""
    drawn = (a_slice("20", SOON), a_slice("15", LATER), a_slice("5", NEVER))

    charged, freed = charge(drawn, Credits.of(25))

    assert charged == (a_slice("20", SOON), a_slice("5", LATER))
    assert freed == (a_slice("10", LATER), a_slice("5", NEVER))


@pytest.mark.parametrize(
    ("actual", "charged", "freed"),
    [("0", [], ["20", "15"]), ("20", ["20"], ["15"]), ("35", ["20", "15"], [])],
)
def test_a_charge_splits_no_slice_without_need(actual: str, charged: list[str], freed: list[str]) -> None:
    front, back = charge((a_slice("20", SOON), a_slice("15", LATER)), Credits.parse(actual))

    assert [str(part.amount) for part in front] == charged
    assert [str(part.amount) for part in back] == freed


@pytest.mark.parametrize("actual", ["35.000001", "36"])
def test_a_charge_beyond_its_draw_is_the_callers_to_handle(actual: str) -> None:
    with pytest.raises(ValueError, match=r"the draw is .* short of"):
        charge((a_slice("20", SOON), a_slice("15", LATER)), Credits.parse(actual))


def test_a_charge_below_zero_is_a_defect_of_the_caller() -> None:
    for drawn in ((), (a_slice(),)):
        with pytest.raises(ValueError, match=r"short of -1|above zero"):
            charge(drawn, -Credits.of(1))


@pytest.mark.parametrize("amount", [ZERO, Credits(-1)])
def test_a_slice_of_nothing_cannot_be_made(amount: Credits) -> None:
    with pytest.raises(ValueError, match="a slice is above zero"):
        Slice(SOON, amount)


def test_a_position_below_zero_cannot_be_made() -> None:
    """L2, the first of its two statements; the second is a database constraint."""
    with pytest.raises(ValueError, match="a position is never below zero"):
        Position(SOON, Credits(-1))


def test_what_positions_hold_is_their_exact_sum() -> None:
    assert held([a_position("0.1", SOON), a_position("0.2", LATER)]) == Credits.parse("0.3")
    assert held([]) == ZERO
