"""Gifts over HTTP: make one, look at them, decide them."""

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
from core.api.schemas.base import Cursor, Limit, PageShown
from core.api.schemas.commands import ReasonRequest, TransferRequest
from core.api.schemas.credits import GiftShown, gift_shown
from core.ledger.gifts import GiftState
from core.services.common.results import CommandResult
from core.services.common.views import GiftView
from core.services.gifts import gifts

BASE = "/v1/billing/credits"
router = APIRouter(prefix=BASE, route_class=GuardedRoute, tags=["gifts"])


@router.post(
    "/transfer",
    status_code=202,
    summary="Give credits",
    responses={
        200: {"model": GiftShown, "description": "A dry run: what would happen. Nothing was booked."},
        202: {
            "description": "The gift; it settles after the settlement period.",
            "headers": {"Location": {"schema": {"type": "string"}}, **REPLAYED},
        },
        **problems(409, 413, 415),
    },
)
async def give(
    given: TransferRequest, ledger: LedgerDep, actor: GiveActor, response: Response, key: IdempotencyKey = None
) -> GiftShown:
    """Move credits to escrow at once, and to the recipient after the settlement period.

    The same key with the same content answers the same gift again; with other content it is refused.
    """
    if given.dry_run:
        plan = await gifts.preview(
            ledger,
            actor=actor,
            to=[given.to.recipient()],
            amount=given.amount,
            message=given.message,
            prefer=given.prefer,
        )
        response.status_code = 200
        return gift_shown(plan[0])
    answer = await gifts.give(
        ledger,
        actor=actor,
        key=required_key(key),
        to=[given.to.recipient()],
        amount=given.amount,
        message=given.message,
        prefer=given.prefer,
    )
    gift = answer.item[0]
    response.headers.update({"Location": f"{BASE}/transfers/{gift.id}", **replay_headers(answer)})
    return gift_shown(gift)


@router.get("/transfers", summary="Your gifts, newest first", responses=problems())
async def list_transfers(
    ledger: LedgerDep,
    actor: ReadActor,
    state: Annotated[GiftState | None, Query(description="Only gifts in this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[GiftShown]:
    """Return gifts that were sent or received."""
    page = await gifts.gifts(ledger, actor=actor, state=state, limit=limit, cursor=cursor)
    return PageShown(items=[gift_shown(gift) for gift in page.items], next_cursor=page.next_cursor)


@router.get("/transfers/{gift_id}", summary="A gift", responses=problems(404))
async def get_transfer(gift_id: str, ledger: LedgerDep, actor: ReadActor) -> GiftShown:
    """Return a gift to those it concerns."""
    return gift_shown(await gifts.gift(ledger, actor=actor, gift_id=gift_id))


_HEADERS: dict[int | str, dict[str, Any]] = {200: {"description": "The gift as it is now.", "headers": REPLAYED}}
_DECIDED: dict[int | str, dict[str, Any]] = {**_HEADERS, **problems(404, 409)}
_DECIDED_WITH_REASON: dict[int | str, dict[str, Any]] = {**_HEADERS, **problems(404, 409, 413, 415)}


@router.post("/transfers/{gift_id}/cancel", summary="Take a gift back", responses=_DECIDED)
async def cancel(gift_id: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> GiftShown:
    """The sender takes a gift back before it settles."""
    return _decided(await gifts.cancel(ledger, actor=actor, gift_id=gift_id), response)


@router.post("/transfers/{gift_id}/decline", summary="Do not take a gift", responses=_DECIDED)
async def decline(gift_id: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> GiftShown:
    """The recipient sends a gift back before it settles."""
    return _decided(await gifts.decline(ledger, actor=actor, gift_id=gift_id), response)


@router.post("/transfers/{gift_id}/approve", summary="Let a reviewed gift go on", responses=_DECIDED)
async def approve(gift_id: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> GiftShown:
    """A reviewer, neither sender nor recipient, approves a gift that is in review."""
    return _decided(await gifts.approve(ledger, actor=actor, gift_id=gift_id), response)


@router.post("/transfers/{gift_id}/settle-early", summary="Settle a gift at once", responses=_DECIDED)
async def settle_early(gift_id: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> GiftShown:
    """A lead, neither sender nor recipient, settles a pending gift before its time."""
    return _decided(await gifts.settle_early(ledger, actor=actor, gift_id=gift_id), response)


@router.post("/transfers/{gift_id}/reject", summary="Refuse a gift, with a reason", responses=_DECIDED_WITH_REASON)
async def reject(
    gift_id: str, given: ReasonRequest, ledger: LedgerDep, actor: GiveActor, response: Response
) -> GiftShown:
    """A lead or reviewer, neither sender nor recipient, gives an unsettled gift back."""
    return _decided(await gifts.reject(ledger, actor=actor, gift_id=gift_id, reason=given.reason), response)


@router.post("/transfers/{gift_id}/reverse", summary="Claw a settled gift back", responses=_DECIDED_WITH_REASON)
async def reverse(
    gift_id: str, given: ReasonRequest, ledger: LedgerDep, actor: AdminActor, response: Response
) -> GiftShown:
    """An admin takes back what the recipient still holds of a settled gift."""
    return _decided(await gifts.reverse(ledger, actor=actor, gift_id=gift_id, reason=given.reason), response)


def _decided(answer: CommandResult[GiftView], response: Response) -> GiftShown:
    response.headers.update(replay_headers(answer))
    return gift_shown(answer.item)
