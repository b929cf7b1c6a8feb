"""Transfers: which movements there are, and the signed lines they become."""

from __future__ import annotations

from itertools import product

import pytest

from core.ledger.accounts import AccountKind, account_id, escrow_of
from core.ledger.credits import ZERO, Credits
from core.ledger.transfers import FLOWS, Entry, Move, TransferKind, entries_of
from tests.support.lots import ADA, ADAS, BO, BOS, TEAMS, a_lot, a_slice

W, P, E = AccountKind.WALLET, AccountKind.POOL, AccountKind.ESCROW
ISSUANCE, CONSUMED, BREAKAGE = AccountKind.ISSUANCE, AccountKind.CONSUMED, AccountKind.BREAKAGE

EXPECTED_FLOWS = {
    "grant": {(ISSUANCE, W), (ISSUANCE, P)},
    "void": {(W, ISSUANCE), (P, ISSUANCE)},
    "allocate": {(P, W)},
    "gift_reserve": {(W, E)},
    "gift_approve": set(),
    "gift_settle": {(E, W), (E, P), (E, AccountKind.CLEARING)},
    "gift_arrive": {(AccountKind.CLEARING, W), (AccountKind.CLEARING, P)},
    "gift_refuse": set(),
    "gift_bounce": {(AccountKind.CLEARING, W)},
    "gift_cancel": {(E, W)},
    "gift_decline": {(E, W)},
    "gift_reject": {(E, W)},
    "gift_return": {(E, W)},
    "gift_reverse": {(W, W), (P, W)},
    "repay": {(W, W), (P, W), (W, CONSUMED), (P, CONSUMED)},
    "hold": {(W, E), (P, E)},
    "capture": {(W, CONSUMED), (P, CONSUMED), (E, CONSUMED), (E, W), (E, P)},
    "release": {(E, W), (E, P)},
    "hold_expire": {(E, W), (E, P)},
    "charge": {(W, CONSUMED), (P, CONSUMED)},
    "refund": {(CONSUMED, W), (CONSUMED, P)},
    "expire": {(W, BREAKAGE), (P, BREAKAGE), (E, BREAKAGE)},
    "freeze": set(),
    "leave": set(),
    "unfreeze": set(),
    **{kind: set() for kind in ("allot", "reset", "apply", "withdraw", "admit", "boost", "ask", "pledge", "refer")},
}

STAYS_WITH_ITS_OWNER = {
    *("gift_reserve", "gift_cancel", "gift_decline", "gift_reject", "gift_return"),
    *("hold", "capture", "release", "hold_expire"),
}


def owner_pairs(kind: TransferKind) -> tuple[int, int]:
    """Return owners of a source and a target that this kind of transfer may join."""
    return (ADA, ADA) if kind.value in STAYS_WITH_ITS_OWNER else (ADA, BO)


def test_the_flows_are_the_ones_in_the_books() -> None:
    assert {kind.value: set(flows) for kind, flows in FLOWS.items()} == EXPECTED_FLOWS
    assert set(FLOWS) == set(TransferKind)


@pytest.mark.parametrize("kind", TransferKind)
def test_a_transfer_moves_only_between_the_accounts_of_its_flows(kind: TransferKind) -> None:
    """L1: every kind against every pair of accounts."""
    source_owner, target_owner = owner_pairs(kind)
    for of, to in product(AccountKind, AccountKind):
        move = Move(account_id(source_owner, of), account_id(target_owner, to), (a_slice(),))

        if (of, to) in EXPECTED_FLOWS[kind.value]:
            assert len(entries_of(kind, [move])) == 2
        else:
            with pytest.raises(ValueError, match=f"a {kind.value} never moves from"):
                entries_of(kind, [move])


@pytest.mark.parametrize("kind", sorted(STAYS_WITH_ITS_OWNER))
def test_what_is_set_aside_stays_its_owners(kind: str) -> None:
    """G1, G4: reserved credits go to the sender's own escrow, and back to the wallet they came from."""
    pair = (ADAS, escrow_of(BOS)) if kind == "gift_reserve" else (escrow_of(ADAS), BOS)

    with pytest.raises(ValueError, match=f"a {kind} never moves from {'wallet' if pair[0] == ADAS else 'escrow'} 11"):
        entries_of(TransferKind(kind), [Move(*pair, (a_slice(),))])


def test_nothing_moves_from_an_account_to_itself() -> None:
    with pytest.raises(ValueError, match="a gift_reverse never moves from wallet 11 to wallet 11"):
        entries_of(TransferKind.GIFT_REVERSE, [Move(ADAS, ADAS, (a_slice(),))])


def test_lines_follow_the_draw_and_sum_to_zero_for_each_lot() -> None:
    """L1: for each slice what is given, then what is gained."""
    old, new = a_lot(1), a_lot(2)

    entries = entries_of(
        TransferKind.GIFT_RESERVE, [Move(ADAS, escrow_of(ADAS), (a_slice("20", old), a_slice("5", new)))]
    )

    assert entries == (
        Entry(ADAS, 1, -Credits.of(20)),
        Entry(escrow_of(ADAS), 1, Credits.of(20)),
        Entry(ADAS, 2, -Credits.of(5)),
        Entry(escrow_of(ADAS), 2, Credits.of(5)),
    )


def test_a_charge_may_draw_on_a_wallet_and_then_on_pools() -> None:
    lot = a_lot(1)
    used = account_id(1, AccountKind.CONSUMED)

    entries = entries_of(
        TransferKind.CHARGE,
        [Move(ADAS, used, (a_slice("3", lot),)), Move(TEAMS, used, (a_slice("2", lot),))],
    )

    assert [(entry.account_id, str(entry.amount)) for entry in entries] == [
        (ADAS, "-3"),
        (used, "3"),
        (TEAMS, "-2"),
        (used, "2"),
    ]
    assert sum((entry.amount for entry in entries), start=ZERO) == ZERO


@pytest.mark.parametrize(
    "kind", [TransferKind.GIFT_APPROVE, TransferKind.FREEZE, TransferKind.UNFREEZE, TransferKind.LEAVE]
)
def test_some_transfers_move_nothing(kind: TransferKind) -> None:
    assert entries_of(kind, []) == ()
