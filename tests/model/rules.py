"""The rules of gifts and spending, each stated once and named by its number in the design.

Plain functions of plain values, written from the rules and not from the product's code. The random machine's model
applies them to predict what a command does; the simulated months apply them to what was committed. A moment is a
datetime or a number of microseconds, an amount is in micro-credits, and None is an expiry or a limit that isn't set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import Any

Moment = Any  # a datetime, or microseconds since the epoch
Part = tuple[int, int]  # a lot and how much of it
OPEN = ("pending", "in_review")
COUNTED = (*OPEN, "settled")
NOT_PAID = {"promo", "referral"}


def is_expired(expires_at: Moment | None, at: Moment) -> bool:
    """L5: a lot is unusable from its expiry on, whether or not the job has run."""
    return expires_at is not None and bool(expires_at <= at)


def spending_key(
    number: int, *, priority: int, expires_at: Moment | None, source: str, granted_at: Moment
) -> tuple[Any, ...]:
    """L4: priority, expiry (never last), promo before paid, when it was granted, lot."""
    return (priority, *_expiry_key(expires_at), source not in NOT_PAID, granted_at, number)


def soonest_key(number: int, *, expires_at: Moment | None, granted_at: Moment) -> tuple[Any, ...]:
    """L4: the default order of gifts."""
    return (*_expiry_key(expires_at), granted_at, number)


def split(parts: Iterable[Part], amount: int) -> tuple[list[Part], list[Part]]:
    """L4: a capture charges a draw from the front; the back is freed."""
    front, back = [], []
    for lot, size in parts:
        taken = min(size, amount)
        amount -= taken
        if taken:
            front.append((lot, taken))
        if size > taken:
            back.append((lot, size - taken))
    return front, back


def is_over(state: str, settles_at: Moment, at: Moment) -> bool:
    """G2: from its instant on a pending gift counts as settled; nobody cancels, declines or rejects it any more."""
    return state == "pending" and bool(settles_at <= at)


def travels(expires_at: Moment | None, *, giftable: bool, useful_until: Moment) -> bool:
    """G3: a giftable lot that is still valid for the minimum time of use after settlement."""
    return giftable and not is_expired(expires_at, useful_until)


def has_lapsed(state: str, settles_at: Moment, expiries: Iterable[Moment | None], at: Moment) -> bool:
    """G2, G4: a part expired while the gift was open. What expires after a gift was due is the recipient's loss."""
    moment = min(at, settles_at) if state == "pending" else at
    return any(is_expired(each, moment) for each in expiries)


def must_return(*, lapsed: bool, somebody_left: bool, sender_frozen: bool) -> bool:
    """G4, G8: an expiry, a leaver on either side, or a frozen sender sends the whole gift back."""
    return lapsed or somebody_left or sender_frozen


def reviewed_settles_at(settles_at: Moment, approved_at: Moment) -> Moment:
    """G2: approval never brings the settlement forward."""
    return max(settles_at, approved_at)


def counts_today(state: str, created_at: Moment, at: Moment, day: Any) -> bool:
    """Section 7: the day rolls, and what was cancelled, declined, rejected or returned doesn't count."""
    return state in COUNTED and bool(created_at > at - day)


def within_limits(*values_and_limits: tuple[int, int | None]) -> bool:
    """Section 7: each value, this gift included, is at most its limit."""
    return all(limit is None or value <= limit for value, limit in values_and_limits)


def claw_back(amount: int, still_held: int) -> int:
    """G6: of each slice at most what the recipient's position of that lot still holds; the rest is owed."""
    return min(amount, still_held)


def boosted(limit: int, factors: Collection[Fraction]) -> int:
    """S6: a boost multiplies every limit of the plan; of several the largest counts, never the product."""
    return int(limit * max(factors, default=Fraction(1)))


def effective_cap(caps: Iterable[tuple[bool, int | None]]) -> tuple[bool, int | None]:
    """S5: the first that is set of a person's own, their team's and everybody's; return whether one is, and which."""
    return next((cap for cap in caps if cap[0]), (False, None))


def left_of(limit: int | None, used: int, amount: int) -> int:
    """S5, S6: how much of an amount a limit still allows; never less than nothing."""
    return amount if limit is None else max(min(amount, limit - used), 0)


def plan_left(limits_and_used: Iterable[tuple[int, int]]) -> int:
    """S6: the windows of a plan nest, so what is left is the least of them; without a plan it is nothing."""
    return min((left_of(limit, used, limit) for limit, used in limits_and_used), default=0)


def takes_back(closes_at: Moment, at: Moment, *, reset_since: bool = False) -> bool:
    """S6, S8: a window takes back what was freed unless it has closed, or was reset since the authorization."""
    return bool(at < closes_at) and not reset_since


def is_open_window(opens_at: Moment, closes_at: Moment, at: Moment) -> bool:
    """S6: a window holds its first moment and not its last."""
    return bool(opens_at <= at < closes_at)


def counted_in(meter: str, allowance: int, taken: int, of_pools: dict[str, int]) -> int:
    """S5, S6: a plan's windows count what it covers, caps what lots gave, a pool's cap what that pool gave."""
    if meter.startswith("pool:"):
        return of_pools.get(meter.split(":")[1], 0)
    return taken if meter.startswith("cap:") else allowance


def covered_by_hold(amount: int, allowance: int, *, late: bool) -> int:
    """S2: what a capture takes of the allowance its hold reserved; nothing when it was freed before."""
    return 0 if late else min(amount, allowance)


def is_late(deadline_at: Moment, at: Moment) -> bool:
    """S2: a hold is freed at its deadline, and a capture from then on is late."""
    return bool(at >= deadline_at)


def repays(source: str) -> bool:
    """G6: an obligation is repaid by whatever comes next that is not a promo."""
    return source != "promo"


def _expiry_key(expires_at: Moment | None) -> tuple[bool, Any]:
    return (expires_at is None, 0 if expires_at is None else expires_at)
