"""The one evaluator: what a person can spend, how a payment is made up, and why (S1).

What the editor shows, what ``why`` explains and what the gateway enforces come from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as it is at an instant: a window of an allowance or a cap. ``limit`` None is unlimited.

    ``is_open`` tells whether the window has begun; one of 5 hours begins with its first use.
    """

    meter: str
    limit: Credits | None
    used: Credits
    opens_at: datetime
    closes_at: datetime
    is_open: bool = True

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From when until when."""
        return self.opens_at, self.closes_at

    @property
    def headroom(self) -> Credits | None:
        """What is left of it, never below zero; None is unlimited."""
        return None if self.limit is None else max(self.limit - self.used, ZERO)


@dataclass(frozen=True, slots=True)
class FundingSource:
    """A wallet or pool that may be drawn: what it holds unexpired, and the caps on what this person takes from it."""

    account: int
    holds: Credits
    caps: tuple[Limit, ...] = ()

    @property
    def can_give(self) -> Credits:
        return _least(self.holds, self.caps)


@dataclass(frozen=True, slots=True)
class SpendingSnapshot:
    """All that a payment depends on, at one instant. Purses are in the order in which they are drawn."""

    allowance: tuple[Limit, ...]
    caps: tuple[Limit, ...]
    sources: tuple[FundingSource, ...]
    blocked: Code | None = None


class PaymentDraw(NamedTuple):
    """So much from one wallet or pool."""

    account: int
    amount: Credits


@dataclass(frozen=True, slots=True)
class Payment:
    """What an amount is made up of: the allowance, then lots, wallet before pools; ``short`` is what is missing."""

    allowance: Credits
    draws: tuple[PaymentDraw, ...]
    short: Credits

    @property
    def from_lots(self) -> Credits:
        return total(take.amount for take in self.draws)


class TraceStep(NamedTuple):
    """One line of the trace: a limit that was tested, what it leaves, and whether it was what blocked."""

    limit: str
    headroom: Credits | None
    blocks: bool
    until: datetime | None


def allowance_left(facts: SpendingSnapshot) -> Credits:
    """Windows nest: what is left is the least of them (S6)."""
    if not facts.allowance or facts.blocked:
        return ZERO
    first, *others = facts.allowance
    assert first.headroom is not None, "a plan's window has a limit"
    return _least(first.headroom, others)


def lots_left(facts: SpendingSnapshot) -> Credits:
    """Return what lots and pools can give, after all caps (S5)."""
    if facts.blocked:
        return ZERO
    return _least(total(source.can_give for source in facts.sources), facts.caps)


def zero_cap(facts: SpendingSnapshot) -> Limit | None:
    """Return the cap of zero that shuts own lots and pools off, if there is one (S5)."""
    return next((cap for cap in facts.caps if cap.limit == ZERO), None)


def spendable(facts: SpendingSnapshot) -> Credits:
    """Return the number people are shown: exactly what a series of payments can spend."""
    return allowance_left(facts) + lots_left(facts)


def pay(facts: SpendingSnapshot, amount: Credits) -> Payment:
    """Return how ``amount`` is paid: from the allowance, then from own lots, then from pools within their caps."""
    covered = min(amount, allowance_left(facts))
    missing = amount - covered
    room = min(missing, lots_left(facts))
    draws: list[PaymentDraw] = []
    for source in facts.sources:
        if taken := min(room, source.can_give):
            draws.append(PaymentDraw(source.account, taken))
            room -= taken
    return Payment(covered, tuple(draws), missing - total(take.amount for take in draws))


def trace(facts: SpendingSnapshot, payment: Payment) -> tuple[TraceStep, ...]:
    """Return every limit tested, in the order of the payment, and which of them blocked."""
    short = bool(payment.short)
    forbidding = forbidding_caps(facts, payment)
    is_empty = short and total(source.can_give for source in facts.sources) < payment.from_lots + payment.short
    steps = [TraceStep(facts.blocked.value, ZERO, blocks=True, until=None)] if facts.blocked else []
    left = allowance_left(facts)
    for window in facts.allowance:
        until = window.closes_at if window.is_open else None
        steps.append(TraceStep(window.meter, window.headroom, short and window.headroom == left, until))
    steps += [TraceStep(cap.meter, cap.headroom, cap in forbidding, cap.closes_at) for cap in facts.caps]
    for source in facts.sources:
        for cap in source.caps:
            blocks = short and cap.headroom is not None and cap.headroom < source.holds
            steps.append(TraceStep(cap.meter, cap.headroom, blocks, cap.closes_at))
        steps.append(TraceStep(str(source.account), source.holds, is_empty and source.can_give == source.holds, None))
    return tuple(steps)


def forbidding_caps(facts: SpendingSnapshot, payment: Payment) -> tuple[Limit, ...]:
    """Return the caps that would forbid the payment whatever the wallet held: each leaves less than lots have to give.

    Of somebody who is blocked there are none, for no cap is what stops them.
    """
    if not payment.short or facts.blocked:
        return ()
    needed = payment.from_lots + payment.short
    return tuple(cap for cap in facts.caps if cap.headroom is not None and cap.headroom < needed)


def missing_lots(facts: SpendingSnapshot, payment: Payment) -> Credits | None:
    """Return how many more credits in the own wallet would make the payment whole; None when caps forbid it."""
    if not payment.short or facts.blocked or forbidding_caps(facts, payment):
        return None
    return payment.short


def first_enough(steps: Iterable[tuple[datetime, SpendingSnapshot]], amount: Credits) -> datetime | None:
    """Return the first of some instants, in order, at which the amount could be paid."""
    return next((at for at, facts in steps if not pay(facts, amount).short), None)


def blocking_window(limits: Sequence[Limit]) -> Limit | None:
    """Return the window that blocks first: the one with the least left, of equals the one that ends last."""
    opened = [limit for limit in limits if limit.headroom is not None]
    return min(opened, key=lambda limit: (limit.headroom, -limit.closes_at.timestamp()), default=None)


def _least(amount: Credits, limits: Iterable[Limit]) -> Credits:
    """Return the amount, or the least that one of the limits leaves of it."""
    for limit in limits:
        headroom = limit.headroom
        if headroom is not None and headroom < amount:
            amount = headroom
    return amount
