"""Authorizations over HTTP: what a gateway asks before a request, and tells after it (S2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response

from core.api.dependencies import REPLAYED, IdempotencyKey, LedgerDep, problems, replay_headers, required_key
from core.api.guard import JSON_BODY, Requires
from core.api.schemas.base import Cursor, Limit, PageShown
from core.api.schemas.holds import AuthorizationRequest, CaptureRequest, HoldShown, hold_json, hold_shown
from core.api.straight import StraightRoute
from core.services.common.actors import Actor, Scope
from core.services.common.results import CommandResult
from core.services.usage import holds
from core.services.usage.holds import HoldState

BASE: Final = "/v1/usage/authorizations"
router = APIRouter(prefix=BASE, route_class=StraightRoute, tags=["usage"])

Spender = Annotated[Actor, Depends(Requires(Scope.SPEND))]


@router.post(
    "",
    status_code=201,
    response_model=HoldShown,
    summary="Authorize a request",
    responses={
        201: {
            "description": "The hold: what the request is estimated to cost is set aside until the deadline.",
            "headers": {"Location": {"schema": {"type": "string"}}, **REPLAYED},
        },
        **problems(402, 409, 413, 415),
    },
)
async def authorize(
    given: AuthorizationRequest, ledger: LedgerDep, actor: Spender, key: IdempotencyKey = None
) -> Response:
    """Set aside the estimate, or answer 402 with every limit tested and what would change the answer."""
    usage = holds.estimate(
        given.model,
        input_tokens=given.input_tokens,
        cached_tokens=given.cached_tokens,
        max_tokens=given.max_tokens,
        tier=given.tier,
    )
    answer = await holds.authorize(
        ledger, actor=actor, key=required_key(key), usage=usage, member=given.member, seconds=given.seconds
    )
    return _held(answer, 201, {"Location": f"{BASE}/{answer.item.id}"})


@router.get("", summary="Authorizations, newest first", responses=problems(404))
async def list_authorizations(
    ledger: LedgerDep,
    actor: Spender,
    member: Annotated[str | None, Query(max_length=40, description="Whose; absent is one's own.")] = None,
    state: Annotated[HoldState | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[HoldShown]:
    """Return somebody's holds: one's own, or anybody's for a service or an admin."""
    page = await holds.holds(ledger, actor=actor, member_id=member, state=state, limit=limit, cursor=cursor)
    return PageShown(items=[hold_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{hold_id}", summary="An authorization", responses=problems(404))
async def get_authorization(hold_id: str, ledger: LedgerDep, actor: Spender) -> HoldShown:
    """Return a hold as it is now."""
    return hold_shown(await holds.hold(ledger, actor=actor, hold_id=hold_id))


_NOW: dict[int | str, dict[str, Any]] = {200: {"description": "The hold as it is now.", "headers": REPLAYED}}


@router.post(
    "/{hold_id}/capture",
    response_model=HoldShown,
    summary="Charge what was used",
    responses={**_NOW, **problems(404, 409, 413, 415)},
)
async def capture(hold_id: str, given: CaptureRequest, ledger: LedgerDep, actor: Spender) -> Response:
    """Charge what was really used, and free the rest; the same again answers the same.

    After the deadline it is late: charged as far as there are funds, the rest is owed.
    """
    answer = await holds.capture(
        ledger,
        actor=actor,
        hold_id=hold_id,
        model=given.model,
        counts=given.counts(),
        tier=given.tier,
    )
    return _held(answer)


@router.post(
    "/{hold_id}/release", response_model=HoldShown, summary="Free a hold", responses={**_NOW, **problems(404, 409)}
)
async def release(hold_id: str, ledger: LedgerDep, actor: Spender) -> Response:
    """Free a hold whose request was not made."""
    return _held(await holds.release(ledger, actor=actor, hold_id=hold_id))


def _held(
    answer: CommandResult[holds.HoldView], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a hold, written at once: this is the way that has to be short."""
    shown = {**(headers or {}), **replay_headers(answer)}
    return Response(hold_json(answer.item), status, shown, media_type=JSON_BODY)
