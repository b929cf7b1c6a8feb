"""How usage is paid: the evaluator is asked under the locks, and its answer is written (S1).

Whoever charges, authorizes or captures does it with these; none of them decides anything of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.batch import BatchState, WindowPosting
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import spending_order
from core.ledger.positions import MAX_SLICES, Slice, draw
from core.ledger.transfers import Move
from core.metering.allowances import ALLOWANCE_METERS, Plan, PlanAssignment, UsageWindow, threshold_reached
from core.metering.boosts import Boost
from core.metering.caps import Cap, Period, Span, period_of
from core.metering.evaluate import Limit, Payment, SpendingSnapshot
from core.metering.spending import SpendingProfile


def spending_profile(batch: BatchState, org_id: int, member_id: int) -> SpendingProfile:
    """Return what a person's spending depends on, as it is by now in the batch. Raises Refused(unknown_member)."""
    member = batch.member(member_id)
    if member is None:
        raise Refused(Code.UNKNOWN_MEMBER, "Member not found.")
    blocked = Code.NOT_ALLOWED if member.has_left else Code.ACCOUNT_FROZEN if member.is_frozen else None
    teams = tuple(sorted(seat.team_id for seat in batch.seats_of(member_id)))
    subjects = (member_id, *teams, org_id)
    return SpendingProfile(
        org_id,
        member_id,
        teams,
        blocked,
        tuple(seat for who in (member_id, org_id) for seat in batch.records_of(PlanAssignment, "member_id", who)),
        tuple(batch.records_of(Plan, "org_id", org_id)),
        tuple(batch.records_of(UsageWindow, "member_id", member_id)),
        tuple(cap for subject in subjects for cap in batch.records_of(Cap, "subject_id", subject)),
        tuple(boost for subject in subjects for boost in batch.records_of(Boost, "subject_id", subject)),
        {account: batch.held_by(account) for account in (wallet_of(member_id), *map(pool_of, teams))},
    )


def hold_draws(batch: BatchState, payment: Payment) -> list[tuple[int, tuple[Slice, ...]]]:
    """Return what each wallet and pool gives, in spending order (L4). Raises Refused(too_many_lots)."""
    draws: list[tuple[int, tuple[Slice, ...]]] = []
    drawn: list[Slice] = []
    for take in payment.draws:
        usable = [position for position in batch.held_by(take.account) if not position.lot.expired(batch.now)]
        slices = draw(usable, take.amount, spending_order, drawn=drawn, beside=payment.allowance)
        draws.append((take.account, slices))
        drawn.extend(slices)
    return draws


def within_one_transfer(batch: BatchState, payment: Payment, room: int = MAX_SLICES) -> Payment:
    """Return the payment as far as one transfer can carry it; what that leaves out is short (L7)."""
    draws = []
    for take in payment.draws:
        usable = [position for position in batch.held_by(take.account) if not position.lot.expired(batch.now)]
        usable.sort(key=lambda position: spending_order(position.lot))
        held = [position.remaining for position in usable if position.remaining][: max(room, 0)]
        amount = min(take.amount, Credits(sum(each.micros for each in held)))
        room -= _slices_needed(held, amount)
        if amount:
            draws.append(take._replace(amount=amount))
    carried = replace(payment, draws=tuple(draws))
    return replace(carried, short=payment.short + payment.from_lots - carried.from_lots)


def moves_to(draws: Iterable[tuple[int, tuple[Slice, ...]]], target: Callable[[int], int]) -> list[Move]:
    """Return the movements of draws to where ``target`` says that each account's slices go."""
    return [Move(account, target(account), slices) for account, slices in draws if slices]


def use_windows(
    batch: BatchState,
    transfer_id: int,
    member_id: int,
    facts: SpendingSnapshot,
    payment: Payment,
    *,
    reserves: bool = False,
) -> None:
    """Count a payment in the windows it was tested against; ``reserves`` where a hold may still give it back."""
    taken = {take.account: take.amount for take in payment.draws}
    counted = [(window, payment.allowance) for window in facts.allowance]
    counted += [(cap, payment.from_lots) for cap in facts.caps]
    counted += [(cap, taken.get(source.account, ZERO)) for source in facts.sources for cap in source.caps]
    for limit, amount in counted:
        _add(batch, transfer_id, member_id, limit, amount, reserves=reserves)


