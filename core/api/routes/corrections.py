"""What was granted or charged, looked at again and corrected over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from core.api.dependencies import (
    REPLAYED,
    AdminActor,
    IdempotencyKey,
    LedgerDep,
    problems,
    replay_headers,
    required_key,
)
from core.api.guard import GuardedRoute
from core.api.routes.transfers import BASE
from core.api.schemas.supply import (
    ChargeShown,
    GrantStoryShown,
    RefundShown,
    TakingBack,
    VoidShown,
    charge_shown,
    refund_shown,
    story_shown,
    void_shown,
)
from core.services.grants import refunds, voids

router = APIRouter(prefix=BASE, route_class=GuardedRoute, tags=["credits"])

_DONE: dict[int | str, dict[str, Any]] = {
    200: {"description": "It is booked.", "headers": REPLAYED},
    **problems(404, 409, 413, 415),
}


@router.get("/grants/{lot_id}", summary="What became of a grant", responses=problems(404))
async def story(lot_id: str, ledger: LedgerDep, actor: AdminActor) -> GrantStoryShown:
    """Show an admin how much of a grant is left, was used, given away, and lapsed."""
    return story_shown(await voids.story(ledger, actor=actor, lot_id=lot_id))


@router.post("/grants/{lot_id}/void", summary="Take back an unused grant", responses=_DONE)
async def void(
    lot_id: str, given: TakingBack, ledger: LedgerDep, actor: AdminActor, response: Response, key: IdempotencyKey = None
) -> VoidShown:
    """An admin takes back what is left of a grant where it was granted, or a part of that, with a reason."""
    answer = await voids.void(
        ledger, actor=actor, key=required_key(key), lot_id=lot_id, reason=given.reason, amount=given.amount
    )
    response.headers.update(replay_headers(answer))
    return void_shown(answer.item)


@router.get("/charges/{transfer_id}", summary="A charge, and what was given back of it", responses=problems(404))
async def charge(transfer_id: str, ledger: LedgerDep, actor: AdminActor) -> ChargeShown:
    """Show an admin what usage cost, what it was paid from, and how much of it can still be given back."""
    return charge_shown(await refunds.charge(ledger, actor=actor, transfer_id=transfer_id))


@router.post("/charges/{transfer_id}/refund", summary="Give a charge back", responses=_DONE)
async def refund(
    transfer_id: str,
    given: TakingBack,
    ledger: LedgerDep,
    actor: AdminActor,
    response: Response,
    key: IdempotencyKey = None,
) -> RefundShown:
    """An admin gives a charge back along its draw, or a part of it from the back, with a reason."""
    answer = await refunds.refund(
        ledger, actor=actor, key=required_key(key), transfer_id=transfer_id, reason=given.reason, amount=given.amount
    )
    response.headers.update(replay_headers(answer))
    return refund_shown(answer.item)
