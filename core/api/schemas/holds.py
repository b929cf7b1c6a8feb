"""Authorizations in requests and answers. ``input_tokens`` is the whole prompt, the cached part of it included."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import Field

from core.api.schemas.base import AmountShown, RequestModel, Shown, Somebody
from core.services.usage.holds import (
    DEFAULT_SECONDS,
    ESTIMATED_OUTPUT,
    MAX_MODEL_LENGTH,
    MAX_SECONDS,
    MAX_TOKENS,
    HoldState,
    HoldView,
)

Tokens = Annotated[int, Field(strict=True, ge=0, le=MAX_TOKENS)]
Model = Annotated[str, Field(min_length=1, max_length=MAX_MODEL_LENGTH, examples=["gpt-6-sol"])]
Tier = Annotated[str, Field(min_length=1, max_length=40, examples=["fast"])]


class AuthorizationRequest(RequestModel):
    """A request that is about to be sent to a model."""

    model: Model
    member: Annotated[Somebody | None, Field(description="Whose usage it is; absent is one's own.")] = None
    input_tokens: Annotated[Tokens, Field(description="The whole prompt.", examples=[12_000])]
    cached_tokens: Annotated[Tokens, Field(description="Of these, how many surely come from a cache.")] = 0
    max_tokens: Annotated[
        Tokens | None, Field(description=f"The request's own limit; at most {ESTIMATED_OUTPUT:,} are set aside for.")
    ] = None
    tier: Tier | None = None
    seconds: Annotated[int, Field(strict=True, ge=1, le=MAX_SECONDS, description="How long it is held.")] = (
        DEFAULT_SECONDS
    )


class CaptureRequest(RequestModel):
    """What a request really used: input_tokens, output_tokens or both must be there, be it as 0."""

    model: Annotated[Model | None, Field(description="Absent is the model that was authorized.")] = None
    input_tokens: Tokens = 0
    cached_tokens: Tokens = 0
    cache_write_tokens: Tokens = 0
    cache_write_1h_tokens: Tokens = 0
    output_tokens: Tokens = 0
    tier: Annotated[Tier | None, Field(description="Absent is the authorized one, if the model is.")] = None

    def counts(self) -> dict[str, int]:
        return self.model_dump(exclude={"model", "tier"}, exclude_unset=True)


class HoldShown(Shown):
    """A hold. ``allowance`` is the part of its amount that the plan covers, the rest is set aside of lots.

    ``fallback`` is true of a model that the card does not know: it is rated as every other.
    """

    id: str
    state: HoldState
    member: str
    model: str
    tier: str | None
    amount: AmountShown
    allowance: AmountShown
    created_at: datetime
    deadline_at: datetime
    card: str
    fallback: bool
    charged: AmountShown
    overage: AmountShown
    late: bool
    closed_at: datetime | None


def hold_shown(hold: HoldView) -> HoldShown:
    return HoldShown(**_shown(hold))


def hold_json(hold: HoldView) -> bytes:
    """Return what ``hold_shown`` shows as JSON, at once."""
    return orjson.dumps(_shown(hold), option=orjson.OPT_UTC_Z)


def _shown(hold: HoldView) -> dict[str, Any]:
    return {
        "id": hold.id,
        "state": hold.state,
        "member": hold.member_id,
        "model": hold.model,
        "tier": hold.tier,
        "amount": str(hold.amount),
        "allowance": str(hold.allowance),
        "created_at": hold.created_at,
        "deadline_at": hold.deadline_at,
        "card": hold.card,
        "fallback": hold.is_fallback,
        "charged": str(hold.charged),
        "overage": str(hold.overage),
        "late": hold.is_late,
        "closed_at": hold.closed_at,
    }
