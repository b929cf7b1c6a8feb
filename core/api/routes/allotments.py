"""Monthly allotments over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from core.api.dependencies import (
    REPLAYED,
    AdminActor,
    IdempotencyKey,
    LedgerDep,
    ReadActor,
    problems,
    replay_headers,
    required_key,
)
from core.api.guard import GuardedRoute
from core.api.schemas.base import Cursor, Limit, PageShown
from core.api.schemas.supply import AllotmentChange, AllotmentRequest, AllotmentShown, EndRequest, allotment_shown
from core.services.grants import allotments

router = APIRouter(prefix="/v1/allotments", route_class=GuardedRoute, tags=["credits"])

_DONE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The allotment as it is now.", "headers": REPLAYED},
    **problems(404, 409, 413, 415),
}


@router.get("", summary="Allotments, oldest first", responses=problems())
async def list_allotments(
    ledger: LedgerDep, actor: ReadActor, limit: Limit = 50, cursor: Cursor = None
) -> PageShown[AllotmentShown]:
    """Return all to an admin, to others those to themselves and to the pools of their teams."""
    page = await allotments.list_allotments(ledger, actor=actor, limit=limit, cursor=cursor)
    return PageShown(items=[allotment_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post(
    "",
    status_code=201,
    summary="Begin a monthly grant",
    responses={
        201: {
            "description": "It is begun; nothing is granted before its first run.",
            "headers": {"Location": {"schema": {"type": "string"}}, **REPLAYED},
        },
        **problems(409, 413, 415),
    },
)
async def begin(
    given: AllotmentRequest, ledger: LedgerDep, actor: AdminActor, response: Response, key: IdempotencyKey = None
) -> AllotmentShown:
    """An admin begins it: on a day of each month, at midnight in UTC, a lot goes to a wallet or pool."""
    answer = await allotments.begin(
        ledger,
        actor=actor,
        key=required_key(key),
        to=given.to.recipient(),
        amount=given.amount,
        day=given.day,
        lasts_months=given.lasts_months,
        giftable=given.giftable,
        starts_at=given.starts_at,
        reason=given.reason,
    )
    response.headers.update(replay_headers(answer) | {"Location": f"/v1/allotments/{answer.item.id}"})
    return allotment_shown(answer.item)


@router.get("/{allotment_id}", summary="An allotment", responses=problems(404))
async def get(allotment_id: str, ledger: LedgerDep, actor: ReadActor) -> AllotmentShown:
    """Return it to an admin, or to somebody whose wallet or team it is for."""
    return allotment_shown(await allotments.get(ledger, actor=actor, allotment_id=allotment_id))


@router.post("/{allotment_id}/change", summary="Change an allotment", responses=_DONE)
async def change(
    allotment_id: str,
    given: AllotmentChange,
    ledger: LedgerDep,
    actor: AdminActor,
    response: Response,
    key: IdempotencyKey = None,
) -> AllotmentShown:
    """An admin changes what is granted from the next run on; what was due by now is granted as it was."""
    answer = await allotments.change(
        ledger,
        actor=actor,
        key=required_key(key),
        allotment_id=allotment_id,
        amount=given.amount,
        lasts_months=given.lasts_months,
        giftable=given.giftable,
        reason=given.reason,
    )
    response.headers.update(replay_headers(answer))
    return allotment_shown(answer.item)


@router.post("/{allotment_id}/end", summary="End an allotment", responses=_DONE)
async def end(
    allotment_id: str, given: EndRequest, ledger: LedgerDep, actor: AdminActor, response: Response
) -> AllotmentShown:
    """An admin ends it: what it has granted stays, and nothing follows."""
    answer = await allotments.end(ledger, actor=actor, allotment_id=allotment_id, reason=given.reason)
    response.headers.update(replay_headers(answer))
    return allotment_shown(answer.item)
