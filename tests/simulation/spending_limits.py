"""What is set for spending in a month: plans and caps of an organization, as records and as plain numbers; boosts.

Moments are micro-seconds since the epoch. Plans and caps have been in force for long when a month begins, so that a
clock which is set back finds them too; boosts are dropped as it goes on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from core.ledger.credits import Credits
from core.ledger.records import Record
from core.metering.allowances import Plan, PlanAssignment
from core.metering.caps import Cap, Period
from tests.model.rules import boosted, effective_cap, is_open_window
from tests.simulation.books import Boost
from tests.support.clock import START

LONG_AGO = timedelta(days=300)


@dataclass
class SpendingLimits:
    """Amounts are micro-credits. ``plans`` and ``caps`` are by member, ``caps`` also by organization."""

    org: int
    plans: dict[int, dict[str, int]] = field(default_factory=dict)
    caps: dict[int, dict[str, int]] = field(default_factory=dict)
    boosts: dict[int, Boost] = field(default_factory=dict)

    def limit(self, member: int, meter: str, at: int) -> int | None:
        """Return the limit of one of a person's windows at a moment; None where none is set."""
        if meter in {"5h", "weekly", "monthly"}:
            limit = self.plans.get(member, {}).get(meter)
            return None if limit is None else boosted(limit, self._factors(member, at))
        mine = (self.caps.get(subject, {}) for subject in (member, self.org))
        return effective_cap((meter in caps, caps.get(meter)) for caps in mine)[1]

    def meters(self, member: int) -> tuple[set[str], set[str]]:
        """Return in which windows a person's allowance is counted, and in which what they take from lots."""
        caps = {**self.caps.get(self.org, {}), **self.caps.get(member, {})}
        return set(self.plans.get(member, {})), {meter for meter in caps if meter.startswith("cap:")}

    def _factors(self, member: int, at: int) -> list[Fraction]:
        mine = [each for each in self.boosts.values() if each.subject in {member, self.org}]
        return [Fraction(each.thousandths, 1_000) for each in mine if is_open_window(each.starts_at, each.ends_at, at)]


def limits_of(org: int, members: list[int], teams: list[int], dice: random.Random) -> SpendingLimits:
    """Draw what is set: some have a plan, some a cap."""
    first, second, third = dice.sample(members, 3)
    limits = SpendingLimits(org)
    limits.plans = {
        first: {"5h": dice.choice((5, 40)) * 1_000_000, "weekly": 90_000_000},
        second: {"monthly": 150_000_000},
    }
    limits.caps = {
        org: {"cap:month": 1_500_000_000},
        second: {"cap:day": dice.choice((30, 60, 400)) * 1_000_000},
        third: {f"pool:{teams[0]}:week": 25_000_000, "cap:week": 250_000_000},
    }
    return limits


def records_of(limits: SpendingLimits) -> Iterator[Record]:
    """Return the limits as the ledger reads them."""
    since, numbers = START - LONG_AGO, iter(range(1, 100))
    for member, plan_limits in limits.plans.items():
        windows = (_credits(plan_limits.get(meter)) for meter in ("5h", "weekly", "monthly"))
        plan = Plan(limits.org, next(numbers), "a plan", *windows, since)
        yield plan
        yield PlanAssignment(limits.org, member, since, plan.plan_id, since)
    for subject, caps in limits.caps.items():
        for meter, amount in caps.items():
            kind, *pool, period = meter.split(":")
            pool_id = int(pool[0]) if kind == "pool" else None
            yield Cap(limits.org, next(numbers), subject, pool_id, Period(period), Credits(amount), since, since)


def _credits(micros: int | None) -> Credits | None:
    return None if micros is None else Credits(micros)
