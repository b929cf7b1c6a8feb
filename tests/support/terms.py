"""What is set for the spending of the people in the random ledger test: plans, caps and boosts, said once in words.

``spending_model.py`` reads it by its own rules; here it becomes the records and commands of the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.ledger.credits import Credits
from core.ledger.records import Record
from core.metering.allowances import Plan, PlanSeat
from core.metering.boosts import Factor
from core.metering.caps import Cap, Period
from core.services.commands.boosting import Drop

HOUR = timedelta(hours=1)
TEAMS = ("red", "blue")
CREDIT = 1_000_000


@dataclass(frozen=True)
class CapTerm:
    """``subject`` is a person, a team or "all"; with ``pool`` it is about that team's pool; None is unlimited."""

    subject: str
    period: str
    amount: int | None
    pool: str | None = None


@dataclass(frozen=True)
class BoostTerm:
    """A multiplier from one number of hours after the start to another."""

    subject: str
    factor: str
    from_hours: int
    to_hours: int


# Micro-credits by meter. Weeks and months are counted from 100 hours before the start.
PLANS: dict[str, dict[str, int]] = {
    "bo": {"5h": 30 * CREDIT, "weekly": 70 * CREDIT},
    "di": {"monthly": 55 * CREDIT},
}
ANCHOR = -100 * HOUR
CAPS = (
    CapTerm("all", "month", 900 * CREDIT),
    CapTerm("red", "day", 160 * CREDIT),
    CapTerm("cy", "day", None),
    CapTerm("bo", "week", 45 * CREDIT, pool="red"),
    CapTerm("ed", "week", 0),
)
BOOSTS = (BoostTerm("red", "2", 6, 90), BoostTerm("bo", "10", 24, 48), BoostTerm("all", "1.5", 30, 200))


def records_of(org_id: int, ids: Mapping[str, int], start: datetime) -> list[Record]:
    """Return plans and caps as records of an organisation; ``ids`` are those of its people and teams."""
    numbers = {**ids, "all": org_id}
    plans = [
        Plan(org_id, 1 + place, name, *(_credits(plan.get(meter)) for meter in ("5h", "weekly", "monthly")), start)
        for place, (name, plan) in enumerate(PLANS.items())
    ]
    seats = [PlanSeat(org_id, ids[plan.name], start, plan.plan_id, start + ANCHOR) for plan in plans]
    caps = [
        Cap(
            org_id,
            1 + place,
            numbers[cap.subject],
            None if cap.pool is None else ids[cap.pool],
            Period(cap.period),
            _credits(cap.amount),
            start,
            start,
        )
        for place, cap in enumerate(CAPS)
    ]
    return [*plans, *seats, *caps]


def drops_of(org_id: int, ids: Mapping[str, int], start: datetime) -> list[Drop]:
    """Return the boosts as the commands by which an admin drops them."""
    return [
        Drop(
            org_id,
            org_id,
            f"boost {place}",
            {**ids, "all": org_id}[boost.subject],
            is_team=boost.subject in TEAMS,
            factor=Factor.parse(boost.factor),
            starts_at=start + boost.from_hours * HOUR,
            ends_at=start + boost.to_hours * HOUR,
            lasts=None,
            reason=None,
            is_admin=True,
        )
        for place, boost in enumerate(BOOSTS)
    ]


def _credits(micros: int | None) -> Credits | None:
    return None if micros is None else Credits(micros)
