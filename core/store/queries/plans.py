"""Plans and who has them, as they are read and written outside the journal."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, delete, exists

from core.metering.allowances import Plan, PlanAssignment
from core.store.records import query_records, values_of
from core.store.tables import PlanAssignmentRow as SeatRow
from core.store.tables import PlanRow

_PLAN: Final = PlanRow.metadata.tables["plan"]
_SEAT: Final = SeatRow.metadata.tables["plan_seat"]


def add_plan(connection: Connection, plan: Plan) -> None:
    connection.execute(_PLAN.insert().values(values_of(plan)))


def plan(connection: Connection, org_id: int, plan_id: int) -> Plan | None:
    which = "WHERE r.org_id = :org AND r.plan_id = :plan"
    return next(iter(query_records(connection, Plan, which, org=org_id, plan=plan_id)), None)


def plans(connection: Connection, org_id: int, *, after: int, limit: int) -> list[Plan]:
    """Return an organization's plans, oldest first."""
    which = "WHERE r.org_id = :org AND r.plan_id > :after ORDER BY r.plan_id LIMIT :most"
    return query_records(connection, Plan, which, org=org_id, after=after, most=limit)


def remove_plan(connection: Connection, org_id: int, plan_id: int) -> bool:
    """Remove a plan that nobody has; False when somebody has it."""
    had = exists().where(_SEAT.c.org_id == org_id, _SEAT.c.plan_id == plan_id)
    gone = delete(_PLAN).where(_PLAN.c.org_id == org_id, _PLAN.c.plan_id == plan_id, ~had)
    return connection.execute(gone).rowcount == 1


def assignments_of(connection: Connection, org_id: int, members: Collection[int]) -> list[PlanAssignment]:
    """Return the seats of people, and with the organization's id among them that of everybody else."""
    named = {f"m{place}": member for place, member in enumerate(members)}
    which = f"""WHERE r.org_id = :org AND r.member_id IN ({", ".join(f":{name}" for name in named)})
                ORDER BY r.member_id, r.from_at"""
    return query_records(connection, PlanAssignment, which, org=org_id, **named)


def assignments(connection: Connection, org_id: int, *, after: int, limit: int) -> list[PlanAssignment]:
    """Return the newest seat of each person, and of everybody, that holds a plan; by id."""
    which = """WHERE r.org_id = :org AND r.member_id > :after AND r.plan_id IS NOT NULL AND NOT EXISTS
               (SELECT 1 FROM plan_seat n WHERE n.org_id = r.org_id AND n.member_id = r.member_id
                AND n.from_at > r.from_at) ORDER BY r.member_id LIMIT :most"""
    return query_records(connection, PlanAssignment, which, org=org_id, after=after, most=limit)


def save_assignment(connection: Connection, seat: PlanAssignment) -> None:
    """Write a seat in the place of those before, which count no more: every authorization reads them."""
    before = (_SEAT.c.org_id == seat.org_id, _SEAT.c.member_id == seat.member_id)
    connection.execute(delete(_SEAT).where(*before))
    connection.execute(_SEAT.insert().values(values_of(seat)))
