"""The working state of a batch: each command sees what came before it, and a refused one leaves no trace (L7)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import pytest

from core.ledger.accounts import escrow_of
from core.ledger.book import Book, NotLocked, deltas
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import Gift, GiftState
from core.ledger.given import GIVEN_WINDOW, Given
from core.ledger.members import Debt, Member
from core.ledger.positions import Position, held
from core.ledger.transfers import Move, TransferKind
from tests.support.lots import ADA, ADAS, BO, BOS, DAY, INSTANT, NOW, TEAMS, a_gift, a_lot, a_position, a_slice

LOT = a_lot(1)
ADAS_ESCROW = escrow_of(ADAS)
RESERVED = Move(ADAS, ADAS_ESCROW, (a_slice("30", LOT),))


def a_book(*positions: Position, gifts: Iterable[Gift] = ()) -> Book:
    """Return a book in which Ada holds the positions; her accounts and Bo's wallet are locked, and Bo's is not read."""
    numbers = count(1000)
    book = Book(NOW, lambda: next(numbers))
    book.locked = {(1, ADAS), (1, ADAS_ESCROW), (1, BOS)}
    book.positions = {ADAS: {position.lot.lot_id: position for position in positions}, ADAS_ESCROW: {}}
    book.gifts = {gift.gift_id: gift for gift in gifts}
    book.members = {ADA: a_member()}
    book.begin(1, ADA, [500, 501])
    return book


def a_member(*, org_id: int = 1) -> Member:
    return Member(ADA, org_id, "Ada", "person", "member", NOW, NOW, frozen_at=None, deactivated_at=None)


def test_a_command_sees_what_the_one_before_it_did() -> None:
    book = a_book(a_position("100", LOT))

    book.post(TransferKind.GIFT_RESERVE, [RESERVED])
    book.begin(1, ADA, [])

    assert held(book.held_by(ADAS)) == Credits.of(70)
    assert held(book.held_by(ADAS_ESCROW)) == Credits.of(30)


def test_a_refused_command_leaves_no_trace() -> None:
    """L7: neither in what is held, nor in the gifts, the members, the limits or the effects."""
    book = a_book(a_position("100", LOT))
    book.given = {ADA: Given()}
    book.post(TransferKind.GIFT_RESERVE, [RESERVED])
    kept = book.effects.marks()
    book.begin(1, ADA, [])

    gift = a_gift(a_slice("30", LOT))
    book.add_lot(a_lot(2))
    book.post(TransferKind.GIFT_RESERVE, [RESERVED], cause_id=gift.gift_id, note="thanks")
    book.open_gift(gift, {})
    book.change_gift(gift, GiftState.CANCELLED)
    book.change_member(a_member())
    book.revoke_tokens(ADA)
    book.record_usage(1, ())
    book.tell(ADAS, "gift_sent")
    book.rollback()

    assert held(book.held_by(ADAS)) == Credits.of(70)
    assert held(book.held_by(ADAS_ESCROW)) == Credits.of(30)
    assert book.gifts == {}
    assert book.given == {ADA: Given()}
    assert book.effects.marks() == kept


def test_a_position_never_falls_below_zero() -> None:
    """L2: the first of two walls; the second is the database's."""
    book = a_book(a_position("29.999999", LOT))

    with pytest.raises(ValueError, match="a position is never below zero"):
        book.post(TransferKind.GIFT_RESERVE, [RESERVED])


def test_an_account_that_was_not_locked_and_read_cannot_be_looked_at() -> None:
    """L7: the command goes to the next batch; an account that nobody read is not taken for empty."""
    book = a_book()

    for account in (TEAMS, BOS):
        with pytest.raises(NotLocked):
            book.held_by(account)
    assert book.held_by(ADAS) == []
    assert book.is_locked(BOS)
    assert not book.is_locked(TEAMS)


def test_ids_of_a_command_follow_one_another_before_fresh_ones_are_taken() -> None:
    book = a_book()

    assert [book.next_id() for _ in range(3)] == [500, 501, 1000]


def test_people_and_gifts_of_another_organisation_are_not_there() -> None:
    book = a_book(gifts=[a_gift(gift_id=7)])
    book.begin(2, 99, [])

    assert book.member(ADA) is None
    with pytest.raises(Refused, match="There is no such gift here") as caught:
        book.gift(7)
    assert caught.value.code is Code.NOT_FOUND
    assert not book.is_locked(ADAS)


