"""The status that editors show: once, as a stream, and its notices."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response

from core.api.dependencies import LedgerDep, ReadActor, problems
from core.api.errors import problem
from core.api.guard import GuardedRoute
from core.api.schemas.status import ClaimShown, StatusShown, status_shown
from core.api.streaming import StatusStream, Streams
from core.services.wallet import balances

router = APIRouter(prefix="/v1/status", route_class=GuardedRoute, tags=["status"])

_EXAMPLE: Final = 'id: 9f2c\nevent: status\ndata: {"version":1,"state_id":"9f2c","spendable":"4210"}\n\n'


@router.get("", summary="What an editor shows", responses=problems())
async def status(ledger: LedgerDep, actor: ReadActor) -> StatusShown:
    """Return one's status. ``state_id`` changes if and only if anything but ``as_of`` does."""
    return status_shown(await balances.status(ledger, actor=actor))


@router.get(
    "/stream",
    summary="The status, each time it changes",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events `status`: the full state at once, then after each change. A comment "
            "every 15 s. It ends when the token does.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **problems(),
    },
)
async def stream(
    request: Request,
    _actor: ReadActor,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=64, description="The state shown last: it is not sent again."),
    ] = None,
) -> Response:
    """Follow one's status."""
    streams: Streams = request.app.state.streams
    streams.check_room()
    return StatusStream(streams, request.state.session, last_id=last_event_id)


@router.post(
    "/notices/{notice_id}/claim",
    summary="Claim a notice before showing it",
    response_model=ClaimShown,
    responses=problems(404, 409),
)
async def claim(notice_id: str, ledger: LedgerDep, actor: ReadActor) -> ClaimShown | Response:
    """Answer 200 to the first window that asks, and 409 to every later one."""
    if await balances.claim_notice(ledger, actor=actor, notice_id=notice_id):
        return ClaimShown(claimed=True)
    return problem(
        409,
        code="notice_claimed",
        title="Another window shows it",
        detail="This notice was claimed already; do not show it again.",
    )
