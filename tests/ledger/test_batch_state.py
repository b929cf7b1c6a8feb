"""The working state of a batch: each command sees what came before it, and a refused one leaves no trace (L7)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import pytest

from core.ledger.accounts import escrow_of
from core.ledger.batch import BatchState, NotLocked, deltas
from core.ledger.credits import ZERO, Credits
from core.ledger.daily_giving import GIVEN_WINDOW, DailyGiving
from core.ledger.errors import Code, Refused
from core.ledger.gifts import Gift, GiftState
from core.ledger.members import Debt, Member
from core.ledger.positions import Position, held
from core.ledger.transfers import Move, TransferKind
from tests.support.lots import ADA, ADAS, BO, BOS, DAY, INSTANT, NOW, TEAMS, a_gift, a_lot, a_position, a_slice

LOT = a_lot(1)
ADAS_ESCROW = escrow_of(ADAS)
RESERVED = Move(ADAS, ADAS_ESCROW, (a_slice("30", LOT),))


def a_book(*positions: Position, gifts: Iterable[Gift] = ()) -> BatchState:
    """Return a book in which Ada holds the positions; her accounts and Bo's wallet are locked, and Bo's is not read."""
    numbers = count(1000)
    batch = BatchState(NOW, lambda: next(numbers))
    batch.locked = {(1, ADAS), (1, ADAS_ESCROW), (1, BOS)}
    batch.positions = {ADAS: {position.lot.lot_id: position for position in positions}, ADAS_ESCROW: {}}
    batch.gifts = {gift.gift_id: gift for gift in gifts}
    batch.members = {ADA: a_member()}
    batch.begin(1, ADA, [500, 501])
    return batch


def a_member(*, org_id: int = 1) -> Member:
    return Member(ADA, org_id, "Ada", "person", "member", NOW, NOW, frozen_at=None, deactivated_at=None)


def test_a_command_sees_what_the_one_before_it_did() -> None:
    batch = a_book(a_position("100", LOT))

    batch.post(TransferKind.GIFT_RESERVE, [RESERVED])
    batch.begin(1, ADA, [])

    assert held(batch.held_by(ADAS)) == Credits.of(70)
    assert held(batch.held_by(ADAS_ESCROW)) == Credits.of(30)


def test_a_refused_command_leaves_no_trace() -> None:
    """L7: neither in what is held, nor in the gifts, the members, the limits or the effects."""
    batch = a_book(a_position("100", LOT))
    batch.given = {ADA: DailyGiving()}
    batch.post(TransferKind.GIFT_RESERVE, [RESERVED])
    kept = batch.effects.marks()
    batch.begin(1, ADA, [])

    gift = a_gift(a_slice("30", LOT))
    batch.add_lot(a_lot(2))
    batch.post(TransferKind.GIFT_RESERVE, [RESERVED], cause_id=gift.gift_id, note="thanks")
    batch.open_gift(gift, {})
    batch.change_gift(gift, GiftState.CANCELLED)
    batch.change_member(a_member())
    batch.revoke_tokens(ADA)
    batch.record_usage(1, ())
    batch.add_notice(ADAS, "gift_sent")
    batch.rollback()

    assert held(batch.held_by(ADAS)) == Credits.of(70)
    assert held(batch.held_by(ADAS_ESCROW)) == Credits.of(30)
    assert batch.gifts == {}
    assert batch.given == {ADA: DailyGiving()}
    assert batch.effects.marks() == kept


def test_a_position_never_falls_below_zero() -> None:
    """L2: the first of two walls; the second is the database's."""
    batch = a_book(a_position("29.999999", LOT))

    with pytest.raises(ValueError, match="a position is never below zero"):
        batch.post(TransferKind.GIFT_RESERVE, [RESERVED])


def test_an_account_that_was_not_locked_and_read_cannot_be_looked_at() -> None:
    """L7: the command goes to the next batch; an account that nobody read is not taken for empty."""
    batch = a_book()

    for account in (TEAMS, BOS):
        with pytest.raises(NotLocked):
            batch.held_by(account)
    assert batch.held_by(ADAS) == []
    assert batch.is_locked(BOS)
    assert not batch.is_locked(TEAMS)


def test_ids_of_a_command_follow_one_another_before_fresh_ones_are_taken() -> None:
    batch = a_book()

    assert [batch.next_id() for _ in range(3)] == [500, 501, 1000]


