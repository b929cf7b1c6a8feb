"""Usage that was reported after it happened, over HTTP."""

from __future__ import annotations

from io import BytesIO
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request

from core.api.dependencies import LedgerDep, SpendActor, problems
from core.api.guard import Accepts, GuardedRoute
from core.api.schemas.usage_events import (
    BATCH,
    EVENTS_BODY,
    IMPORT_BODY,
    STRUCTURED,
    ImportShown,
    UsageReportShown,
    import_shown,
    report_shown,
)
from core.ledger.errors import Code, Refused
from core.services.usage import imports, reports
from core.services.usage.cloud_events import MAX_TEXT
from core.services.usage.imports import DEFAULT_SOURCE

MAX_REPORT: Final = 8 * 1024 * 1024
CsvFile = Annotated[bytes, Depends(Accepts("text/csv", most=MAX_REPORT))]
Events = Annotated[Any, Depends(Accepts(STRUCTURED, BATCH, most=MAX_REPORT))]

router = APIRouter(prefix="/v1/usage", route_class=GuardedRoute, tags=["usage"])


@router.post("/events", summary="Report usage", responses=problems(413, 415), openapi_extra=EVENTS_BODY)
async def report(request: Request, events: Events, ledger: LedgerDep, actor: SpendActor) -> UsageReportShown:
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
    return report_shown(await reports.report_usage(ledger, actor=actor, documents=documents))


@router.post("/imports", summary="Import usage", responses=problems(413, 415), openapi_extra=IMPORT_BODY)
async def import_file(
    body: CsvFile,
    ledger: LedgerDep,
    actor: SpendActor,
    source: Annotated[
        str, Query(min_length=1, max_length=MAX_TEXT, description="Which tool the file is of.")
    ] = DEFAULT_SOURCE,
    dry_run: Annotated[bool, Query(description="Only answer what it would do.")] = False,  # noqa: FBT002
) -> ImportShown:
    """Charge a CSV of usage from a tool without a gateway.

    The whole file is checked before anything is charged, and the wrong lines are named. Importing it again, or a
    later export that has grown, charges only lines that are new, so no key is needed.
    """
    stream = BytesIO(body)
    return import_shown(await imports.import_usage(ledger, actor=actor, stream=stream, source=source, dry_run=dry_run))
