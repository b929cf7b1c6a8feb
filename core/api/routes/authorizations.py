"""Authorizations over HTTP: what a gateway asks before a request, and tells after it (S2)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response

from core.api.contract import REPLAYED, House, Key, problems, replay_headers, required_key
from core.api.door import JSON_BODY, DoorRoute, Requires
from core.api.schemas.base import Cursor, Limit, PageShown
from core.api.schemas.holds import AuthorizationGiven, CaptureGiven, HoldShown, hold_shown
from core.services import holds
from core.services.holds import HoldState
from core.services.views import Actor, Answer, Scope

BASE: Final = "/v1/usage/authorizations"
router = APIRouter(prefix=BASE, route_class=DoorRoute, tags=["usage"])

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
async def authorize(given: AuthorizationGiven, ledger: House, actor: Spender, key: Key = None) -> Response:
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
    headers = {"Location": f"{BASE}/{answer.item.id}", **replay_headers(answer)}
    shown = hold_shown(answer.item).model_dump_json()
    return Response(shown, 201, headers, media_type=JSON_BODY)  # as it is: this is the way that has to be short


@router.get("", summary="Authorizations, newest first", responses=problems(404))
async def list_authorizations(
    ledger: House,
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
async def get_authorization(hold_id: str, ledger: House, actor: Spender) -> HoldShown:
    """Return a hold as it is now."""
    return hold_shown(await holds.hold(ledger, actor=actor, hold_id=hold_id))


_NOW: dict[int | str, dict[str, Any]] = {200: {"description": "The hold as it is now.", "headers": REPLAYED}}


@router.post("/{hold_id}/capture", summary="Charge what was used", responses={**_NOW, **problems(404, 409, 413, 415)})
async def capture(hold_id: str, given: CaptureGiven, ledger: House, actor: Spender, response: Response) -> HoldShown:
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
    return _held(answer, response)


@router.post("/{hold_id}/release", summary="Free a hold", responses={**_NOW, **problems(404, 409)})
async def release(hold_id: str, ledger: House, actor: Spender, response: Response) -> HoldShown:
    """Free a hold whose request was not made."""
    return _held(await holds.release(ledger, actor=actor, hold_id=hold_id), response)


def _held(answer: Answer[holds.HoldView], response: Response) -> HoldShown:
    response.headers.update(replay_headers(answer))
    return hold_shown(answer.item)
