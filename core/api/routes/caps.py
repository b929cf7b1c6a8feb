"""Caps over HTTP: how much people may take from lots and pools in a period (S5)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from core.api.dependencies import GiveActor, LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.base import Cursor, Id, Limit, PageShown
from core.api.schemas.plans import CapRequest, CapShown, cap_shown
from core.services.allowances import caps
from core.services.allowances.caps import Period

router = APIRouter(prefix="/v1/caps", route_class=GuardedRoute, tags=["plans"])


@router.get("", summary="Caps", responses=problems(404))
async def list_caps(
    ledger: LedgerDep,
    actor: ReadActor,
    member: Annotated[Id | None, Query(description="Only what concerns a member, which of it counts, and why.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[CapShown]:
    """Return all that is set, to an admin; to everybody else, and with ``member``, what concerns one person."""
    if member is None and actor.is_admin:
        page = await caps.list_caps(ledger, actor=actor, limit=limit, cursor=cursor)
        return PageShown(items=[cap_shown(each) for each in page.items], next_cursor=page.next_cursor)
    found = await caps.caps_of_member(ledger, actor=actor, member_id=member)
    return PageShown(items=[cap_shown(each) for each in found], next_cursor=None)


@router.put("", summary="Set a cap", responses=problems(404, 413, 415))
async def put(given: CapRequest, ledger: LedgerDep, actor: GiveActor) -> CapShown:
    """An admin sets a cap for a member, each member of a team, or everybody; a lead one on what is taken from the pool.

    Raising and blocking count at once, lowering with the next window.
    """
    done = await caps.set_cap(
        ledger, actor=actor, subject=given.subject, period=given.period, amount=given.amount, pool=given.pool
    )
    return cap_shown(done)


@router.delete("", summary="Take a cap away", responses=problems(404))
async def remove(
    ledger: LedgerDep,
    actor: GiveActor,
    subject: Annotated[Id, Query(description="Whose.")],
    period: Annotated[Period, Query(description="For which period.")],
    pool: Annotated[Id | None, Query(description="The one on a team's pool.")] = None,
) -> CapShown:
    """Take a cap away, as it was set: what is set for teams, or for everybody, counts again."""
    return cap_shown(await caps.inherit_cap(ledger, actor=actor, subject=subject, period=period, pool=pool))
