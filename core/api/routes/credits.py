"""A member's credits over HTTP: balance, statement, grants, allocations, freezing."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

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
from core.api.routes.transfers import BASE
from core.api.schemas.base import Cursor, Id, Limit, PageShown
from core.api.schemas.commands import AllocationRequest, FreezeRequest, GrantRequest, UnfreezeRequest
from core.api.schemas.credits import (
    BalanceShown,
    GrantShown,
    LineShown,
    balance_shown,
    grant_shown,
    line_shown,
    statement_shown,
)
from core.api.schemas.people import MemberShown, member_shown
from core.api.statements import statement_beancount, statement_csv
from core.services.grants import grants
from core.services.people import freezes
from core.services.wallet import balances

router = APIRouter(prefix=BASE, route_class=GuardedRoute, tags=["credits"])

Whose = Annotated[Id | None, Query(description="A member; absent is oneself.")]
_MADE: dict[int | str, dict[str, Any]] = {
    201: {"description": "It is booked.", "headers": REPLAYED},
    **problems(402, 404, 409, 413, 415),
}


class Format(StrEnum):
    """How a statement is written."""

    JSON = "json"  # for programs
    CSV = "csv"  # for spreadsheets
    BEANCOUNT = "beancount"  # for plain-text accounting


@router.get("/balance", summary="What a member has", responses=problems(404))
async def balance(ledger: LedgerDep, actor: ReadActor, member: Whose = None) -> BalanceShown:
    """Return what can be spent and given now; never more than the ledger would honour."""
    return balance_shown(await balances.balance(ledger, actor=actor, member_id=member))


@router.get(
    "/statement",
    summary="A member's movements, newest first",
    response_model=PageShown[LineShown],
    responses={
        200: {
            "description": "A page. As text, a `Link` header with `rel=next` leads to the page after.",
            "content": {"text/csv": {"schema": {"type": "string"}}, "text/plain": {"schema": {"type": "string"}}},
            "headers": {"Link": {"schema": {"type": "string"}, "required": False}},
        },
        **problems(404),
    },
)
async def statement(
    ledger: LedgerDep,
    actor: ReadActor,
    member: Whose = None,
    as_format: Annotated[Format, Query(alias="format")] = Format.JSON,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[LineShown] | Response:
    """Return movements in the asked format."""
    page = await balances.statement(ledger, actor=actor, member_id=member, limit=limit, cursor=cursor)
    if as_format is Format.JSON:
        return statement_shown(page)
    headers = {}
    if page.next_cursor is not None:
        query = {"format": as_format.value, "limit": limit, "cursor": page.next_cursor}
        following = urlencode(query | ({"member": member} if member else {}))
        headers["Link"] = f'<{BASE}/statement?{following}>; rel="next"'
    if as_format is Format.CSV:
        return Response(statement_csv(page.items), headers=headers, media_type="text/csv")
    return Response(statement_beancount(page.items), headers=headers, media_type="text/plain")


@router.post("/grants", status_code=201, summary="Grant a lot", responses=_MADE)
async def grant(
    given: GrantRequest, ledger: LedgerDep, actor: AdminActor, response: Response, key: IdempotencyKey = None
) -> GrantShown:
    """An admin grants credits of one origin to a wallet or pool."""
    answer = await grants.grant(
        ledger,
        actor=actor,
        key=required_key(key),
        to=given.to.recipient(),
        amount=given.amount,
        source=given.source,
        expires_at=given.expires_at,
        giftable=given.giftable,
        priority=given.priority,
        reason=given.reason,
    )
    response.headers.update(replay_headers(answer))
    return grant_shown(answer.item)


@router.post("/allocations", status_code=201, summary="Give out of a pool", responses=_MADE)
async def allocate(
    given: AllocationRequest, ledger: LedgerDep, actor: GiveActor, response: Response, key: IdempotencyKey = None
) -> LineShown:
    """A lead of the pool's team, or an admin, gives credits of the pool to a member."""
    answer = await grants.allocate(
        ledger,
        actor=actor,
        key=required_key(key),
        pool=given.pool,
        to=given.to.recipient(),
        amount=given.amount,
        reason=given.reason,
    )
    response.headers.update(replay_headers(answer))
    return line_shown(answer.item)


@router.post("/freeze", summary="Freeze a wallet", responses=problems(404, 413, 415))
async def freeze(given: FreezeRequest, ledger: LedgerDep, actor: GiveActor) -> MemberShown:
    """Freeze one's own wallet, or by an admin a colleague's: unsettled gifts come back, tokens are revoked (G8)."""
    return member_shown(await freezes.freeze(ledger, actor=actor, member_id=given.member, reason=given.reason))


@router.post("/unfreeze", summary="Free a wallet again", responses=problems(404, 413, 415))
async def unfreeze(given: UnfreezeRequest, ledger: LedgerDep, actor: AdminActor) -> MemberShown:
    """An admin frees a frozen wallet, with a reason."""
    return member_shown(await freezes.unfreeze(ledger, actor=actor, member_id=given.member, reason=given.reason))
