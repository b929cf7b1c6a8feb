"""Members over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from core.api.dependencies import AdminActor, LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.base import Cursor, Limit, PageShown
from core.api.schemas.people import MemberChange, MemberRequest, MemberShown, member_shown
from core.services.common.text import NAME_LENGTH
from core.services.people import members

router = APIRouter(prefix="/v1/members", route_class=GuardedRoute, tags=["people"])


@router.get("", summary="Present members, by name", responses=problems())
async def find(
    ledger: LedgerDep,
    actor: ReadActor,
    query: Annotated[str | None, Query(max_length=NAME_LENGTH, description="A part of the name.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[MemberShown]:
    """Return colleagues whose name contains the query."""
    page = await members.find_members(ledger, actor=actor, query=query, limit=limit, cursor=cursor)
    return PageShown(items=[member_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=201, summary="Add a member", responses=problems(409, 413, 415))
async def add(given: MemberRequest, ledger: LedgerDep, actor: AdminActor, response: Response) -> MemberShown:
    """An admin adds a person or a service, with an empty wallet."""
    added = await members.add_member(
        ledger,
        actor=actor,
        name=given.name,
        email=given.email,
        kind=given.kind,
        role=given.role,
        verified=given.verified,
        joined_at=given.joined_at,
    )
    response.headers["Location"] = f"/v1/members/{added.id}"
    return member_shown(added)


@router.get("/{member_id}", summary="A member", responses=problems(404))
async def get(member_id: str, ledger: LedgerDep, actor: ReadActor) -> MemberShown:
    """Return a colleague."""
    return member_shown(await members.member(ledger, actor=actor, member_id=member_id))


@router.patch("/{member_id}", summary="Change a member", responses=problems(404, 413, 415))
async def change(member_id: str, given: MemberChange, ledger: LedgerDep, actor: AdminActor) -> MemberShown:
    """An admin changes name, role, or what is known of a member's identity."""
    changed = await members.update_member(
        ledger,
        actor=actor,
        member_id=member_id,
        name=given.name,
        role=given.role,
        verified=given.verified,
        joined_at=given.joined_at,
    )
    return member_shown(changed)


@router.post("/{member_id}/deactivate", summary="Let a member go", responses=problems(404))
async def deactivate(member_id: str, ledger: LedgerDep, actor: AdminActor) -> MemberShown:
    """An admin lets a colleague go: open gifts of theirs and to them go back, their tokens end."""
    return member_shown(await members.deactivate(ledger, actor=actor, member_id=member_id))
