"""What must be true of holds when they are opened, captured and freed (S1, S2, S6, L4, L5, G8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.ledger.accounts import AccountKind, account_id, escrow_of, owner_of, wallet_of
from core.ledger.positions import MAX_SLICES
from tests.model import rules as model
from tests.simulation.books import Hold, Part, Transfer

if TYPE_CHECKING:
    from tests.simulation.rules import Rules
from tests.simulation.spending_rules import counted, event_of, into, may_draw, owe, taken_of


def authorized(rules: Rules, transfer: Transfer) -> None:
    """S1, S2, G8: all of it, by somebody who may; from wallet and pools to their own escrows."""
    command: object = rules.command
    hold = rules.new_holds[transfer.number]
    rules.books.holds[hold.number] = hold
    rules.may_spend(wallet_of(hold.member))
    rules.still_valid(transfer)
    assert transfer.cause == hold.number
    assert hold.amount == command.rating.amount.micros == hold.set_aside + hold.allowance  # type: ignore[attr-defined]
    assert hold.created_at == transfer.at < hold.deadline_at
    assert len(transfer.lines) <= 2 * MAX_SLICES
    may_draw(rules, transfer, hold.member)
    for account, parts in hold.draws:
        assert into(transfer, escrow_of(account), account) == parts, f"{hold} is not set aside in order (G1, L4)"
    counted(rules, transfer, hold.member, hold.allowance, taken_of(transfer))
    rules.books.reserved[hold.number] = [window for window, _ in transfer.windows]


def captured(rules: Rules, transfer: Transfer) -> None:
    """S2, L4: from the front of the draw, its back is freed; late, when it was freed before. What exceeds it is
    paid beside it, or owed."""
    hold, event = _hold(rules, transfer), event_of(rules, transfer)
    late = hold.state == "expired"
    assert late or (hold.state == "open" and not model.is_late(hold.deadline_at, transfer.at)), (
        f"{hold} was captured (S2)"
    )
    assert event.member == hold.member
    if not late:
        _check_split(transfer, hold, max(event.amount - hold.allowance, 0))
    beside = taken_of(transfer)
    covered = model.covered_by_hold(event.amount, hold.allowance, late=late)
    from_hold = 0 if late else min(event.amount - covered, hold.set_aside)
    assert from_hold + sum(beside.values()) + event.allowance + event.overage == event.amount
    may_draw(rules, transfer, hold.member)
    if not late:
        assert sum(beside.values()) + event.allowance - covered + event.overage == max(event.amount - hold.amount, 0)
        _must_lapse(rules, hold, transfer)
        if event.amount < hold.amount:
            freed = {account: sum(n for _, n in _freed(transfer, account)) for account, _ in hold.draws}
            _given_back(rules, transfer, hold, hold.allowance - covered, freed)
    if event.amount > hold.amount or late:
        counted(rules, transfer, hold.member, event.allowance - covered, beside, event.overage)
    hold.state, hold.charged, hold.overage, hold.is_late = "captured", event.amount, event.overage, late
    owe(rules, transfer, event)


def released(rules: Rules, transfer: Transfer) -> None:
    hold = _hold(rules, transfer)
    assert hold.state == "open", f"{hold} was released (S2)"
    assert not model.is_late(hold.deadline_at, transfer.at), f"{hold} was released after its deadline (S2)"
    _all_back(rules, transfer, hold)
    hold.state = "released"


def timed_out(rules: Rules, transfer: Transfer) -> None:
    """S2: at its deadline and not before; by the sweep, or by the late capture that comes first."""
    hold = _hold(rules, transfer)
    assert model.is_late(hold.deadline_at, transfer.at), f"{hold} was freed before its deadline (S2)"
    assert hold.state == "open", f"{hold} was freed twice (S2)"
    _all_back(rules, transfer, hold)
    hold.state = "expired"


# How it is done.


def _hold(rules: Rules, transfer: Transfer) -> Hold:
    assert transfer.cause is not None, f"{transfer} names no hold"
    return rules.books.holds[transfer.cause]


def _freed(transfer: Transfer, account: int) -> list[Part]:
    return into(transfer, account, escrow_of(account))


def _check_split(transfer: Transfer, hold: Hold, missing: int) -> None:
    """L4: what a capture charges of a hold, and what it frees."""
    consumed = account_id(transfer.org, AccountKind.CONSUMED)
    for account, parts in hold.draws:
        front, back = model.split(parts, missing)
        missing -= sum(amount for _, amount in front)
        taken = into(transfer, consumed, escrow_of(account))
        assert (taken, _freed(transfer, account)) == (front, back), f"{hold} is not charged from the front (L4)"


def _all_back(rules: Rules, transfer: Transfer, hold: Hold) -> None:
    """L4: slice by slice, to where it came from."""
    for account, parts in hold.draws:
        assert _freed(transfer, account) == parts, f"{hold} is not freed as it was set aside (L4)"
    assert transfer.amount == hold.set_aside
    _must_lapse(rules, hold, transfer)
    freed = {account: sum(amount for _, amount in parts) for account, parts in hold.draws}
    _given_back(rules, transfer, hold, hold.allowance, freed)


def _must_lapse(rules: Rules, hold: Hold, transfer: Transfer) -> None:
    for account, _ in hold.draws:
        for lot, amount in _freed(transfer, account):
            if rules.books.lots[lot].expired(transfer.at):
                rules.lapsing[account, lot] += amount


def _given_back(rules: Rules, transfer: Transfer, hold: Hold, allowance: int, freed: dict[int, int]) -> None:
    """S6, S8: to the windows of the authorization that are still open and were not reset since, and to no other.

    Where a clock was set back in between, a reset may look older than what it reset; then no more than is used.
    """
    reserved = rules.books.reserved[hold.number]
    of_pools = {str(owner_of(account)): amount for account, amount in freed.items()}
    due = {}
    for window in reserved:
        meter = window[2]
        amount = model.counted_in(meter, allowance, sum(freed.values()), of_pools)
        was_reset = rules.books.resets.get(window[1:], -1) >= hold.created_at
        amount = min(amount, rules.books.used[window])
        if amount and model.takes_back(window[4], transfer.at, reset_since=was_reset):
            due[window] = -amount
    assert dict(transfer.windows) == due, f"{transfer} gives back {transfer.windows}, not {due}"
