"""Whether the server lives, whether it can serve, and its numbers. Open to everybody who can reach it."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response

from core.api.dependencies import LedgerDep, problems
from core.api.metrics import CONTENT_TYPE
from core.api.schemas.base import Shown
from core.ledger.errors import Code, Refused
from core.services.common import readiness

READY_SECONDS: Final = 3.0
router = APIRouter(tags=["operations"])


class Health(Shown):
    """The answer when all is well."""

    status: str = "ok"


@router.get("/healthz", summary="Does the process answer?")
async def healthz() -> Health:
    """Answer as long as the process does."""
    return Health()


@router.get("/readyz", summary="Can it serve?", responses={503: problems()[503]})
async def readyz(ledger: LedgerDep) -> Health:
    """Answer 200 when the database does."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await readiness.ask_the_database(ledger)
    except Refused:  # it says what is wrong with the database
        raise
    except Exception as error:
        raise Refused(Code.OVERLOADED, f"The database does not answer ({type(error).__name__}).") from None
    return Health()


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: {"description": "Prometheus' text form.", "content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Return counts and times; never a name or an id."""
    return Response(request.app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
