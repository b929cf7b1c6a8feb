"""Hypothesis strategies for the pure ledger: few distinct values, so that ties and edges are common."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

from hypothesis import strategies as st

from core.ledger.credits import Credits
from core.ledger.gifts import Gift, GiftState
from core.ledger.lots import GiftOrder, Lot, Order, Source, spending_order
from core.ledger.positions import Position, Slice
from tests.support.lots import DAY, INSTANT, NOW, a_gift, a_lot

INT64_MAX = 2**63 - 1
MOST_LOTS = 8

amounts = st.integers(-INT64_MAX, INT64_MAX).map(Credits)
owned = st.one_of(st.integers(0, 3), st.integers(0, 10**15)).map(Credits)
above_zero = st.one_of(st.integers(1, 3), st.integers(1, 10**15)).map(Credits)

_INSTANTS = [NOW + days * DAY + around * INSTANT for days in range(-2, 8) for around in (0, -1, 1)]
moments = st.sampled_from(_INSTANTS)
spans = st.integers(0, 72).map(lambda hours: timedelta(hours=hours))
orders: st.SearchStrategy[Order] = st.sampled_from((spending_order, GiftOrder.SOONEST.key, GiftOrder.LONGEST.key))

# One choice decides a whole lot: that is several times as fast as a choice for each of its fields.
_traits = st.sampled_from(
    list(product(Source, [None, *_INSTANTS], (True, False), (100, 1, 200), (NOW - DAY, NOW))),
)


def _lot(lot_id: int, traits: tuple[Source, datetime | None, bool, int, datetime]) -> Lot:
    source, expires_at, giftable, priority, granted_at = traits
    return a_lot(
        lot_id,
        source=source,
        expires_at=expires_at,
        giftable=giftable,
        priority=priority,
        granted_at=granted_at,
    )


def lots(least: int = 0) -> st.SearchStrategy[list[Lot]]:
    """Return several different lots."""
    return st.lists(_traits, min_size=least, max_size=MOST_LOTS).map(
        lambda several: [_lot(number, traits) for number, traits in enumerate(several, start=1)],
    )


@st.composite
def wallets(draw: st.DrawFn) -> list[Position]:
    """Return what one account holds: any number of lots, each once, some used up."""
    found = draw(lots())
    remaining = draw(st.lists(owned, min_size=len(found), max_size=len(found)))
    return [Position(lot, amount) for lot, amount in zip(found, remaining, strict=True)]


@st.composite
def draws(draw: st.DrawFn, least: int = 0) -> tuple[Slice, ...]:
    """Return a recorded draw: slices of different lots in some order."""
    found = draw(lots(least))
    taken = draw(st.lists(above_zero, min_size=len(found), max_size=len(found)))
    return tuple(Slice(lot, amount) for lot, amount in zip(found, taken, strict=True))


@st.composite
def gifts(draw: st.DrawFn) -> Gift:
    """Return a gift in any state, of any slices."""
    return a_gift(
        *draw(draws(least=1)),
        state=draw(st.sampled_from(GiftState)),
        settles_at=NOW + draw(spans),
    )
