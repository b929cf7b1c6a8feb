"""Rate cards in requests and answers. What a request holds is described here and read by the use case."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import Field

from core.api.schemas.base import AMOUNT_PATTERN, AmountShown, Shown
from core.services.usage.ratecards import CardView, LoadView, RateView

_RATE: Final = {"type": "string", "pattern": AMOUNT_PATTERN, "examples": ["62.5"]}
_RATE_OR_NULL: Final = {"anyOf": [_RATE, {"type": "null"}], "description": "null is not charged"}
_ABOUT: Final = {"anyOf": [{"type": "string", "maxLength": 500}, {"type": "null"}]}
_ROW: Final = {
    "type": "object",
    "required": ["model", "effective_from", "input", "cached_input", "output"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["gpt-6-sol"]},
        "effective_from": {"type": "string", "format": "date", "examples": ["2026-09-22"]},
        "input": _RATE,
        "cached_input": _RATE,
        "cache_write": _RATE_OR_NULL,
        "cache_write_1h": _RATE_OR_NULL,
        "output": _RATE,
        "tiers": {
            "anyOf": [
                {
                    "type": "object",
                    "maxProperties": 20,
                    "propertyNames": {"pattern": "^[a-z0-9][a-z0-9_-]{0,39}$"},
                    "additionalProperties": {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?$"},
                    "examples": [{"fast": "2"}],
                },
                {"type": "null"},
            ]
        },
        "provider": _ABOUT,
        "source": _ABOUT,
    },
}
LOAD_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "A file of rate cards as published. Model `*` is the fallback of every model without a row.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["rows"],
                    "additionalProperties": False,
                    "properties": {
                        "rows": {"type": "array", "minItems": 1, "maxItems": 10_000, "items": _ROW},
                        "unit": {"type": "string", "pattern": "^credits per 1,000,000 tokens"},
                        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                        "dry_run": {"type": "boolean", "description": "Only answer what it would do."},
                    },
                }
            }
        },
    }
}


class RateShown(Shown):
    """The rates of one model: credits per million tokens. Cache rates are null where they are not charged."""

    model: str
    provider: str | None
    effective_from: date
    input: AmountShown
    cached_input: AmountShown
    cache_write: AmountShown | None
    cache_write_1h: AmountShown | None
    output: AmountShown
    tiers: Annotated[dict[str, str], Field(description="What multiplies every rate.", examples=[{"fast": "2"}])]
    source: str | None
    load: Annotated[int, Field(description="Which load brought it; 0 is what comes with the house.")]
    loaded_at: datetime | None


class RateCardShown(Shown):
    """The rates in force at an instant; ``version`` is what is kept with each event they rate."""

    version: str
    at: datetime
    load: Annotated[int, Field(description="The last load these rates know of.")]
    unit: str
    rates: list[RateShown]


class LoadShown(Shown):
    """What a load did, or would do; ``version`` is that of the rates in force now, once it is loaded."""

    load: int
    added: int
    corrected: int
    unchanged: int
    version: str
    dry_run: bool


def rate_card_shown(card: CardView) -> RateCardShown:
    return RateCardShown(
        version=card.version,
        at=card.at,
        load=card.load,
        unit="credits per 1,000,000 tokens",
        rates=[rate_shown(row) for row in card.rows],
    )


def rate_shown(row: RateView) -> RateShown:
    return RateShown(**{name: getattr(row, name) for name in RateView.__slots__})


def load_shown(load: LoadView) -> LoadShown:
    return LoadShown(**{name: getattr(load, name) for name in LoadView.__slots__})
