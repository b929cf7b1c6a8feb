"""What a member gave in the last day: counted from single gifts, and kept so from one batch to the next."""

from __future__ import annotations

from datetime import timedelta

from core.ledger.book import Book
from core.ledger.credits import ZERO, Credits
from core.ledger.facts import Facts
from core.ledger.gifts import GiftState
from core.ledger.given import GIVEN_WINDOW, Given, GivenGift
from tests.support.lots import ADA, BOS, INSTANT, NOW, TEAMS, a_gift, a_lot, a_slice

OLD = GivenGift(NOW - GIVEN_WINDOW, BOS, Credits.of(100))
EARLIER = GivenGift(NOW - GIVEN_WINDOW + INSTANT, BOS, Credits.of(10))
LATER = GivenGift(NOW - INSTANT, TEAMS, Credits.of(5))


def a_book(*gifts: GivenGift) -> Book:
    facts = Facts(given={(1, ADA): dict(enumerate(gifts, 1))})
    book = Book(NOW, int, facts)
    book.begin(1, ADA, [])
    return book


def test_a_gift_counts_for_a_day_and_not_for_an_instant_longer() -> None:
    assert Given.after(NOW - GIVEN_WINDOW, [OLD, EARLIER, LATER]) == Given(2, Credits.of(15), {BOS: 1, TEAMS: 1})
    assert Given.after(NOW, [OLD, EARLIER, LATER]) == Given(0, ZERO, {})


def test_a_book_counts_anew_by_its_own_time() -> None:
    """G2: what one batch counted, a later one need not."""
    book = a_book(OLD, EARLIER, LATER)
    book.count_given([(1, ADA), (1, 99), (2, ADA)])
    assert book.given == {ADA: Given(2, Credits.of(15), {BOS: 1, TEAMS: 1})}

    later = Book(NOW + timedelta(hours=1), int, book.facts)
    later.count_given([(1, ADA)])
    assert later.given == {ADA: Given(1, Credits.of(5), {TEAMS: 1})}


def test_what_is_given_and_taken_back_is_known_afterwards() -> None:
    book = a_book(LATER)
    kept, gone = a_gift(a_slice("30", a_lot(1)), gift_id=7), a_gift(a_slice("40", a_lot(1)), gift_id=8)
    book.open_gift(kept, {})
    book.open_gift(gone, {})
    book.change_gift(gone, GiftState.CANCELLED)
    book.change_gift(a_gift(gift_id=9), GiftState.CANCELLED)

    given = GivenGift(kept.created_at, kept.recipient_account, Credits.of(30))
    assert book.facts.given == {(1, ADA): {1: LATER, 7: given, 8: None}}


def test_a_refused_command_leaves_what_is_known() -> None:
    """L7."""
    book = a_book(LATER)
    gift = a_gift(a_slice("30", a_lot(1)), gift_id=1)
    book.change_gift(gift, GiftState.CANCELLED)
    book.begin(1, ADA, [])
    book.open_gift(gift._replace(gift_id=7), {})
    book.open_gift(gift, {})
    book.rollback()

    assert {key: each for key, each in book.facts.given[1, ADA].items() if each} == {}
