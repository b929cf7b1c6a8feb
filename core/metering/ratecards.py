"""Rate cards: what a million tokens of each kind cost, model by model, from which day on.

Rows are facts with an effective date and are never derived from one another. This module reads text it is
given; it opens no file and knows no clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from core.ledger.credits import ZERO, Credits

FALLBACK: Final = "*"  # the model name of the row that rates every model the card does not name
MAX_ROWS: Final = 10_000

_CHARGED: Final = ("input", "cached_input", "output")
_OPTIONAL: Final = ("cache_write", "cache_write_1h")  # null: this provider does not charge for it
_ABOUT: Final = ("provider", "source")  # for people; no part of the price
_FIELDS: Final = frozenset({"model", "effective_from", *_ABOUT, *_CHARGED, *_OPTIONAL})


@dataclass(frozen=True, slots=True)
class Rates:
    """Credits per million tokens of each kind.

    A micro-credit per million tokens is a pico-credit per token, so rates with up to 6 decimals are whole
    numbers of pico-credits per token and every product is exact (S3).
    """

    input: Credits
    cached_input: Credits
    output: Credits
    cache_write: Credits = ZERO  # into a cache of 5 minutes
    cache_write_1h: Credits = ZERO  # into a cache of 1 hour


@dataclass(frozen=True, slots=True)
class RateRow:
    """One published fact: the rates of a model from the start of a day (UTC) on."""

    model: str
    effective_from: date
    rates: Rates


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
            raise ValueError(f'a row for model "{FALLBACK}" (the fallback) must be in force from the first day on')

    def at(self, moment: datetime) -> RateCard:
        """Return the card in force at an aware instant. Raises ValueError before the first one."""
        day = moment.astimezone(UTC).date()
        in_force: dict[str, RateRow] = {}
        for row in sorted(self.rows, key=lambda row: (row.effective_from, row.model)):
            if row.effective_from <= day:
                in_force[row.model] = row
        if not in_force:
            first = min(row.effective_from for row in self.rows)
            raise ValueError(f"no rate card is in force on {day}: the first one is from {first} on")
        rates = {model: row.rates for model, row in in_force.items()}
        return RateCard(version=_version(in_force), fallback=rates.pop(FALLBACK), rates=rates)


def read_rate_cards(text: str) -> RateCards:
    """Read a file of rate cards: ``{"rows": [{"model", "effective_from", "input", …}]}``.

    Rates are strings of credits per million tokens with at most 6 decimals. Raises ValueError naming the row
    for everything else, a number that does not fit exactly among it.
    """
    document = json.loads(text)
    rows = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise ValueError(f'rate cards need "rows": a list of 1 to {MAX_ROWS:,} rows')
    return RateCards(tuple(_read_row(number, row) for number, row in enumerate(rows, start=1)))


def _read_row(number: int, row: Any) -> RateRow:
    if not isinstance(row, dict):
        raise ValueError(f"row {number} is not an object")  # noqa: TRY004  (a fault of the file, not of the caller)
    try:
        _refuse_unknown_fields(row)
        return RateRow(model=_text(row, "model"), effective_from=_day(row), rates=_read_rates(row))
    except ValueError as wrong:
        raise ValueError(f"row {number} ({row.get('model')!r}): {wrong}") from wrong


def _refuse_unknown_fields(row: Mapping[str, Any]) -> None:
    if unknown := sorted(row.keys() - _FIELDS):
        raise ValueError(f"there is no field {unknown[0]!r}")


def _read_rates(row: Mapping[str, Any]) -> Rates:
    rates = {field: _rate(row, field) for field in _CHARGED}
    rates |= {field: _rate(row, field) for field in _OPTIONAL if row.get(field) is not None}
    if not rates["input"] or not rates["output"]:
        raise ValueError("input and output are never free")
    return Rates(**rates)


def _rate(row: Mapping[str, Any], field: str) -> Credits:
    text = _text(row, field)
    try:
        return Credits.parse(text)
    except ValueError:
        raise ValueError(
            f'{field} is {text!r}, not credits per million tokens like "2.5": at most 6 decimals'
        ) from None


def _day(row: Mapping[str, Any]) -> date:
    text = _text(row, "effective_from")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise ValueError(f"effective_from is {text!r}, not a day like 2026-09-29")
    return day


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{field} must be a string, not {value!r}")
    return value


def _version(in_force: Mapping[str, RateRow]) -> str:
    """Return e.g. ``2026-09-29-5b1c9a04``: the newest row's day, and a digest of the rows in force."""
    newest = max(row.effective_from for row in in_force.values())
    facts = [
        [
            row.model,
            row.effective_from.isoformat(),
            *(str(getattr(row.rates, field)) for field in (*_CHARGED, *_OPTIONAL)),
        ]
        for _, row in sorted(in_force.items())
    ]
    digest = hashlib.sha256(json.dumps(facts, ensure_ascii=True, separators=(",", ":")).encode("ascii"))
    return f"{newest}-{digest.hexdigest()[:8]}"
