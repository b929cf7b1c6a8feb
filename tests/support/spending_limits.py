"""The model's plans, caps and boosts as records and commands of the ledger under test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from core.ledger.credits import Credits
from core.ledger.records import Record
from core.metering.allowances import Plan, PlanAssignment
from core.metering.boosts import Factor
from core.metering.caps import Cap, Period
from core.services.boosts.boost_commands import GrantBoost
from tests.model.limits import ANCHOR, BOOSTS, CAPS, HOUR, PLANS

TEAMS = ("red", "blue")


def records_of(org_id: int, ids: Mapping[str, int], start: datetime) -> list[Record]:
    """Return plans and caps as records of an organization; ``ids`` are those of its people and teams."""
    numbers = {**ids, "all": org_id}
    plans = [
        Plan(org_id, 1 + place, name, *(_credits(plan.get(meter)) for meter in ("5h", "weekly", "monthly")), start)
        for place, (name, plan) in enumerate(PLANS.items())
    ]
    seats = [PlanAssignment(org_id, ids[plan.name], start, plan.plan_id, start + ANCHOR) for plan in plans]
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


def drops_of(org_id: int, ids: Mapping[str, int], start: datetime) -> list[GrantBoost]:
    """Return the boosts as the commands by which an admin grants them."""
    return [
        GrantBoost(
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
