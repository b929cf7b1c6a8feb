"""Properties of transfers and of a gift's life: rules L1 and G1 to G5 on any draw and any order of acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.ledger.accounts import escrow_of
from core.ledger.errors import Refused
from core.ledger.gifts import OPEN, OUTCOMES, Gift, GiftState, state_after
from core.ledger.positions import Slice
from core.ledger.transfers import FLOWS, Entry, Move, TransferKind, entries_of
from tests.support.lots import ADAS, BOS, NOW, a_gift
from tests.support.strategies import draws, gifts, moments

RETURNING = (
    TransferKind.GIFT_CANCEL,
    TransferKind.GIFT_DECLINE,
    TransferKind.GIFT_REJECT,
    TransferKind.GIFT_RETURN,
)

acts = st.sampled_from(sorted(OUTCOMES))
timed_acts = st.lists(st.tuples(acts, moments), max_size=12).map(lambda some: sorted(some, key=lambda one: one[1]))


def balances(entries: Iterable[Entry]) -> Counter[tuple[int, int]]:
    """Return what each account gained of each lot, in micro-credits."""
    sums: Counter[tuple[int, int]] = Counter()
    for entry in entries:
        sums[entry.account_id, entry.lot_id] += entry.amount.micros
    return sums


def reserve(slices: tuple[Slice, ...]) -> tuple[Entry, ...]:
    return entries_of(TransferKind.GIFT_RESERVE, [Move(ADAS, escrow_of(ADAS), slices)])


def attempt(gift: Gift, act: TransferKind, now: datetime) -> GiftState | Refused:
    try:
        return state_after(gift, act, now)
    except Refused as refused:
        return refused


@given(st.lists(draws(), max_size=4))
def test_the_lines_of_a_transfer_sum_to_zero_for_each_lot(several: list[tuple[Slice, ...]]) -> None:
    """L1: also when several movements of one transfer touch the same lot."""
    entries = entries_of(TransferKind.GIFT_SETTLE, [Move(escrow_of(ADAS), BOS, slices) for slices in several])

    by_lot: Counter[int] = Counter()
    for entry in entries:
        by_lot[entry.lot_id] += entry.amount.micros
    assert not any(by_lot.values())
    assert len(entries) == 2 * sum(map(len, several))
    assert all(entry.amount for entry in entries)


@given(draws())
def test_a_reserved_gift_is_out_of_the_wallet_and_in_the_senders_own_escrow(slices: tuple[Slice, ...]) -> None:
    """G1."""
    after = balances(reserve(slices))

    for part in slices:
        assert after[ADAS, part.lot.lot_id] == -part.amount.micros
        assert after[escrow_of(ADAS), part.lot.lot_id] == part.amount.micros
    assert {account for account, _ in after} <= {ADAS, escrow_of(ADAS)}


@given(draws(), st.sampled_from(RETURNING))
def test_a_gift_that_goes_back_restores_the_very_positions_it_came_from(
    slices: tuple[Slice, ...], act: TransferKind
) -> None:
    """G4, G5: reserve and then any way back changes nothing, lot by lot."""
    back = entries_of(act, [Move(escrow_of(ADAS), ADAS, slices)])

    assert not any(balances(reserve(slices) + back).values())


@given(draws())
def test_a_settled_gift_brings_the_same_lots_to_the_recipient(slices: tuple[Slice, ...]) -> None:
    """G3: gifting never extends expiry; it is the same lot in other hands, and escrow is empty again."""
    settled = entries_of(TransferKind.GIFT_SETTLE, [Move(escrow_of(ADAS), BOS, slices)])
    after = balances(reserve(slices) + settled)

    assert {key: amount for key, amount in after.items() if key[0] == BOS} == {
        (BOS, part.lot.lot_id): part.amount.micros for part in slices
    }
    assert not any(amount for (account, _), amount in after.items() if account == escrow_of(ADAS))


@given(draws(least=1), st.sampled_from(TransferKind), st.integers(1, 200), st.integers(1, 200))
def test_a_movement_is_either_in_the_table_of_flows_or_not_made_at_all(
    slices: tuple[Slice, ...], kind: TransferKind, source: int, target: int
) -> None:
    """L1."""
    try:
        entries = entries_of(kind, [Move(source, target, slices)])
    except ValueError:
        return

    assert FLOWS[kind]
    assert {entry.account_id for entry in entries} == {source, target}


@given(st.sampled_from(sorted(OPEN)), timed_acts)
def test_a_gift_is_resolved_at_most_once(start: GiftState, steps: list[tuple[TransferKind, datetime]]) -> None:
    """G2, G5: whatever is tried in whatever order, one act wins; only what was settled can still go back (G6, L9)."""
    gift = a_gift(state=start, settles_at=NOW)
    history = [start]
    for act, now in steps:
        answer = attempt(gift, act, now)
        if not isinstance(answer, Refused):
            gift = gift._replace(state=answer)
            history.append(answer)

    resolutions = [after for before, after in pairwise(history) if before in OPEN and after not in OPEN]
    undone = [after for before, after in pairwise(history) if before not in OPEN]
    assert len(resolutions) <= 1
    assert len(undone) <= 1
    if undone:
        assert resolutions == [GiftState.SETTLED]
        assert undone[0] in {GiftState.REVERSED, GiftState.RETURNED}


@given(gifts(), moments)
def test_a_due_gift_can_be_settled_or_returned_by_rule_and_no_longer_be_stopped(gift: Gift, now: datetime) -> None:
    """G2, G4: from ``settles_at`` on its two sides have no say any more."""
    if not gift.is_due(now):
        return

    possible = {act for act in OUTCOMES if not isinstance(attempt(gift, act, now), Refused)}

    assert possible == {TransferKind.GIFT_SETTLE, TransferKind.GIFT_RETURN}


@given(gifts(), acts, moments)
def test_a_refused_act_names_a_state_in_which_it_really_is_impossible(
    gift: Gift, act: TransferKind, now: datetime
) -> None:
    """G5."""
    allowed, outcome = OUTCOMES[act]
    answer = attempt(gift, act, now)

    if isinstance(answer, Refused):
        assert GiftState(str(answer.fields["state"])) not in allowed
    else:
        assert gift.state in allowed
        assert answer is outcome


@given(gifts(), moments)
def test_a_gift_lapses_with_its_first_slice(gift: Gift, now: datetime) -> None:
    """G4: the whole gift, from the earliest expiry of its slices on, unless it was due before (G2)."""
    expiries = [part.lot.expires_at for part in gift.slices if part.lot.expires_at is not None]
    moment = min(now, gift.settles_at) if gift.state is GiftState.PENDING else now

    assert gift.lapsed(now) == (bool(expiries) and min(expiries) <= moment)
