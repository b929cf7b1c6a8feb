"""Usage: the tokens one request used, and what they cost.

Pure: the card in force is given; rating asks no clock and no table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.ledger.credits import Credits
from core.metering.ratecards import RateCard

MAX_TOKENS: Final = 1_000_000_000  # of one kind in one request
MAX_MODEL_LENGTH: Final = 200
_PICOS_PER_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one request, each kind counted apart: no token stands in two fields.

    Raises ValueError for a model without a name and for counts below zero or past MAX_TOKENS.
    """

    model: str
    input_tokens: int = 0  # read afresh, neither from a cache nor into one
    cached_tokens: int = 0  # read from a cache
    output_tokens: int = 0
    cache_write_tokens: int = 0  # written to a cache of 5 minutes
    cache_write_1h_tokens: int = 0  # written to a cache of 1 hour
    tier: str | None = None  # a service tier with a multiplier of its own

    def __post_init__(self) -> None:
        if not 0 < len(self.model) <= MAX_MODEL_LENGTH or not self.model.isprintable():
            raise ValueError(f"a model's name has 1 to {MAX_MODEL_LENGTH} printable characters")
        for kind, tokens in self.counts().items():
            if not 0 <= tokens <= MAX_TOKENS:
                raise ValueError(f"{kind} must be between 0 and {MAX_TOKENS:,}, not {tokens:,}")

    def counts(self) -> dict[str, int]:
        """Return the number of tokens of each kind by its name."""
        return {
            "input_tokens": self.input_tokens,
            "cached_tokens": self.cached_tokens,
            "output_tokens": self.output_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "cache_write_1h_tokens": self.cache_write_1h_tokens,
        }


@dataclass(frozen=True, slots=True)
class Rating:
    """What a request costs, by which card; ``is_fallback`` flags a model the card does not name."""

    amount: Credits
    card: str
    is_fallback: bool


def rate(usage: Usage, card: RateCard) -> Rating:
    """Return what the usage costs by the card (S3).

    Each kind's tokens × pico-credits per token, summed exactly, then rounded up once to a micro-credit.
    Raises OverflowError when the sum is no amount (past the 64-bit range).
    """
    rates, is_fallback = card.rates_for(usage.model)
    picos = (
        usage.input_tokens * rates.input.micros
        + usage.cached_tokens * rates.cached_input.micros
        + usage.output_tokens * rates.output.micros
        + usage.cache_write_tokens * rates.cache_write.micros
        + usage.cache_write_1h_tokens * rates.cache_write_1h.micros
    )
    return Rating(amount=Credits(-(-picos // _PICOS_PER_MICRO)), card=card.version, is_fallback=is_fallback)