def captured_usage(batch: BatchState, member_id: int) -> dict[tuple[str, Span], Credits]:
    """Return what was captured or charged by now in each of a person's windows."""
    windows = batch.records_of(UsageWindow, "member_id", member_id)
    return {(window.meter, window.span): window.really_used for window in windows}


def notify_thresholds(
    batch: BatchState, member_id: int, facts: SpendingSnapshot, before: Mapping[tuple[str, Span], Credits]
) -> None:
    """Tell a person, once a window, which threshold what they really used has reached since ``before`` (S5)."""
    limits = [*facts.allowance, *facts.caps, *(cap for source in facts.sources for cap in source.caps)]
    for limit in limits:
        window = _window(batch, member_id, limit)
        if window is None or window.really_used <= before.get((window.meter, window.span), ZERO):
            continue
        reached = threshold_reached(window.really_used, limit.limit)
        if reached > window.told:
            body = {
                "meter": limit.meter,
                "percent": reached,
                "limit": str(limit.limit),
                "used": str(window.really_used),
                "resets_at": limit.closes_at.isoformat().replace("+00:00", "Z"),
            }
            batch.add_notice(wallet_of(member_id), "threshold", body=body, for_editor=True)
            batch.put(replace(window, told=reached))


def count_overage(batch: BatchState, transfer_id: int, member_id: int, amount: Credits) -> bool:
    """Count what nothing covered by the day, and return whether it is the day's first."""
    span = period_of(Period.DAY, batch.now)
    day = Limit("overage:day", None, ZERO, *span)
    is_first = _window(batch, member_id, day) is None
    _add(batch, transfer_id, member_id, day, amount)
    return is_first


def free_windows(
    batch: BatchState,
    transfer_id: int,
    reserved: Iterable[WindowPosting],
    freed: Callable[[str], Credits],
    *,
    since: datetime,
) -> None:
    """Give back to windows what was reserved in them at ``since``; ``freed`` tells how much by a meter's name.

    The rest of it is reserved no more either: it is really used. A window that has closed counts nowhere any more,
    and one that was reset since has given it back (S6, S8).
    """
    for posting in reserved:
        for window in batch.records_of(UsageWindow, "member_id", posting.member_id):
            if (window.meter, window.span) == (posting.meter, (posting.opens_at, posting.closes_at)):
                if window.closes_at <= batch.now or _was_reset(window, since):
                    continue
                amount = min(freed(posting.meter), window.used)
                if amount:
                    batch.post_window(transfer_id, window.member_id, window.meter, window.span, -amount)
                left = window.reserved - min(posting.amount, window.reserved)
                batch.put(replace(window, used=window.used - amount, reserved=left))


def freed_by_meter(allowance: Credits, by_source: Mapping[int, Credits]) -> Callable[[str], Credits]:
    """Return what a meter gets back: an allowance its part, a cap what came from lots, a pool's cap the pool's; what
    nothing covered is no part of them."""
    from_lots = Credits(sum(amount.micros for amount in by_source.values()))

    def freed(meter: str) -> Credits:
        if meter.startswith("pool:"):
            return by_source.get(pool_of(int(meter.split(":")[1])), ZERO)
        if meter.startswith("cap:"):
            return from_lots
        return allowance if meter in ALLOWANCE_METERS else ZERO

    return freed


def _add(
    batch: BatchState, transfer_id: int, member_id: int, limit: Limit, amount: Credits, *, reserves: bool = False
) -> None:
    """Count an amount; what would never be given back, because the window was reset by a later clock, is used."""
    if not amount:
        return
    batch.post_window(transfer_id, member_id, limit.meter, limit.span, amount)
    fresh = UsageWindow(batch.org_id, member_id, limit.meter, *limit.span)
    before = _window(batch, member_id, limit) or fresh
    reserved = amount if reserves and not _was_reset(before, batch.now) else ZERO
    batch.put(replace(before, used=before.used + amount, reserved=before.reserved + reserved))


def _was_reset(window: UsageWindow, since: datetime) -> bool:
    return window.reset_at is not None and window.reset_at >= since


def _window(batch: BatchState, member_id: int, limit: Limit) -> UsageWindow | None:
    for window in batch.records_of(UsageWindow, "member_id", member_id):
        if (window.meter, window.span) == (limit.meter, limit.span):
            return window
    return None


def _slices_needed(held: Iterable[Credits], amount: Credits) -> int:
    needed = 0
    for each in held:
        if not amount:
            break
        amount -= min(each, amount)
        needed += 1
    return needed
