"""Plans: how much usage is included, and who has which. Plain configuration: nothing of it moves credits.

A plan is never changed: a change is a new plan, given in the place of the old. Windows stay where they are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from core.ledger.credits import MAX_TRANSFER, Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.metering.allowances import Plan, PlanAssignment, assignment_in_force
from core.services.common.actors import Actor
from core.services.common.authorization import named_subjects, readable, require_lead, subject_id
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import Page
from core.services.common.text import checked_name, is_same_name
from core.services.people.members import require_admin
from core.store.queries import organizations
from core.store.queries import plans as stored
from core.store.watch import announce

MAX_PLANS: Final = 100  # of an organization: every authorization reads them
MAX_ANCHOR: Final = timedelta(days=366)  # how far a start may lie from now


@dataclass(frozen=True, slots=True)
class PlanView:
    """How much usage a plan includes in each kind of window; None is no such window."""

    id: str
    name: str
    five_hours: Credits | None
    weekly: Credits | None
    monthly: Credits | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanAssignmentView:
    """Who has which plan: ``subject`` is a member's id, or the organization's for everybody without one of their own.

    Weeks and months are counted from ``anchor_at``. ``is_own`` is False for a member who has everybody's plan.
    """

    subject: str
    name: str
    plan: PlanView | None
    is_own: bool
    from_at: datetime | None
    anchor_at: datetime | None


async def create_plan(
    ledger: LedgerService,
    *,
    actor: Actor,
    name: str,
    five_hours: Credits | None = None,
    weekly: Credits | None = None,
    monthly: Credits | None = None,
) -> PlanView:
    """Describe a plan, by an admin. A window of "0" includes nothing.

    Raises Refused: not_allowed, already_exists when a plan has this name, invalid_request without any window, and
    past MAX_PLANS.
    """
    require_admin(actor)
    limits = {"five_hours": five_hours, "weekly": weekly, "monthly": monthly}
    if all(limit is None for limit in limits.values()):
        raise _wrong("five_hours", "A plan needs at least one window: five_hours, weekly or monthly.")
    for field, limit in limits.items():
        if limit is not None and limit > MAX_TRANSFER:
            raise _wrong(field, f"A window includes at most {MAX_TRANSFER.shown()} cr.")
    plan = Plan(actor.org_id, ledger.new_id(), checked_name(name), five_hours, weekly, monthly, ledger.clock())

    def add(connection: Connection) -> None:
        organizations.lock_organization(connection, org_id=actor.org_id)
        known = stored.plans(connection, actor.org_id, after=0, limit=MAX_PLANS)
        _require_new_name(plan.name, known)
        if len(known) >= MAX_PLANS:
            raise _wrong("name", f"There are {MAX_PLANS} plans already; remove one that nobody has.")
        stored.add_plan(connection, plan)

    await ledger.write(add)
    return plan_view(plan)


async def list_plans(
    ledger: LedgerService, *, actor: Actor, limit: int = 50, cursor: str | None = None
) -> Page[PlanView]:
    """Return the organization's plans, oldest first, to leads and admins."""
    size, after = checked_limit(limit), 0 if cursor is None else int(place_of(cursor, (int,))[0])

    def find(connection: Connection) -> list[Plan]:
        require_lead(connection, actor)
        return stored.plans(connection, actor.org_id, after=after, limit=size + 1)

    found = await ledger.read(find)
    following = cursor_of(found[size - 1].plan_id) if len(found) > size else None
    return Page(tuple(map(plan_view, found[:size])), following)


async def remove_plan(ledger: LedgerService, *, actor: Actor, plan_id: str) -> None:
    """Remove a plan, by an admin. Raises Refused: not_found, not_allowed, plan_in_use."""
    require_admin(actor)

    def remove(connection: Connection) -> None:
        organizations.lock_organization(connection, org_id=actor.org_id)
        plan = _plan(connection, actor, plan_id)
        if not stored.remove_plan(connection, actor.org_id, plan.plan_id):
            raise Refused(Code.PLAN_IN_USE, f"Somebody has the plan {plan.name!r}; give them another one first.")

    await ledger.write(remove)