def test_gifts_of_one_batch_count_together() -> None:
    """Two gifts at one instant cannot slip under a limit together, and one taken back no longer counts."""
    book = a_book()
    book.given = {ADA: Given(1, Credits.of(10), {BOS: 1})}
    gift = a_gift(a_slice("30", LOT))

    book.open_gift(gift, {})
    assert book.given[ADA] == Given(2, Credits.of(40), {BOS: 2})
    book.change_gift(gift, GiftState.DECLINED)
    assert book.given[ADA] == Given(1, Credits.of(10), {BOS: 1})


def test_a_settled_or_approved_gift_still_counts() -> None:
    book = a_book()
    book.given = {ADA: Given(1, Credits.of(100), {BOS: 1})}
    gift = a_gift()

    book.change_gift(gift, GiftState.PENDING)
    book.change_gift(gift, GiftState.SETTLED)

    assert book.given[ADA].gifts == 1


def test_an_old_gift_that_goes_back_makes_no_room_for_new_ones() -> None:
    """A gift of more than a day ago was not counted; taking it away would let its sender past the limit."""
    book = a_book()
    given = Given(5, Credits.of(900), {BOS: 2})
    book.given = {ADA: given}

    book.change_gift(a_gift(created_at=NOW - GIVEN_WINDOW, settles_at=NOW + DAY), GiftState.CANCELLED)
    assert book.given[ADA] == given

    book.change_gift(a_gift(created_at=NOW - GIVEN_WINDOW + INSTANT, settles_at=NOW + DAY), GiftState.CANCELLED)
    assert book.given[ADA].gifts == 4


def test_a_debt_is_there_for_the_next_command_of_the_batch() -> None:
    """G6: and what is repaid of it too, until the command is rolled back."""
    book = a_book()
    debt = Debt(7, BOS, ADAS, Credits.of(10), ZERO)

    book.open_debt(debt)
    book.repay(debt, Credits.of(4))
    assert [each.left for each in book.debts[BOS]] == [Credits.of(6)]

    book.rollback()
    assert not book.debts.get(BOS)
    assert not book.effects.debts
    assert not book.effects.debt_changes


def test_an_approved_gift_may_settle_later_than_it_was_to() -> None:
    book = a_book()
    gift = a_gift(state=GiftState.IN_REVIEW)

    changed = book.change_gift(gift, GiftState.PENDING, NOW + 3 * DAY)

    assert (changed.state, changed.settles_at) == (GiftState.PENDING, NOW + 3 * DAY)
    assert book.effects.gift_changes == [changed]
    assert book.gifts[gift.gift_id] == changed


def test_a_pool_has_nobody_to_tell() -> None:
    book = a_book()

    book.tell(TEAMS, "gift_received")
    book.tell(BOS, "gift_received")

    assert [notice.member_id for notice in book.effects.notices] == [BO]


def test_the_net_change_of_stored_positions_leaves_out_the_house_and_what_cancels_out() -> None:
    """L2: a position is written as a delta; house accounts have none."""
    book = a_book(a_position("100", LOT))
    issuance = 3

    book.post(TransferKind.GRANT, [Move(issuance, BOS, (a_slice("5", LOT),))])
    book.post(TransferKind.GIFT_RESERVE, [RESERVED])
    book.post(TransferKind.GIFT_RETURN, [Move(ADAS_ESCROW, ADAS, (a_slice("10", LOT),))])

    assert deltas(book.effects.postings) == {
        (1, BOS, 1): Credits.of(5).micros,
        (1, ADAS, 1): -Credits.of(20).micros,
        (1, ADAS_ESCROW, 1): Credits.of(20).micros,
    }
    book.post(TransferKind.GIFT_RETURN, [Move(ADAS_ESCROW, ADAS, (a_slice("20", LOT),))])
    assert set(deltas(book.effects.postings)) == {(1, BOS, 1)}
    assert book.surely_holds(ADAS, 1)
    assert not book.surely_holds(ADAS_ESCROW, 1)


def test_what_was_given_never_counts_below_zero() -> None:
    assert Given().minus(BOS, Credits.of(1)) == Given(0, ZERO, {BOS: 0})
