"""Requests for credits over HTTP: ask, pledge, accept, fill, decline, withdraw."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from core.api.dependencies import (
    REPLAYED,
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
from core.api.schemas.requests import (
    AskForCreditsRequest,
    DeclineReasonRequest,
    FillRequest,
    PledgeRequest,
    RequestShown,
    request_shown,
)
from core.services.common.results import CommandResult
from core.services.sharing import requests
from core.services.sharing.requests import RequestView

BASE = "/v1/requests"
router = APIRouter(prefix=BASE, route_class=GuardedRoute, tags=["requests"])

_NOW: dict[int | str, dict[str, Any]] = {200: {"description": "The request as it is now.", "headers": REPLAYED}}
_DONE: dict[int | str, dict[str, Any]] = {**_NOW, **problems(404, 409)}
_DONE_WITH_BODY: dict[int | str, dict[str, Any]] = {**_NOW, **problems(404, 409, 413, 415)}


@router.post(
    "",
    status_code=201,
    summary="Ask for credits",
    responses={
        201: {
            "description": "The request; nothing is held for it.",
            "headers": {"Location": {"schema": {"type": "string"}}, **REPLAYED},
        },
        **problems(409, 413, 415),
    },
)
async def ask(
    given: AskForCreditsRequest, ledger: LedgerDep, actor: GiveActor, response: Response, key: IdempotencyKey = None
) -> RequestShown:
    """Ask colleagues; without names the leads of one's teams, else the admins."""
    answer = await requests.ask(
        ledger,
        actor=actor,
        key=required_key(key),
        amount=given.amount,
        reason=given.reason,
        to=given.to,
        lasts=timedelta(hours=given.lasts_hours),
    )
    response.headers["Location"] = f"{BASE}/{answer.item.id}"
    return _shown(answer, response)


@router.get("", summary="Requests of yours and for you, newest first", responses=problems())
async def list_requests(
    ledger: LedgerDep,
    actor: ReadActor,
    is_open: Annotated[bool, Query(alias="open", description="Only those that still wait.")] = False,  # noqa: FBT002
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[RequestShown]:
    """Return what one asked for, was asked for or pledged to."""
    page = await requests.list_requests(ledger, actor=actor, is_open=is_open, limit=limit, cursor=cursor)
    return PageShown(items=[request_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{request_id}", summary="A request", responses=problems(404))
async def get(request_id: str, ledger: LedgerDep, actor: ReadActor) -> RequestShown:
    """Return a request to those it concerns."""
    return request_shown(await requests.request(ledger, actor=actor, request_id=request_id))


@router.post("/{request_id}/pledge", summary="Pledge to a request", responses=_DONE_WITH_BODY)
async def pledge(
    request_id: str,
    given: PledgeRequest,
    ledger: LedgerDep,
    actor: GiveActor,
    response: Response,
    key: IdempotencyKey = None,
) -> RequestShown:
    """Promise an amount, in place of what one promised before. The pledge that fills it turns all into gifts."""
    answer = await requests.pledge(
        ledger, actor=actor, key=required_key(key), request_id=request_id, amount=given.amount
    )
    return _shown(answer, response)


@router.post("/{request_id}/unpledge", summary="Take a pledge back", responses=_DONE)
async def unpledge(
    request_id: str, ledger: LedgerDep, actor: GiveActor, response: Response, key: IdempotencyKey = None
) -> RequestShown:
    """Take one's pledge back while the request is open."""
    answer = await requests.unpledge(ledger, actor=actor, key=required_key(key), request_id=request_id)
    return _shown(answer, response)


@router.post("/{request_id}/accept", summary="Take what is pledged so far", responses=_DONE)
async def accept(
    request_id: str, ledger: LedgerDep, actor: GiveActor, response: Response, key: IdempotencyKey = None
) -> RequestShown:
    """The asker takes what is pledged; each pledge that still works becomes a gift."""
    answer = await requests.accept(ledger, actor=actor, key=required_key(key), request_id=request_id)
    return _shown(answer, response)


@router.post("/{request_id}/fill", summary="Fill a request out of a pool", responses=_DONE_WITH_BODY)
async def fill(
    request_id: str,
    given: FillRequest,
    ledger: LedgerDep,
    actor: GiveActor,
    response: Response,
    key: IdempotencyKey = None,
) -> RequestShown:
    """A lead of the pool's team, or an admin, pays the whole request at once; pledges are freed."""
    answer = await requests.fill(ledger, actor=actor, key=required_key(key), request_id=request_id, pool=given.pool)
    return _shown(answer, response)


@router.post("/{request_id}/decline", summary="Decline a request", responses=_DONE_WITH_BODY)
async def decline(
    request_id: str,
    given: DeclineReasonRequest,
    ledger: LedgerDep,
    actor: GiveActor,
    response: Response,
    key: IdempotencyKey = None,
) -> RequestShown:
    """Somebody who was asked says no; the last to say so closes a request without pledges."""
    answer = await requests.decline(
        ledger, actor=actor, key=required_key(key), request_id=request_id, reason=given.reason
    )
    return _shown(answer, response)


@router.post("/{request_id}/withdraw", summary="Withdraw a request", responses=_DONE)
async def withdraw(request_id: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> RequestShown:
    """The asker no longer needs it; pledges are freed."""
    return _shown(await requests.withdraw(ledger, actor=actor, request_id=request_id), response)


def _shown(answer: CommandResult[RequestView], response: Response) -> RequestShown:
    response.headers.update(replay_headers(answer))
    return request_shown(answer.item)