def test_people_and_gifts_of_another_organization_are_not_there() -> None:
    batch = a_book(gifts=[a_gift(gift_id=7)])
    batch.begin(2, 99, [])

    assert batch.member(ADA) is None
    with pytest.raises(Refused, match="Gift not found") as caught:
        batch.gift(7)
    assert caught.value.code is Code.NOT_FOUND
    assert not batch.is_locked(ADAS)


def test_gifts_of_one_batch_count_together() -> None:
    """Two gifts at one instant cannot slip under a limit together, and one taken back no longer counts."""
    batch = a_book()
    batch.given = {ADA: DailyGiving(1, Credits.of(10), {BOS: 1})}
    gift = a_gift(a_slice("30", LOT))

    batch.open_gift(gift, {})
    assert batch.given[ADA] == DailyGiving(2, Credits.of(40), {BOS: 2})
    batch.change_gift(gift, GiftState.DECLINED)
    assert batch.given[ADA] == DailyGiving(1, Credits.of(10), {BOS: 1})


def test_a_settled_or_approved_gift_still_counts() -> None:
    batch = a_book()
    batch.given = {ADA: DailyGiving(1, Credits.of(100), {BOS: 1})}
    gift = a_gift()

    batch.change_gift(gift, GiftState.PENDING)
    batch.change_gift(gift, GiftState.SETTLED)

    assert batch.given[ADA].gifts == 1


def test_an_old_gift_that_goes_back_makes_no_room_for_new_ones() -> None:
    """A gift of more than a day ago was not counted; taking it away would let its sender past the limit."""
    batch = a_book()
    given = DailyGiving(5, Credits.of(900), {BOS: 2})
    batch.given = {ADA: given}

    batch.change_gift(a_gift(created_at=NOW - GIVEN_WINDOW, settles_at=NOW + DAY), GiftState.CANCELLED)
    assert batch.given[ADA] == given

    batch.change_gift(a_gift(created_at=NOW - GIVEN_WINDOW + INSTANT, settles_at=NOW + DAY), GiftState.CANCELLED)
    assert batch.given[ADA].gifts == 4


def test_a_debt_is_there_for_the_next_command_of_the_batch() -> None:
    """G6: and what is repaid of it too, until the command is rolled back."""
    batch = a_book()
    debt = Debt(7, BOS, ADAS, Credits.of(10), ZERO)

    batch.open_debt(debt)
    batch.repay(debt, Credits.of(4))
    assert [each.left for each in batch.debts[BOS]] == [Credits.of(6)]

    batch.rollback()
    assert not batch.debts.get(BOS)
    assert not batch.effects.debts
    assert not batch.effects.debt_changes


def test_an_approved_gift_may_settle_later_than_it_was_to() -> None:
    batch = a_book()
    gift = a_gift(state=GiftState.IN_REVIEW)

    changed = batch.change_gift(gift, GiftState.PENDING, NOW + 3 * DAY)

    assert (changed.state, changed.settles_at) == (GiftState.PENDING, NOW + 3 * DAY)
    assert batch.effects.gift_changes == [changed]
    assert batch.gifts[gift.gift_id] == changed


def test_a_pool_has_nobody_to_tell() -> None:
    batch = a_book()

    batch.add_notice(TEAMS, "gift_received")
    batch.add_notice(BOS, "gift_received")

    assert [notice.member_id for notice in batch.effects.notices] == [BO]


def test_the_net_change_of_stored_positions_leaves_out_the_house_and_what_cancels_out() -> None:
    """L2: a position is written as a delta; house accounts have none."""
    batch = a_book(a_position("100", LOT))
    issuance = 3

    batch.post(TransferKind.GRANT, [Move(issuance, BOS, (a_slice("5", LOT),))])
    batch.post(TransferKind.GIFT_RESERVE, [RESERVED])
    batch.post(TransferKind.GIFT_RETURN, [Move(ADAS_ESCROW, ADAS, (a_slice("10", LOT),))])

    assert deltas(batch.effects.postings) == {
        (1, BOS, 1): Credits.of(5).micros,
        (1, ADAS, 1): -Credits.of(20).micros,
        (1, ADAS_ESCROW, 1): Credits.of(20).micros,
    }
    batch.post(TransferKind.GIFT_RETURN, [Move(ADAS_ESCROW, ADAS, (a_slice("20", LOT),))])
    assert set(deltas(batch.effects.postings)) == {(1, BOS, 1)}
    assert batch.surely_holds(ADAS, 1)
    assert not batch.surely_holds(ADAS_ESCROW, 1)


def test_what_was_given_never_counts_below_zero() -> None:
    assert DailyGiving().minus(BOS, Credits.of(1)) == DailyGiving(0, ZERO, {BOS: 0})
