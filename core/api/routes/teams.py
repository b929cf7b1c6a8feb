"""Teams over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from core.api.dependencies import AdminActor, LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.base import Cursor, Limit, PageShown
from core.api.schemas.people import TeamMemberRequest, TeamRequest, TeamShown, team_shown
from core.services.people import organizations

router = APIRouter(prefix="/v1/teams", route_class=GuardedRoute, tags=["people"])


@router.get("", summary="Teams, oldest first", responses=problems())
async def list_teams(
    ledger: LedgerDep, actor: ReadActor, limit: Limit = 50, cursor: Cursor = None
) -> PageShown[TeamShown]:
    """Return the organization's teams."""
    page = await organizations.list_teams(ledger, actor=actor, limit=limit, cursor=cursor)
    return PageShown(items=[team_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=201, summary="Make a team", responses=problems(409, 413, 415))
async def create(given: TeamRequest, ledger: LedgerDep, actor: AdminActor, response: Response) -> TeamShown:
    """An admin makes a team, with an empty pool."""
    made = await organizations.create_team(ledger, actor=actor, name=given.name)
    response.headers["Location"] = f"/v1/teams/{made.id}"
    return team_shown(made)


@router.get("/{team_id}", summary="A team", responses=problems(404))
async def get(team_id: str, ledger: LedgerDep, actor: ReadActor) -> TeamShown:
    """Return a team with its people."""
    return team_shown(await organizations.team(ledger, actor=actor, team_id=team_id))


@router.put("/{team_id}/members/{member_id}", summary="Put a member into a team", responses=problems(404, 413, 415))
async def put(
    team_id: str, member_id: str, given: TeamMemberRequest, ledger: LedgerDep, actor: AdminActor
) -> TeamShown:
    """An admin puts a member into a team, or changes whether they lead it."""
    changed = await organizations.add_to_team(
        ledger, actor=actor, team_id=team_id, member_id=member_id, is_lead=given.lead
    )
    return team_shown(changed)


@router.delete("/{team_id}/members/{member_id}", summary="Take a member out of a team", responses=problems(404))
async def remove(team_id: str, member_id: str, ledger: LedgerDep, actor: AdminActor) -> TeamShown:
    """An admin takes a member out of a team."""
    return team_shown(await organizations.remove_from_team(ledger, actor=actor, team_id=team_id, member_id=member_id))