async def give_plan(
    ledger: LedgerService, *, actor: Actor, subject: str, plan_id: str | None, anchor_at: datetime | None = None
) -> PlanAssignmentView:
    """Give a member a plan, or everybody who has none of their own (the organization's id), by an admin; it counts
    at once. Without ``plan_id`` it is taken away, and everybody's counts again.

    Windows that are open stay as they are. Weeks and months count from ``anchor_at``; without it they go on as
    before, or begin now. Raises Refused: not_allowed, not_found, invalid_request for a start too far away.
    """
    require_admin(actor)
    now = ledger.clock()
    if anchor_at is not None and abs(anchor_at - now) > MAX_ANCHOR:
        raise _wrong("anchor_at", f"The start must lie within {MAX_ANCHOR.days} days of now.")

    def give(connection: Connection) -> tuple[list[int] | None, PlanAssignmentView]:
        organizations.lock_organization(connection, org_id=actor.org_id)
        who = subject_id(connection, actor, subject, Prefix.MEMBER, Prefix.ORG)
        plan = None if plan_id is None else _plan(connection, actor, plan_id)
        before = _assignment(connection, actor.org_id, who, now)
        anchor = anchor_at or (before.anchor_at if before is not None else now)
        number = None if plan is None else plan.plan_id
        stored.save_assignment(connection, PlanAssignment(actor.org_id, who, now, number, anchor))
        topics = None if who == actor.org_id else [who]
        announce(connection, topics)
        return topics, _assignment_view(connection, actor.org_id, who, now)

    topics, given = await ledger.write(give)
    ledger.changes.publish(topics)
    return given


async def list_assignments(
    ledger: LedgerService, *, actor: Actor, limit: int = 50, cursor: str | None = None
) -> Page[PlanAssignmentView]:
    """Return who was given a plan, by id, to admins; who has everybody's is not listed."""
    require_admin(actor)
    size, after = checked_limit(limit), 0 if cursor is None else int(place_of(cursor, (int,))[0])
    now = ledger.clock()

    def find(connection: Connection) -> tuple[list[PlanAssignment], tuple[PlanAssignmentView, ...]]:
        found = stored.assignments(connection, actor.org_id, after=after, limit=size + 1)
        return found, _assignment_views(connection, actor.org_id, [seat.member_id for seat in found[:size]], now)

    found, views = await ledger.read(find)
    return Page(views, cursor_of(found[size - 1].member_id) if len(found) > size else None)


async def assignment(ledger: LedgerService, *, actor: Actor, subject: str) -> PlanAssignmentView:
    """Return the plan that a member has, or everybody's: one's own, that of a team one leads, to an admin any."""
    now = ledger.clock()

    def find(connection: Connection) -> PlanAssignmentView:
        if subject.startswith(f"{Prefix.ORG.value}_"):
            return _assignment_view(connection, actor.org_id, subject_id(connection, actor, subject, Prefix.ORG), now)
        return _assignment_view(connection, actor.org_id, readable(connection, actor, subject).member_id, now)

    return await ledger.read(find)


def plan_view(plan: Plan) -> PlanView:
    shown = shown_id(Prefix.PLAN, plan.plan_id)
    return PlanView(shown, plan.name, plan.five_hours, plan.weekly, plan.monthly, plan.created_at)


def _assignment(connection: Connection, org_id: int, who: int, now: datetime) -> PlanAssignment | None:
    return assignment_in_force(stored.assignments_of(connection, org_id, {who, org_id}), who, now)


def _assignment_view(connection: Connection, org_id: int, who: int, now: datetime) -> PlanAssignmentView:
    return _assignment_views(connection, org_id, [who], now)[0]


def _assignment_views(
    connection: Connection, org_id: int, people: Collection[int], now: datetime
) -> tuple[PlanAssignmentView, ...]:
    """Return the plan each has now, with three reads for all of them."""
    seats = stored.assignments_of(connection, org_id, {*people, org_id})
    plans = {plan.plan_id: plan for plan in stored.plans(connection, org_id, after=0, limit=MAX_PLANS)}
    names = named_subjects(connection, org_id, people)
    views = []
    for who in people:
        found = assignment_in_force((seat for seat in seats if seat.member_id in {who, org_id}), who, now)
        if found is None or found.plan_id is None:
            views.append(PlanAssignmentView(*names[who], None, is_own=False, from_at=None, anchor_at=None))
        else:
            plan, is_own = plan_view(plans[found.plan_id]), found.member_id == who
            views.append(PlanAssignmentView(*names[who], plan, is_own, found.from_at, found.anchor_at))
    return tuple(views)


def _plan(connection: Connection, actor: Actor, plan_id: str) -> Plan:
    found = stored.plan(connection, actor.org_id, parse_id(Prefix.PLAN, plan_id))
    if found is None:
        raise Refused(Code.NOT_FOUND, f"Plan {plan_id!r} not found. See the list of plans.")
    return found


def _require_new_name(name: str, known: Collection[Plan]) -> None:
    """Raise Refused(already_exists) when a plan has this name: people give plans by their names."""
    same = next((plan for plan in known if is_same_name(plan.name, name)), None)
    if same is not None:
        shown = shown_id(Prefix.PLAN, same.plan_id)
        sentence = f"There is a plan {same.name!r} already ({shown}). Give that one, or choose another name."
        raise Refused(Code.ALREADY_EXISTS, sentence, plan=shown)


def _wrong(field: str, sentence: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, sentence, errors=[{"field": field, "message": sentence}])
