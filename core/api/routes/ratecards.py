"""Rate cards over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from core.api.dependencies import AdminActor, LedgerDep, ReadActor, problems
from core.api.guard import JSON_BODY, Accepts, GuardedRoute
from core.api.schemas.base import Moment
from core.api.schemas.ratecards import LOAD_BODY, LoadShown, RateCardShown, load_shown, rate_card_shown
from core.ledger.errors import Code, Refused
from core.services.usage import ratecards

MAX_FILE: Final = 4 * 1024 * 1024
RateFile = Annotated[Any, Depends(Accepts(JSON_BODY, most=MAX_FILE))]

router = APIRouter(prefix="/v1/ratecards", route_class=GuardedRoute, tags=["usage"])


@router.get("", summary="The rates in force", responses=problems(404))
async def show(
    ledger: LedgerDep,
    actor: ReadActor,
    at: Annotated[Moment | None, Query(description="In force when; absent is now.")] = None,
    load: Annotated[
        int | None, Query(ge=0, le=2**53, description="As they were known after this load; absent is the last.")
    ] = None,
) -> RateCardShown:
    """Return what a million tokens of each kind cost, by model. The rates of model `*` are for every other model."""
    return rate_card_shown(await ratecards.rate_card(ledger, actor=actor, at=at, load=load))


@router.post("", summary="Load rate cards", responses=problems(413, 415), openapi_extra=LOAD_BODY)
async def load_file(document: RateFile, ledger: LedgerDep, actor: AdminActor) -> LoadShown:
    """An admin loads rows of rate cards.

    New and corrected rows count from now on, for usage at or after their `effective_from`; what was rated stays as
    it is. Loading the same rows again changes nothing, so no key is needed.
    """
    dry_run = document.pop("dry_run", False) if isinstance(document, dict) else False
    if not isinstance(dry_run, bool):
        raise Refused(Code.INVALID_REQUEST, "dry_run is true or false.", field="dry_run")
    return load_shown(await ratecards.load_rate_cards(ledger, actor=actor, document=document, dry_run=dry_run))
