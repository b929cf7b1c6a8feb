"""Usage that was reported after it happened, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request

from core.api.contract import House, Spender, problems
from core.api.door import Accepts, DoorRoute
from core.api.schemas.usage_events import BATCH, EVENTS_BODY, STRUCTURED, ReportShown, report_shown
from core.ledger.errors import Code, Refused
from core.services import reporting

MAX_REPORT: Final = 8 * 1024 * 1024
Events = Annotated[Any, Depends(Accepts(STRUCTURED, BATCH, most=MAX_REPORT))]

router = APIRouter(prefix="/v1/usage", route_class=DoorRoute, tags=["usage"])


@router.post("/events", summary="Report usage", responses=problems(413, 415), openapi_extra=EVENTS_BODY)
async def report(request: Request, events: Events, ledger: House, actor: Spender) -> ReportShown:
    """Charge what has been used already; it is never refused for lack of funds.

    A service or an admin reports for whom each event names; everybody else reports for themselves. The answer is
    200 also when events were rejected: each is named, and only those need to be sent again.
    """
    if request.headers["content-type"].lower().startswith(BATCH):
        if not isinstance(events, list):
            raise Refused(Code.INVALID_REQUEST, f"A body of {BATCH} is an array of events.", field="event")
    elif not isinstance(events, dict):
        raise Refused(Code.INVALID_REQUEST, f"A body of {STRUCTURED} is one event, an object.", field="event")
    documents = events if isinstance(events, list) else [events]
    return report_shown(await reporting.report_usage(ledger, actor=actor, documents=documents))
