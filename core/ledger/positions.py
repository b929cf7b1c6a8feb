"""Positions and draws: how much of which lot an account holds, and which slices a movement takes.

A draw is recorded in order and never recomputed: returns and refunds follow it (L4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Self

from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.lots import Lot, Order

MAX_SLICES: Final = 256


class _Slice(NamedTuple):
    lot: Lot
    amount: Credits


class Slice(_Slice):
    """So much of one lot, above zero."""

    __slots__ = ()

    def __new__(cls, lot: Lot, amount: Credits) -> Self:
        if amount.micros <= 0:
            raise ValueError(f"a slice is above zero, not {amount}")
        return tuple.__new__(cls, (lot, amount))


class _Position(NamedTuple):
    lot: Lot
    remaining: Credits


class Position(_Position):
    """How much of one lot one account holds; never below zero (L2)."""

    __slots__ = ()

    def __new__(cls, lot: Lot, remaining: Credits) -> Self:
        if remaining.micros < 0:
            raise ValueError(f"lot {lot.lot_id} would hold {remaining}: a position is never below zero")
        return tuple.__new__(cls, (lot, remaining))


def held(positions: Iterable[Position]) -> Credits:
    """Return the sum of what the positions hold."""
    return Credits(sum([position.remaining.micros for position in positions]))


def draw(
    positions: Iterable[Position],
    amount: Credits,
    order: Order,
    *,
    drawn: Sequence[Slice] = (),
    beside: Credits = ZERO,
) -> tuple[Slice, ...]:
    """Take ``amount`` from positions in the given order and return the slices, in that order.

    ``drawn`` is what the same transfer has taken from other accounts already, ``beside`` what needs no lots. The
    caller has checked that there is enough; raises ValueError when there is not. Raises Refused(too_many_lots) when
    the transfer would need more than 256 slices, naming the largest amount that is possible.
    """
    if not amount:
        return ()
    slices: list[Slice] = []
    missing = amount
    ordered = [position for position in positions if position.remaining.micros]
    if len(ordered) > 1:
        ordered.sort(key=lambda position: order(position.lot))
    for position in ordered:
        if len(drawn) + len(slices) == MAX_SLICES:
            raise _too_many_lots(beside + total(part.amount for part in drawn) + amount - missing)
        if missing <= position.remaining:
            slices.append(Slice(position.lot, missing))
            return tuple(slices)
        slices.append(Slice(position.lot, position.remaining))
        missing -= position.remaining
    raise ValueError(f"the positions are {missing} short of {amount}")


def _too_many_lots(largest: Credits) -> Refused:
    return Refused(
        Code.TOO_MANY_LOTS,
        f"That needs more than {MAX_SLICES} lots. The most that can move at once is {largest.shown()} cr.",
        largest=str(largest),
    )


def charge(slices: Sequence[Slice], actual: Credits) -> tuple[tuple[Slice, ...], tuple[Slice, ...]]:
    """L4: charge a recorded draw from the front and free it from the back.

    Return (charged, freed); together they are the draw. ``actual`` beyond the draw is the caller's to handle:
    raises ValueError.
    """
    charged: list[Slice] = []
    freed: list[Slice] = []
    missing = actual
    for part in slices:
        taken = min(part.amount, missing)
        missing -= taken
        if taken:
            charged.append(Slice(part.lot, taken))
        if rest := part.amount - taken:
            freed.append(Slice(part.lot, rest))
    if missing:
        raise ValueError(f"the draw is {missing} short of {actual}")
    return tuple(charged), tuple(freed)
