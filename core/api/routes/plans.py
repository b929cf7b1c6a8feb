"""Plans over HTTP: how much usage is included, and who has which."""

from __future__ import annotations

from fastapi import APIRouter

from core.api.dependencies import AdminActor, LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.base import Cursor, Limit, PageShown
from core.api.schemas.plans import (
    PlanAssignmentRequest,
    PlanAssignmentShown,
    PlanRequest,
    PlanShown,
    plan_shown,
    seat_shown,
)
from core.services.allowances import plans

router = APIRouter(prefix="/v1/plans", route_class=GuardedRoute, tags=["plans"])


@router.get("", summary="Plans, oldest first", responses=problems())
async def list_plans(
    ledger: LedgerDep, actor: ReadActor, limit: Limit = 50, cursor: Cursor = None
) -> PageShown[PlanShown]:
    """Return the organization's plans to leads and admins."""
    page = await plans.list_plans(ledger, actor=actor, limit=limit, cursor=cursor)
    return PageShown(items=[plan_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=201, summary="Make a plan", responses=problems(409, 413, 415))
async def create(given: PlanRequest, ledger: LedgerDep, actor: AdminActor) -> PlanShown:
    """An admin describes a plan. It is never changed: a change is a new plan, given in the place of the old."""
    made = await plans.create_plan(
        ledger,
        actor=actor,
        name=given.name,
        five_hours=given.five_hours,
        weekly=given.weekly,
        monthly=given.monthly,
    )
    return plan_shown(made)


@router.get("/seats", summary="Who was given a plan", responses=problems())
async def list_seats(
    ledger: LedgerDep, actor: AdminActor, limit: Limit = 50, cursor: Cursor = None
) -> PageShown[PlanAssignmentShown]:
    """Return who has a plan of their own, and everybody's."""
    page = await plans.list_assignments(ledger, actor=actor, limit=limit, cursor=cursor)
    return PageShown(items=[seat_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/seats/{subject_id}", summary="The plan somebody has", responses=problems(404))
async def get_seat(subject_id: str, ledger: LedgerDep, actor: ReadActor) -> PlanAssignmentShown:
    """Return one's own, that of somebody of a team one leads, to an admin any; by the organization's id everybody's."""
    return seat_shown(await plans.assignment(ledger, actor=actor, subject=subject_id))


@router.put("/seats/{subject_id}", summary="Give a plan", responses=problems(404, 413, 415))
async def give(
    subject_id: str, given: PlanAssignmentRequest, ledger: LedgerDep, actor: AdminActor
) -> PlanAssignmentShown:
    """An admin gives a member a plan, or everybody without one of their own by the organization's id.

    It counts at once, and windows that are open stay where they are.
    """
    seat = await plans.give_plan(ledger, actor=actor, subject=subject_id, plan_id=given.plan, anchor_at=given.anchor_at)
    return seat_shown(seat)


@router.delete("/seats/{subject_id}", summary="Take a plan away", responses=problems(404))
async def take(subject_id: str, ledger: LedgerDep, actor: AdminActor) -> PlanAssignmentShown:
    """An admin takes a plan away; what everybody has counts again."""
    return seat_shown(await plans.give_plan(ledger, actor=actor, subject=subject_id, plan_id=None))


@router.delete("/{plan_id}", status_code=204, summary="Remove a plan", responses=problems(404, 409))
async def remove(plan_id: str, ledger: LedgerDep, actor: AdminActor) -> None:
    """An admin removes a plan that nobody has."""
    await plans.remove_plan(ledger, actor=actor, plan_id=plan_id)
