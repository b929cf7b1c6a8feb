"""Rescue over HTTP: gifts that would save credits from lapsing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from core.api.dependencies import LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.rescue import RescueList, rescue_shown
from core.services.sharing import rescue

router = APIRouter(prefix="/v1/rescue", route_class=GuardedRoute, tags=["rescue"])


@router.get("", summary="Gifts that would save credits from lapsing", responses=problems())
async def proposals(
    ledger: LedgerDep,
    actor: ReadActor,
    days: Annotated[int, Query(ge=1, le=rescue.MAX_DAYS, description="What lapses within so many days.")] = 7,
    limit: Annotated[
        int, Query(ge=1, le=rescue.MAX_LIMIT, description="How many proposals at most.")
    ] = rescue.MAX_PROPOSALS,
) -> RescueList:
    """Match what would lapse with teammates who are near empty.

    An admin sees all teams, a lead those they lead, everybody what they could give themselves.
    """
    return rescue_shown(await rescue.proposals(ledger, actor=actor, days=days, limit=limit))
