"""What must be true of usage that was charged, authorized, captured and freed (S1, S2, S5, S6, L4, L5, G8)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from core.ledger.accounts import AccountKind, account_id, escrow_of, kind_of, owner_of, wallet_of
from core.ledger.positions import MAX_SLICES
from tests.model import rules as model
from tests.simulation.books import Debt, Event, Hold, Part, Transfer

if TYPE_CHECKING:
    from tests.simulation.rules import Rules

OVERAGE = "overage:day"  # limited by nothing


def charged(rules: Rules, transfer: Transfer) -> None:
    """S2: what happened is charged as far as there are funds, and the rest is owed."""
    command: object = rules.command
    event = _event(rules, transfer)
    assert event.amount == command.rating.amount.micros  # type: ignore[attr-defined]
    assert transfer.amount + event.allowance + event.overage == event.amount
    rules.still_valid(transfer)
    assert len(transfer.lines) <= 2 * MAX_SLICES
    _may_draw(rules, transfer, event.member)
    _counted(rules, transfer, event.member, event.allowance, _taken(transfer), event.overage)
    blocked = event.member in rules.books.frozen | rules.books.gone
    if event.overage and not blocked and len(transfer.lines) < 2 * MAX_SLICES:
        rules.owing.append((transfer, event.member))
    _owe(rules, transfer, event)


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
    _may_draw(rules, transfer, hold.member)
    for account, parts in hold.draws:
        assert _into(transfer, escrow_of(account), account) == parts, f"{hold} is not set aside in order (G1, L4)"
    _counted(rules, transfer, hold.member, hold.allowance, _taken(transfer))
    rules.books.reserved[hold.number] = [window for window, _ in transfer.windows]


def captured(rules: Rules, transfer: Transfer) -> None:
    """S2, L4: from the front of the draw, its back is freed; late, when it was freed before. What exceeds it is
    paid beside it, or owed."""
    hold, event = _hold(rules, transfer), _event(rules, transfer)
    late = hold.state == "expired"
    assert late or (hold.state == "open" and not model.is_late(hold.deadline_at, transfer.at)), (
        f"{hold} was captured (S2)"
    )
    assert event.member == hold.member
    if not late:
        _check_split(transfer, hold, max(event.amount - hold.allowance, 0))
    beside = _taken(transfer)
    covered = model.covered_by_hold(event.amount, hold.allowance, late=late)
    from_hold = 0 if late else min(event.amount - covered, hold.set_aside)
    assert from_hold + sum(beside.values()) + event.allowance + event.overage == event.amount
    _may_draw(rules, transfer, hold.member)
    if not late:
        assert sum(beside.values()) + event.allowance - covered + event.overage == max(event.amount - hold.amount, 0)
        _must_lapse(rules, hold, transfer)
        if event.amount < hold.amount:
            freed = {account: sum(n for _, n in _freed(transfer, account)) for account, _ in hold.draws}
            _given_back(rules, transfer, hold, hold.allowance - covered, freed)
    if event.amount > hold.amount or late:
        _counted(rules, transfer, hold.member, event.allowance - covered, beside, event.overage)
    hold.state, hold.charged, hold.overage, hold.is_late = "captured", event.amount, event.overage, late
    _owe(rules, transfer, event)


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


def reset(rules: Rules, transfer: Transfer) -> None:
    """S8: what was used of an allowance is nothing from now on; caps stay."""
    assert not transfer.lines
    assert transfer.windows, f"{transfer} resets nothing"
    for window, amount in transfer.windows:
        assert window[2] in {"5h", "weekly", "monthly"}, f"{transfer} resets a cap"
        assert model.is_open_window(window[3], window[4], transfer.at), f"{transfer} resets a window that is closed"
        assert amount == -rules.books.used[window], f"{transfer} leaves something in {window}"
        rules.books.resets[window[1:]] = max(transfer.at, rules.books.resets.get(window[1:], 0))


def refunded(rules: Rules, transfer: Transfer) -> None:
    """S9: at most once in total; what was owed is cancelled, lots go back to where they came from."""
    refund = rules.new_refunds.pop(transfer.number)
    event = rules.books.events[refund.event]
    rules.books.refunded[refund.event] += refund.amount
    assert (transfer.cause, transfer.org) == (refund.event, event.org)
    assert 0 < refund.amount == transfer.amount + refund.cancelled + refund.allowance
    assert rules.books.refunded[refund.event] <= event.amount, f"{event} was given back twice (S9)"
    if refund.cancelled:
        debt = rules.books.debts[refund.event]
        debt.cancelled += refund.cancelled
        assert debt.repaid + debt.cancelled <= debt.amount, f"more was cancelled than was owed: {debt}"
    for line in transfer.lines[1::2]:
        assert line.account == wallet_of(event.member) or kind_of(line.account) is AccountKind.POOL
        if rules.books.lots[line.lot].expired(transfer.at):
            rules.lapsing[line.account, line.lot] += line.amount
    for window, amount in transfer.windows:
        assert amount < 0, f"{transfer} counts what was given back"
        assert window[1] == event.member
        assert transfer.at < window[4], f"{transfer} touches a window that has closed (S6)"


def within_limits(rules: Rules) -> None:
    """S5, S6: nobody was let past a limit, and nobody owes what they could pay. Checked after a batch.

    Whoever lost a boost in it may have used more than is left to them now.
    """
    assert not rules.events, f"usage that no transfer charged: {rules.events}"
    for transfer, member in rules.owing:
        _must_have_paid(rules, transfer, member)
    for window, at in rules.added.items():
        limit, used = rules.limits[window[0]].limit(window[1], window[2], at), rules.books.used[window]
        assert limit is not None, f"{window} is of no plan and no cap"
        assert used <= limit or window[1] in rules.unboosted, f"{window}: {used} was used of {limit}"


# How it is done.


def _hold(rules: Rules, transfer: Transfer) -> Hold:
    assert transfer.cause is not None, f"{transfer} names no hold"
    return rules.books.holds[transfer.cause]


def _event(rules: Rules, transfer: Transfer) -> Event:
    rules.books.charged += 1
    event = rules.books.events[transfer.number] = rules.events.pop(transfer.number)
    return event


def _owe(rules: Rules, transfer: Transfer, event: Event) -> None:
    if event.overage:
        consumed = account_id(transfer.org, AccountKind.CONSUMED)
        debt = Debt(transfer.org, transfer.number, wallet_of(event.member), consumed, event.overage)
        rules.books.debts[transfer.number] = debt


def _may_draw(rules: Rules, transfer: Transfer, member: int) -> None:
    """Only their own wallet and pools pay; and of somebody frozen or gone only what a hold has set aside (G8)."""
    sources = {line.account for line in transfer.lines if line.amount < 0}
    free = {account for account in sources if kind_of(account) is not AccountKind.ESCROW}
    assert all(account == wallet_of(member) or kind_of(account) is AccountKind.POOL for account in free)
    _in_order(rules, transfer)
    blocked = member in rules.books.frozen | rules.books.gone
    assert not (blocked and free), f"{transfer} takes something of {member}, who is blocked (G8)"
    counted = [window for window, amount in transfer.windows if amount > 0 and window[2] != OVERAGE]
    assert not (blocked and counted), f"{transfer}: {member} is blocked (G8)"


def _in_order(rules: Rules, transfer: Transfer) -> None:
    """L4: what is taken of each wallet and pool is taken in spending order."""
    for account, parts in _draws(transfer).items():
        keys = []
        for number, _ in parts:
            lot = rules.books.lots[number]
            keys.append(
                model.spending_key(
                    number,
                    priority=lot.priority,
                    expires_at=lot.expires_at,
                    source=lot.source,
                    granted_at=lot.granted_at,
                )
            )
        assert keys == sorted(keys), f"{transfer} takes lots of {account} out of order (L4)"


def _taken(transfer: Transfer) -> Counter[int]:
    """Return how much a transfer took of each wallet and pool."""
    return Counter({account: sum(n for _, n in parts) for account, parts in _draws(transfer).items()})


def _draws(transfer: Transfer) -> dict[int, list[Part]]:
    draws: dict[int, list[Part]] = {}
    for line in transfer.lines:
        if line.amount < 0 and kind_of(line.account) is not AccountKind.ESCROW:
            draws.setdefault(line.account, []).append((line.lot, -line.amount))
    return draws


def _into(transfer: Transfer, target: int, source: int) -> list[Part]:
    pairs = zip(transfer.lines[::2], transfer.lines[1::2], strict=True)
    return [(to.lot, to.amount) for of, to in pairs if (of.account, to.account) == (source, target)]


def _freed(transfer: Transfer, account: int) -> list[Part]:
    return _into(transfer, account, escrow_of(account))


def _counted(
    rules: Rules, transfer: Transfer, member: int, allowance: int, taken: Counter[int], overage: int = 0
) -> None:
    """S5, S6: in every window of the plan what it covers, in every cap what lots gave, in a pool's what it gave;
    what is owed by the day."""
    of_plan, of_lots = rules.limits[transfer.org].meters(member)
    caps = rules.limits[transfer.org].caps.get(member, {})
    meters = of_plan | of_lots | {meter for meter in caps if meter.startswith("pool:")}
    of_pools = {str(owner_of(account)): amount for account, amount in taken.items()}
    due = {meter: model.counted_in(meter, allowance, sum(taken.values()), of_pools) for meter in meters}
    due[OVERAGE] = overage
    assert allowance == 0 or of_plan, f"{transfer}: {member} has no plan"
    counted = {window[2]: amount for window, amount in transfer.windows}
    assert counted == {meter: amount for meter, amount in due.items() if amount}, f"{transfer} is counted wrong"
    for window, _ in transfer.windows:
        assert window[:2] == (transfer.org, member)
        assert model.is_open_window(window[3], window[4], transfer.at), (
            f"{transfer} is counted in a window of another time"
        )
        if window[2] != OVERAGE:
            rules.added[window] = transfer.at


def _must_have_paid(rules: Rules, transfer: Transfer, member: int) -> None:
    """S1, S2: nothing is owed while a wallet could pay: it is empty by then, or a cap is reached.

    Asked at the end of the batch, when all that was decided before has its lines too, and what was decided after.
    """
    wallet, limits = wallet_of(member), rules.limits[transfer.org]
    held = rules.books.held[transfer.org, wallet].items()
    left = sum(amount for lot, amount in held if not rules.books.lots[lot].expired(transfer.at))
    reached = False
    for window, used in rules.books.used.items():
        limit = limits.limit(member, window[2], transfer.at)
        if window[1] == member and window[2][:4] == "cap:" and model.is_open_window(window[3], window[4], transfer.at):
            reached = reached or used + rules.given_back[window] >= (limit or 0)
    assert left <= rules.incoming[wallet] or reached, f"{transfer} leaves {left} unused and owes (S2)"


def _check_split(transfer: Transfer, hold: Hold, missing: int) -> None:
    """L4: what a capture charges of a hold, and what it frees."""
    consumed = account_id(transfer.org, AccountKind.CONSUMED)
    for account, parts in hold.draws:
        front, back = model.split(parts, missing)
        missing -= sum(amount for _, amount in front)
        taken = _into(transfer, consumed, escrow_of(account))
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
        if amount and transfer.at < window[4] and not was_reset:
            due[window] = -amount
    assert dict(transfer.windows) == due, f"{transfer} gives back {transfer.windows}, not {due}"
