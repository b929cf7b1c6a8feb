"""Usage: the tokens one request used, and what they cost.

Pure: the card in force is given; rating asks no clock and no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from core.ledger.credits import Credits
from core.metering.ratecards import RateCard

MAX_TOKENS: Final = 1_000_000_000  # of one kind in one request
MAX_MODEL_LENGTH: Final = 200
_PARTS_OF_PROMPT: Final = ("cached_tokens", "cache_write_tokens", "cache_write_1h_tokens")
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
        _check_counts(self.counts())

    @classmethod
    def of_prompt(cls, model: str, tier: str | None = None, **tokens: int) -> Self:
        """Return the usage of a request whose ``input_tokens`` are the whole prompt, as tools report it.

        Those read from a cache (``cached_tokens``) and written to one (``cache_write_tokens``,
        ``cache_write_1h_tokens``) are part of it. Raises ValueError when the parts are more than the whole.
        """
        _check_counts(tokens)
        parts = {kind: tokens.get(kind, 0) for kind in _PARTS_OF_PROMPT}
        whole, part = tokens.get("input_tokens", 0), sum(parts.values())
        if part > whole:
            named = " + ".join(f"{kind} ({count:,})" for kind, count in parts.items() if count)
            raise ValueError(
                f"{named} is more than input_tokens ({whole:,}); input_tokens is the whole prompt, "
                "with what was read from a cache and written to one"
            )
        return cls(model, whole - part, output_tokens=tokens.get("output_tokens", 0), tier=tier, **parts)

    def counts(self) -> dict[str, int]:
        """Return the number of tokens of each kind by its name."""
        return {
            "input_tokens": self.input_tokens,
            "cached_tokens": self.cached_tokens,
            "output_tokens": self.output_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "cache_write_1h_tokens": self.cache_write_1h_tokens,
        }


def _check_counts(counts: Mapping[str, int]) -> None:
    if counts and (min(counts.values()) < 0 or max(counts.values()) > MAX_TOKENS):
        kind, count = next(each for each in counts.items() if not 0 <= each[1] <= MAX_TOKENS)
        raise ValueError(f"{kind} must be between 0 and {MAX_TOKENS:,}, not {count:,}")


@dataclass(frozen=True, slots=True)
class Rating:
    """What a request costs, by which card; ``is_fallback`` flags a model the card does not name."""

    amount: Credits
    card: str
    is_fallback: bool


def rate(usage: Usage, card: RateCard) -> Rating:
    """Return what the usage costs by the card (S3).

    Each kind's tokens × pico-credits per token, summed exactly, times the tier's multiplier, then rounded up once
    to a micro-credit. Raises Refused(invalid_request) for a tier the model's rates do not know, and OverflowError
    when the sum is no amount (past the 64-bit range).
    """
    rates, is_fallback = card.rates_for(usage.model)
    times = rates.multiplier(usage.tier)
    picos = times.numerator * (
        usage.input_tokens * rates.input.micros
        + usage.cached_tokens * rates.cached_input.micros
        + usage.output_tokens * rates.output.micros
        + usage.cache_write_tokens * rates.cache_write.micros
        + usage.cache_write_1h_tokens * rates.cache_write_1h.micros
    )
    micros = -(-picos // (times.denominator * _PICOS_PER_MICRO))
    return Rating(amount=Credits(micros), card=card.version, is_fallback=is_fallback)
