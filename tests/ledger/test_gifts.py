"""The life of a gift: every state, every act, before and after the settlement period."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.ledger.errors import Code, Refused
from core.ledger.gifts import OPEN, OUTCOMES, GiftState, state_after
from core.ledger.transfers import TransferKind
from tests.support.lots import DAY, INSTANT, NOW, a_gift, a_lot, a_slice

SETTLES = NOW + DAY
TIMES = {"before": SETTLES - INSTANT, "at": SETTLES, "after": SETTLES + 30 * DAY}
ACTS = ("approve", "settle", "cancel", "decline", "reject", "return", "bounce", "reverse")

# Written from G2, G4 to G6 and L9, and not from the code: what each act makes of each state; the rest is refused.
WHILE_STOPPABLE = {
    ("pending", "settle"): "settled",
    ("pending", "cancel"): "cancelled",
    ("pending", "decline"): "declined",
    ("pending", "reject"): "rejected",
    ("pending", "return"): "returned",
    ("in_review", "approve"): "pending",
    ("in_review", "cancel"): "cancelled",
    ("in_review", "decline"): "declined",
    ("in_review", "reject"): "rejected",
    ("in_review", "return"): "returned",
    ("settled", "bounce"): "returned",
    ("settled", "reverse"): "reversed",
}
TOO_LATE = {("pending", "cancel"), ("pending", "decline"), ("pending", "reject")}


def act_named(name: str) -> TransferKind:
    return TransferKind(f"gift_{name}")


def expected(state: GiftState, act: str, time: str) -> str | None:
    if time != "before" and (state.value, act) in TOO_LATE:
        return None
    return WHILE_STOPPABLE.get((state.value, act))


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", GiftState)
def test_every_act_on_every_state_at_every_time(state: GiftState, act: str, time: str) -> None:
    gift = a_gift(state=state, settles_at=SETTLES)
    outcome = expected(state, act, time)

    if outcome is not None:
        assert state_after(gift, act_named(act), TIMES[time]) is GiftState(outcome)
        return
    with pytest.raises(Refused, match="That cannot be done: this gift is") as caught:
        state_after(gift, act_named(act), TIMES[time])
    assert caught.value.code is Code.GIFT_NOT_PENDING
    present = "settled" if (state.value, act) in TOO_LATE else state.value
    assert caught.value.fields == {"state": present}


def test_the_table_knows_every_act_of_a_gift() -> None:
    acts = {kind for kind in TransferKind if kind.value.startswith("gift_")}
    acts -= {TransferKind.GIFT_RESERVE, TransferKind.GIFT_ARRIVE, TransferKind.GIFT_REFUSE}  # not of this house's gift

    assert set(OUTCOMES) == acts == {act_named(name) for name in ACTS}


def test_a_gift_that_was_cancelled_declined_rejected_returned_or_reversed_stays_so() -> None:
    leaving = {state for allowed, _ in OUTCOMES.values() for state in allowed}

    assert leaving == {GiftState.PENDING, GiftState.IN_REVIEW, GiftState.SETTLED}
    assert {GiftState.PENDING, GiftState.IN_REVIEW} == OPEN


@pytest.mark.parametrize("act", ["cancel", "decline", "reject"])
def test_at_the_instant_of_settlement_nobody_can_stop_a_gift_any_more(act: str) -> None:
    """G2: from ``settles_at`` on there is exactly one winner, posted or not."""
    gift = a_gift(settles_at=SETTLES)

    state_after(gift, act_named(act), SETTLES - INSTANT)
    with pytest.raises(Refused, match="this gift is settled") as caught:
        state_after(gift, act_named(act), SETTLES)

    assert caught.value.fields == {"state": "settled"}
    assert state_after(gift, TransferKind.GIFT_SETTLE, SETTLES) is GiftState.SETTLED


def test_a_gift_in_review_never_becomes_due() -> None:
    """G2: it can be stopped long after its settlement period, and never settles by itself."""
    gift = a_gift(state=GiftState.IN_REVIEW, settles_at=SETTLES)

    assert not gift.is_due(SETTLES + 365 * DAY)
    assert state_after(gift, TransferKind.GIFT_CANCEL, SETTLES + 365 * DAY) is GiftState.CANCELLED
    with pytest.raises(Refused, match="this gift is in review"):
        state_after(gift, TransferKind.GIFT_SETTLE, SETTLES + 365 * DAY)


@pytest.mark.parametrize(
    ("now", "due"), [(SETTLES - INSTANT, False), (SETTLES, True), (SETTLES + timedelta(days=9), True)]
)
def test_a_pending_gift_is_due_from_settles_at_on(now: datetime, due: bool) -> None:
    """G2: the very instant counts."""
    assert a_gift(settles_at=SETTLES).is_due(now) is due


@pytest.mark.parametrize("state", [state for state in GiftState if state is not GiftState.PENDING])
def test_only_a_pending_gift_is_ever_due(state: GiftState) -> None:
    assert not a_gift(state=state, settles_at=SETTLES).is_due(SETTLES)


def test_a_gift_lapses_as_a_whole_when_any_of_its_slices_does() -> None:
    """G4: while it waits for a reviewer."""
    slices = (a_slice("1", a_lot()), a_slice("2", a_lot(expires_at=NOW + 9 * DAY)))
    gift = a_gift(*slices, state=GiftState.IN_REVIEW)

    assert not gift.lapsed(NOW + 9 * DAY - INSTANT)
    assert gift.lapsed(NOW + 9 * DAY)


def test_what_is_due_has_settled_and_no_longer_lapses_however_late_the_sweep_is() -> None:
    """G2, G4: the outcome never depends on when the job runs."""
    slices = (a_slice("2", a_lot(expires_at=NOW + 9 * DAY)),)

    assert not a_gift(*slices, settles_at=NOW + 9 * DAY - INSTANT).lapsed(NOW + 99 * DAY)
    assert a_gift(*slices, settles_at=NOW + 9 * DAY).lapsed(NOW + 99 * DAY)


def test_a_gift_of_lots_without_expiry_never_lapses() -> None:
    assert not a_gift().lapsed(NOW + 10_000 * DAY)
