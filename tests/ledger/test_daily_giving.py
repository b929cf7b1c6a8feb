"""What a member gave in the last day: counted from single gifts, and kept so from one batch to the next."""

from __future__ import annotations

from datetime import timedelta

from core.ledger.batch import BatchState
from core.ledger.batch_cache import BatchCache
from core.ledger.credits import ZERO, Credits
from core.ledger.daily_giving import GIVEN_WINDOW, CountedGift, DailyGiving
from core.ledger.gifts import GiftState
from tests.support.lots import ADA, BOS, INSTANT, NOW, TEAMS, a_gift, a_lot, a_slice

OLD = CountedGift(NOW - GIVEN_WINDOW, BOS, Credits.of(100))
EARLIER = CountedGift(NOW - GIVEN_WINDOW + INSTANT, BOS, Credits.of(10))
LATER = CountedGift(NOW - INSTANT, TEAMS, Credits.of(5))


def a_book(*gifts: CountedGift) -> BatchState:
    facts = BatchCache(given={(1, ADA): dict(enumerate(gifts, 1))})
    batch = BatchState(NOW, int, facts)
    batch.begin(1, ADA, [])
    return batch


def test_a_gift_counts_for_a_day_and_not_for_an_instant_longer() -> None:
    assert DailyGiving.after(NOW - GIVEN_WINDOW, [OLD, EARLIER, LATER]) == DailyGiving(
        2, Credits.of(15), {BOS: 1, TEAMS: 1}
    )
    assert DailyGiving.after(NOW, [OLD, EARLIER, LATER]) == DailyGiving(0, ZERO, {})


def test_a_book_counts_anew_by_its_own_time() -> None:
    """G2: what one batch counted, a later one need not."""
    batch = a_book(OLD, EARLIER, LATER)
    batch.count_given([(1, ADA), (1, 99), (2, ADA)])
    assert batch.given == {ADA: DailyGiving(2, Credits.of(15), {BOS: 1, TEAMS: 1})}

    later = BatchState(NOW + timedelta(hours=1), int, batch.facts)
    later.count_given([(1, ADA)])
    assert later.given == {ADA: DailyGiving(1, Credits.of(5), {TEAMS: 1})}


def test_what_is_given_and_taken_back_is_known_afterwards() -> None:
    batch = a_book(LATER)
    kept, gone = a_gift(a_slice("30", a_lot(1)), gift_id=7), a_gift(a_slice("40", a_lot(1)), gift_id=8)
    batch.open_gift(kept, {})
    batch.open_gift(gone, {})
    batch.change_gift(gone, GiftState.CANCELLED)
    batch.change_gift(a_gift(gift_id=9), GiftState.CANCELLED)

    given = CountedGift(kept.created_at, kept.recipient_account, Credits.of(30))
    assert batch.facts.given == {(1, ADA): {1: LATER, 7: given, 8: None}}


def test_a_refused_command_leaves_what_is_known() -> None:
    """L7."""
    batch = a_book(LATER)
    gift = a_gift(a_slice("30", a_lot(1)), gift_id=1)
    batch.change_gift(gift, GiftState.CANCELLED)
    batch.begin(1, ADA, [])
    batch.open_gift(gift._replace(gift_id=7), {})
    batch.open_gift(gift, {})
    batch.rollback()

    assert {key: each for key, each in batch.facts.given[1, ADA].items() if each} == {}
