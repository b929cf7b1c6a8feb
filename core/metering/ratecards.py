"""Rate cards: what a million tokens of each kind cost, model by model, from which day on.

Rows are facts with an effective date and are never derived from one another. How a file of them is read stands
in ratefile.py. Nothing here opens a file or knows a clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Final, NamedTuple

from core.ledger.credits import MICROS_PER_CREDIT, ZERO, Credits
from core.ledger.errors import Code, Refused

FALLBACK: Final = "*"  # the model name of the row that rates every model the card does not name
STANDARD: Final = "standard"  # the tier every model has: its rates as they stand
SHIPPED: Final = 0  # the load of the rows that come with the house
_AS_IT_STANDS: Final = Fraction(1)


class Tier(NamedTuple):
    """A service tier: all rates of a model times an exact number, like 2 or 0.5."""

    name: str
    multiplier: Fraction

    def shown(self) -> str:
        """Return the multiplier as it was written: an exact decimal, which it is with at most 6 decimals."""
        return str(Credits(int(self.multiplier * MICROS_PER_CREDIT)))


@dataclass(frozen=True, slots=True)
class Rates:
    """Credits per million tokens of each kind, and the tiers that multiply them.

    A micro-credit per million tokens is a pico-credit per token, so rates with up to 6 decimals are whole
    numbers of pico-credits per token and every product is exact (S3).
    """

    input: Credits
    cached_input: Credits
    output: Credits
    cache_write: Credits = ZERO  # into a cache of 5 minutes
    cache_write_1h: Credits = ZERO  # into a cache of 1 hour
    tiers: tuple[Tier, ...] | None = None  # by name; a row that states none at all has those of the fallback

    def multiplier(self, tier: str | None) -> Fraction:
        """Return by what a tier multiplies these rates. Raises Refused(invalid_request) naming the known ones."""
        if tier is None or tier == STANDARD:
            return _AS_IT_STANDS
        tiers = self.tiers or ()
        for known in tiers:
            if known.name == tier:
                return known.multiplier
        names = ", ".join([STANDARD, *(known.name for known in tiers)])
        sentence = f"The rate card has no tier {tier[:40]!r} for this model; it knows: {names}."
        raise Refused(Code.INVALID_REQUEST, sentence, field="tier")


@dataclass(frozen=True, slots=True)
class RateRow:
    """One published fact: the rates of a model from the start of a day (UTC) on.

    ``load`` numbers the load that brought it. Provider and source are for people and no part of the price.
    """

    model: str
    effective_from: date
    rates: Rates
    provider: str | None = None
    source: str | None = None
    load: int = SHIPPED
    loaded_at: datetime | None = None

    @property
    def fact(self) -> tuple[object, ...]:
        """What it states, whichever load stated it."""
        return (self.model, self.effective_from, self.rates, self.provider, self.source)


@dataclass(frozen=True, slots=True)
class RateCard:
    """The rates in force at an instant.

    ``version`` names them: the day of the newest row and a digest of every row in force. Rows of the future
    change no version, a corrected row does.
    """

    version: str
    rates: Mapping[str, Rates]
    fallback: Rates

    def rates_for(self, model: str) -> tuple[Rates, bool]:
        """Return the model's rates and whether they are the fallback's because the card has no such model."""
        known = self.rates.get(model)
        return (self.fallback, True) if known is None else (known, False)


@dataclass(frozen=True, slots=True)
class RateCards:
    """Every row ever published, from which the card in force at any instant follows.

    Raises ValueError when two rows speak of one model and day, or when no fallback is in force from the
    first day on: an unknown model is never free (S3).
    """

    rows: tuple[RateRow, ...]

    def __post_init__(self) -> None:
        seen: set[tuple[str, date]] = set()
        for row in self.rows:
            if (row.model, row.effective_from) in seen:
                raise ValueError(f"two rows for {row.model!r} from {row.effective_from}")
            seen.add((row.model, row.effective_from))
        first = min((row.effective_from for row in self.rows), default=None)
        if first is None or (FALLBACK, first) not in seen:
            raise ValueError(
                f'a row for model "{FALLBACK}" (the fallback) must be in force from the first day on'
                + (f", which is {first}" if first else "")
            )

    def at(self, moment: datetime) -> RateCard:
        """Return the card in force at an aware instant. Raises ValueError before the first one."""
        in_force = self.rows_at(moment)
        tiers = in_force[FALLBACK].rates.tiers
        rates = {
            model: row.rates if row.rates.tiers is not None else replace(row.rates, tiers=tiers)
            for model, row in in_force.items()
        }
        return RateCard(version=_version(in_force), fallback=rates.pop(FALLBACK), rates=rates)

    def rows_at(self, moment: datetime) -> dict[str, RateRow]:
        """Return the row in force for each model at an aware instant. Raises ValueError before the first one."""
        day = moment.astimezone(UTC).date()
        in_force: dict[str, RateRow] = {}
        for row in sorted(self.rows, key=lambda row: (row.effective_from, row.model)):
            if row.effective_from <= day:
                in_force[row.model] = row
        if not in_force:
            first = min(row.effective_from for row in self.rows)
            raise ValueError(f"no rate card is in force on {day}: the first one is from {first} on")
        return in_force

    def with_loads(self, loaded: Iterable[RateRow]) -> RateCards:
        """Return these cards with an organization's own rows, of which later loads correct earlier ones.

        From its own first row of a model on, the organization's rows alone count for that model. Raises
        ValueError when no fallback would be in force from the first day on.
        """
        own: dict[tuple[str, date], RateRow] = {}
        for row in sorted(loaded, key=lambda row: row.load):
            own[row.model, row.effective_from] = row
        since: dict[str, date] = {}
        for model, day in own:
            since[model] = min(day, since.get(model, day))
        kept = (row for row in self.rows if row.effective_from < since.get(row.model, date.max))
        return RateCards((*kept, *own.values()))


def _version(in_force: Mapping[str, RateRow]) -> str:
    """Return e.g. ``2026-09-29-5b1c9a04``: the newest row's day, and a digest of the rows in force."""
    newest = max(row.effective_from for row in in_force.values())
    facts = [_priced(row) for _, row in sorted(in_force.items())]
    digest = hashlib.sha256(json.dumps(facts, ensure_ascii=True, separators=(",", ":")).encode("ascii"))
    return f"{newest}-{digest.hexdigest()[:8]}"


def _priced(row: RateRow) -> list[str | list[str]]:
    """Return all of a row that a price follows from, as text."""
    rates = row.rates
    kinds = (rates.input, rates.cached_input, rates.output, rates.cache_write, rates.cache_write_1h)
    tiers = [[]] if rates.tiers == () else [[tier.name, tier.shown()] for tier in rates.tiers or ()]
    return [row.model, row.effective_from.isoformat(), *map(str, kinds), *tiers]
