"""Why, over HTTP: whether something can be spent, every limit tested, and what would change the answer (S1)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from core.api.dependencies import LedgerDep, ReadActor, problems
from core.api.guard import GuardedRoute
from core.api.schemas.base import Amount, Id
from core.api.schemas.why import WhyShown, why_shown
from core.services.usage import why
from core.services.usage.why import MAX_MODEL_LENGTH, MAX_TOKENS

router = APIRouter(prefix="/v1/usage/why", route_class=GuardedRoute, tags=["usage"])

Tokens = Annotated[int | None, Query(ge=0, le=MAX_TOKENS)]


@router.get("", summary="Why something can or cannot be spent", responses=problems(404))
async def get_why(  # noqa: PLR0913  (one parameter each)
    *,
    ledger: LedgerDep,
    actor: ReadActor,
    model: Annotated[str | None, Query(min_length=1, max_length=MAX_MODEL_LENGTH)] = None,
    tokens: Annotated[int | None, Query(ge=0, le=MAX_TOKENS, description="Short for `input_tokens`.")] = None,
    input_tokens: Annotated[int | None, Query(ge=0, le=MAX_TOKENS, description="The whole prompt.")] = None,
    cached_tokens: Annotated[int, Query(ge=0, le=MAX_TOKENS, description="Of these, read from a cache.")] = 0,
    output_tokens: Tokens = None,
    tier: Annotated[str | None, Query(min_length=1, max_length=40)] = None,
    amount: Annotated[Amount | None, Query(description="Credits, in the place of tokens.")] = None,
    member: Annotated[
        Id | None, Query(description="Of a team one leads, or to an admin any; absent is oneself.")
    ] = None,
) -> WhyShown:
    """Ask about the usage of a model, about an amount, or about neither. Nothing is set aside."""
    question = why.question_of(
        model=model,
        tokens=tokens,
        input_tokens=input_tokens,
        cached_tokens=cached_tokens,
        output_tokens=output_tokens,
        tier=tier,
        amount=amount,
    )
    return why_shown(await why.why(ledger, actor=actor, question=question, member_id=member))
