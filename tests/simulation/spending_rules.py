"""What must be true of usage that was charged, refunded or reset, and of every payment (S1, S2, S5, S6, S8, S9)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from core.ledger.accounts import AccountKind, account_id, kind_of, owner_of, wallet_of
from core.ledger.positions import MAX_SLICES
from tests.model import rules as model
from tests.simulation.books import Debt, Event, Part, Transfer

if TYPE_CHECKING:
    from tests.simulation.rules import Rules

OVERAGE = "overage:day"  # limited by nothing


def charged(rules: Rules, transfer: Transfer) -> None:
    """S2: what happened is charged as far as there are funds, and the rest is owed."""
    command: object = rules.command
    event = event_of(rules, transfer)
    assert event.amount == command.rating.amount.micros  # type: ignore[attr-defined]
    assert transfer.amount + event.allowance + event.overage == event.amount
    rules.still_valid(transfer)
    assert len(transfer.lines) <= 2 * MAX_SLICES
    may_draw(rules, transfer, event.member)
    counted(rules, transfer, event.member, event.allowance, taken_of(transfer), event.overage)
    blocked = event.member in rules.books.frozen | rules.books.gone
    if event.overage and not blocked and len(transfer.lines) < 2 * MAX_SLICES:
        rules.owing.append((transfer, event.member))
    owe(rules, transfer, event)


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
        assert model.takes_back(window[4], transfer.at), f"{transfer} touches a window that has closed (S6)"


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


def event_of(rules: Rules, transfer: Transfer) -> Event:
    rules.books.charged += 1
    event = rules.books.events[transfer.number] = rules.events.pop(transfer.number)
    return event


def owe(rules: Rules, transfer: Transfer, event: Event) -> None:
    if event.overage:
        consumed = account_id(transfer.org, AccountKind.CONSUMED)
        debt = Debt(transfer.org, transfer.number, wallet_of(event.member), consumed, event.overage)
        rules.books.debts[transfer.number] = debt


def may_draw(rules: Rules, transfer: Transfer, member: int) -> None:
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


def taken_of(transfer: Transfer) -> Counter[int]:
    """Return how much a transfer took of each wallet and pool."""
    return Counter({account: sum(n for _, n in parts) for account, parts in _draws(transfer).items()})


def _draws(transfer: Transfer) -> dict[int, list[Part]]:
    draws: dict[int, list[Part]] = {}
    for line in transfer.lines:
        if line.amount < 0 and kind_of(line.account) is not AccountKind.ESCROW:
            draws.setdefault(line.account, []).append((line.lot, -line.amount))
    return draws


def into(transfer: Transfer, target: int, source: int) -> list[Part]:
    pairs = zip(transfer.lines[::2], transfer.lines[1::2], strict=True)
    return [(to.lot, to.amount) for of, to in pairs if (of.account, to.account) == (source, target)]


def counted(
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
    blocked = member in rules.books.frozen | rules.books.gone
    if of_plan and not blocked and sum(taken.values()) + overage:
        left = _allowance_left(rules, transfer, member, of_plan)
        assert left <= allowance, f"{transfer}: {left} was included, only {allowance} was used (S1)"
    for window, _ in transfer.windows:
        assert window[:2] == (transfer.org, member)
        assert model.is_open_window(window[3], window[4], transfer.at), (
            f"{transfer} is counted in a window of another time"
        )
        if window[2] != OVERAGE:
            rules.added[window] = transfer.at


def _allowance_left(rules: Rules, transfer: Transfer, member: int, meters: set[str]) -> int:
    """S1, S6: what a plan still included just before a transfer; the least of its windows."""
    limits, used = rules.limits[transfer.org], Counter(dict.fromkeys(meters, 0))
    for window, amount in rules.books.used.items():
        if window[:2] == (transfer.org, member) and model.is_open_window(window[3], window[4], transfer.at):
            used[window[2]] = max(used[window[2]], amount)
    return model.plan_left((limits.limit(member, meter, transfer.at) or 0, used[meter]) for meter in meters)


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
