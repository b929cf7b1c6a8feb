"""Somebody who spends, for pure tests: what is set for them, and a book that knows all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from core.ledger.accounts import escrow_of, pool_of
from core.ledger.batch import BatchState
from core.ledger.credits import Credits
from core.ledger.members import Member, TeamSeat
from core.ledger.positions import Position
from core.ledger.records import Record
from core.metering.allowances import Plan, PlanAssignment, UsageWindow
from core.metering.boosts import Boost, Factor, Stage
from core.metering.caps import Cap, Period
from core.metering.spending import SpendingProfile
from tests.support.lots import ADA, ADAS, DAY, NOW

ORG, OLD_TEAM, NEW_TEAM = 1, 21, 22
OLD_POOL, NEW_POOL = pool_of(OLD_TEAM), pool_of(NEW_TEAM)
PLAN = 31

_next_id = count(100)


def a_plan(five_hours: str | None = None, weekly: str | None = None, monthly: str | None = None) -> Plan:
    """Return a plan with the named windows and no others."""
    limits = [None if limit is None else Credits.parse(limit) for limit in (five_hours, weekly, monthly)]
    return Plan(ORG, PLAN, "Pro", *limits, created_at=NOW)


def a_seat(
    plan_id: int | None = PLAN, *, member_id: int = ADA, from_at: datetime = NOW - DAY, anchor_at: datetime = NOW - DAY
) -> PlanAssignment:
    """Return Ada's seat, since a day."""
    return PlanAssignment(ORG, member_id, from_at, plan_id, anchor_at)


def a_window(
    meter: str, used: str, *, opens_at: datetime = NOW - DAY, closes_at: datetime = NOW + DAY, told: int = 0
) -> UsageWindow:
    return UsageWindow(ORG, ADA, meter, opens_at, closes_at, Credits.parse(used), told)


def a_cap(
    amount: str | None,
    *,
    subject_id: int = ADA,
    pool_id: int | None = None,
    period: Period = Period.DAY,
    from_at: datetime = NOW - DAY,
    created_at: datetime = NOW - DAY,
) -> Cap:
    """Return a cap on what Ada takes a day, in force since yesterday."""
    limit = None if amount is None else Credits.parse(amount)
    return Cap(ORG, next(_next_id), subject_id, pool_id, period, limit, from_at, created_at)


def a_boost(
    factor: str, *, subject_id: int = ADA, starts_at: datetime = NOW, ends_at: datetime = NOW + timedelta(days=31)
) -> Boost:
    """Return a boost of Ada's that starts now and lasts 31 days."""
    number = next(_next_id)
    return Boost(ORG, number, subject_id, Factor.parse(factor), starts_at, ends_at, None, ADA, NOW, Stage(0), None)


def a_spender(
    positions: Mapping[int, Iterable[Position]] | None = None, records: Sequence[Record] = ()
) -> SpendingProfile:
    """Return Ada, who sits in two teams, with what the accounts hold and what is set for her."""
    held = positions or {}
    return SpendingProfile(
        ORG,
        ADA,
        (OLD_TEAM, NEW_TEAM),
        None,
        tuple(each for each in records if isinstance(each, PlanAssignment)),
        tuple(each for each in records if isinstance(each, Plan)),
        tuple(each for each in records if isinstance(each, UsageWindow)),
        tuple(each for each in records if isinstance(each, Cap)),
        tuple(each for each in records if isinstance(each, Boost)),
        {account: list(held.get(account, ())) for account in (ADAS, OLD_POOL, NEW_POOL)},
    )


def a_book(
    positions: Mapping[int, Iterable[Position]] | None = None,
    records: Sequence[Record] = (),
    *,
    frozen: datetime | None = None,
    left: datetime | None = None,
) -> BatchState:
    """Return a book in which Ada sits in two teams; named accounts hold positions, all of hers are locked."""
    ids = count(1_000)
    batch = BatchState(NOW, lambda: next(ids))
    batch.members[ADA] = Member(ADA, ORG, "Ada", "person", "member", NOW, NOW, frozen, left)
    batch.seats[ORG, ADA] = (TeamSeat(NEW_TEAM, is_lead=True), TeamSeat(OLD_TEAM, is_lead=False))
    held = positions or {}
    for account in (ADAS, OLD_POOL, NEW_POOL):
        batch.locked |= {(ORG, account), (ORG, escrow_of(account))}
        batch.positions[account] = {each.lot.lot_id: each for each in held.get(account, ())}
    know_spending(batch, ORG, {ADA: (OLD_TEAM, NEW_TEAM)}, records)
    batch.begin(ORG, ADA, ())
    return batch


def know_spending(
    batch: BatchState, org_id: int, teams: Mapping[int, Iterable[int]], records: Iterable[Record] = ()
) -> None:
    """Let a book know all that the spending of some people depends on, as a batch reads it."""
    subjects = {org_id, *teams, *(team for several in teams.values() for team in several)}
    wished: dict[tuple[type[Record], str], Iterable[int]] = {
        (Plan, "org_id"): (org_id,),
        (PlanAssignment, "member_id"): (*teams, org_id),
        (UsageWindow, "member_id"): teams,
        (Cap, "subject_id"): subjects,
        (Boost, "subject_id"): subjects,
    }
    for (kind, column), values in wished.items():
        filed = batch.records.setdefault((kind, column), {})
        for value in values:
            filed.setdefault((org_id, value), {})
    for record in records:
        for (kind, column), filed in batch.records.items():
            if type(record) is kind and (found := filed.get((org_id, getattr(record, column)))) is not None:
                found[record.key] = record
