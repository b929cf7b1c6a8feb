"""What a replay did: counted while it runs, by model and by why requests were refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code
from core.metering.usage import Rating


@dataclass(slots=True)
class ModelTally:
    """What became of the requests to one model; ``credits`` is what was charged now."""

    is_fallback: bool
    charged: int = 0
    duplicates: int = 0
    refused: int = 0
    credits: Credits = ZERO

    @property
    def requests(self) -> int:
        return self.charged + self.duplicates + self.refused


@dataclass(slots=True)
class Tally:
    """The models in the order they appeared, and the reasons of refusals."""

    card: str
    models: dict[str, ModelTally] = field(default_factory=dict)
    refusals: Counter[Code] = field(default_factory=Counter)
    overage: Credits = ZERO  # of what was charged: what nothing covered
    seconds: float = 0.0

    def count_charge(self, model: str, rating: Rating, *, replayed: bool) -> None:
        tally = self._of(model, is_fallback=rating.is_fallback)
        if replayed:
            tally.duplicates += 1
        else:
            tally.charged += 1
            tally.credits += rating.amount

    def count_refusal(self, model: str, code: Code, *, is_fallback: bool) -> None:
        self._of(model, is_fallback=is_fallback).refused += 1
        self.refusals[code] += 1

    def _of(self, model: str, *, is_fallback: bool) -> ModelTally:
        return self.models.setdefault(model, ModelTally(is_fallback))

    @property
    def requests(self) -> int:
        return self.charged + self.duplicates + self.refused

    @property
    def charged(self) -> int:
        return sum(model.charged for model in self.models.values())

    @property
    def duplicates(self) -> int:
        return sum(model.duplicates for model in self.models.values())

    @property
    def refused(self) -> int:
        return self.refusals.total()

    @property
    def credits(self) -> Credits:
        return total(model.credits for model in self.models.values())

    @property
    def per_second(self) -> int:
        return int(self.requests / self.seconds) if self.seconds else 0
