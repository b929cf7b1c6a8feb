"""Resets of allowances over HTTP: ordered by an admin, used by whose they are."""

from __future__ import annotations

from typing import Annotated

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
from core.api.schemas.base import Cursor, Id, Limit, PageShown
from core.api.schemas.resets import ResetOrderShown, ResetRequest, ResetShown, order_shown, reset_shown
from core.services.allowances import resets

router = APIRouter(prefix="/v1/resets", route_class=GuardedRoute, tags=["resets"])


@router.get("", summary="Banked resets, newest first", responses=problems(404))
async def list_resets(
    ledger: LedgerDep,
    actor: ReadActor,
    member: Annotated[Id | None, Query(description="A member; absent is oneself.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[ResetShown]:
    """Return one's own, or as a lead or an admin those of somebody else: used and expired ones too."""
    page = await resets.list_resets(ledger, actor=actor, member_id=member, limit=limit, cursor=cursor)
    return PageShown(items=[reset_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post(
    "",
    status_code=202,
    summary="Reset a member, a team or everybody",
    responses={
        202: {
            "description": "The order. One member is reset by now; of a team or everybody each is soon after.",
            "headers": {"Location": {"schema": {"type": "string"}}, **REPLAYED},
        },
        **problems(404, 409, 413, 415),
    },
)
async def order(
    given: ResetRequest, ledger: LedgerDep, actor: AdminActor, response: Response, key: IdempotencyKey = None
) -> ResetOrderShown:
    """An admin lets the windows of an allowance start afresh, at once or when their owner wants it.

    What was used becomes zero; when a window next resets by itself stays as it is.
    """
    answer = await resets.order(
        ledger,
        actor=actor,
        key=required_key(key),
        subject=given.subject,
        banked=given.banked,
        expires_at=given.expires_at,
        reason=given.reason,
    )
    response.headers.update(replay_headers(answer) | {"Location": f"/v1/resets/orders/{answer.item.id}"})
    return order_shown(answer.item)


@router.get("/orders", summary="Orders of resets, newest first", responses=problems())
async def list_orders(
    ledger: LedgerDep, actor: AdminActor, limit: Limit = 50, cursor: Cursor = None
) -> PageShown[ResetOrderShown]:
    """Return what was ordered, and how far it has come."""
    page = await resets.list_orders(ledger, actor=actor, limit=limit, cursor=cursor)
    return PageShown(items=[order_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/orders/{reset_id}", summary="An order of resets", responses=problems(404))
async def get_order(reset_id: str, ledger: LedgerDep, actor: AdminActor) -> ResetOrderShown:
    """Return how far an order has come."""
    return order_shown(await resets.get_order(ledger, actor=actor, order_id=reset_id))


@router.post(
    "/{reset_id}/use",
    summary="Use a banked reset",
    responses={200: {"description": "It is used.", "headers": REPLAYED}, **problems(404, 409)},
)
async def use(reset_id: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> ResetShown:
    """Use a reset of one's own, once. Where nothing has been used it is refused, and kept."""
    answer = await resets.use(ledger, actor=actor, reset_id=reset_id)
    response.headers.update(replay_headers(answer))
    return reset_shown(answer.item)
