"""Boosts over HTTP: who has one, drop one, end one, and what leads may drop."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from core.api.dependencies import (
    REPLAYED,
    AdminActor,
    GiveActor,
    IdempotencyKey,
    LedgerDep,
    ReadActor,
    problems,
    replay_headers,
    required_key,
)
from core.api.guard import GuardedRoute
from core.api.schemas.base import Id
from core.api.schemas.boosts import (
    BoostDetailShown,
    BoostEndRequest,
    BoostRequest,
    BoostsShown,
    BudgetRequest,
    BudgetShown,
    boost_detail_shown,
    budget_shown,
)
from core.services.boosts import boosts

router = APIRouter(prefix="/v1/boosts", route_class=GuardedRoute, tags=["boosts"])

_MADE: dict[int | str, dict[str, Any]] = {
    201: {"description": "It is written; it counts from its start on.", "headers": REPLAYED},
    **problems(404, 409, 413, 415),
}
_ENDED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The boost as it is now.", "headers": REPLAYED},
    **problems(404, 409, 413, 415),
}


@router.get("", summary="Boosts that run or will", responses=problems(404))
async def list_boosts(
    ledger: LedgerDep,
    actor: ReadActor,
    member: Annotated[Id | None, Query(description="A member; absent is oneself. Others' are for admins.")] = None,
    team: Annotated[Id | None, Query(description="A team, instead of a member.")] = None,
) -> BoostsShown:
    """Return the boosts of a member, their teams and the organization, or of one team. The largest running counts."""
    found = await boosts.boosts(ledger, actor=actor, member_id=member, team_id=team)
    return BoostsShown(items=[boost_detail_shown(each) for each in found])


@router.post("", status_code=201, summary="Drop a boost", responses=_MADE)
async def drop(
    given: BoostRequest, ledger: LedgerDep, actor: GiveActor, response: Response, key: IdempotencyKey = None
) -> BoostDetailShown:
    """An admin boosts a member, a team or everybody; a lead their own team, from its budget of boost days."""
    answer = await boosts.grant(
        ledger,
        actor=actor,
        key=required_key(key),
        to=given.to.target(),
        factor=given.factor,
        starts_at=given.starts_at,
        ends_at=given.ends_at,
        days=given.days,
        reason=given.reason,
    )
    response.headers.update(replay_headers(answer))
    return boost_detail_shown(answer.item)


@router.post("/{boost_id}/end", summary="End a boost early", responses=_ENDED)
async def end(
    boost_id: str, given: BoostEndRequest, ledger: LedgerDep, actor: GiveActor, response: Response
) -> BoostDetailShown:
    """An admin, or a lead of the boosted team, ends a boost; limits fall at once, and nothing resets."""
    answer = await boosts.end(ledger, actor=actor, boost_id=boost_id, reason=given.reason)
    response.headers.update(replay_headers(answer))
    return boost_detail_shown(answer.item)


@router.get("/budgets/{team_id}", summary="A team's boost days", responses=problems(404))
async def budget(team_id: str, ledger: LedgerDep, actor: ReadActor) -> BudgetShown:
    """Return how many days of boosts the team's leads may still drop this month."""
    return budget_shown(await boosts.budget(ledger, actor=actor, team_id=team_id))


@router.put("/budgets/{team_id}", summary="Set a team's boost days", responses=problems(404, 413, 415))
async def set_budget(team_id: str, given: BudgetRequest, ledger: LedgerDep, actor: AdminActor) -> BudgetShown:
    """An admin says how many days of boosts the team's leads may drop each month, and up to which factor."""
    changed = await boosts.set_budget(
        ledger, actor=actor, team_id=team_id, days_per_month=given.days_per_month, max_factor=given.max_factor
    )
    return budget_shown(changed)
