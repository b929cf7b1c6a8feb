"""A file of rate cards: JSON as it is published, shipped and loaded. Pure; whoever calls opens the file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any, Final

from core.ledger.credits import Credits
from core.metering.ratecards import STANDARD, RateCards, RateRow, Rates, Tier
from core.metering.usage import MAX_MODEL_LENGTH

MAX_ROWS: Final = 10_000
MAX_TIERS: Final = 20  # of one row
MAX_TIER_LENGTH: Final = 40
MAX_ABOUT_LENGTH: Final = 500
MAX_RATE_LENGTH: Final = 17  # of its text
MULTIPLIER_PATTERN: Final = r"^[0-9]{1,3}(\.[0-9]{1,6})?$"
TIER_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,39}$"
UNIT: Final = "credits per 1,000,000 tokens"

_CHARGED: Final = ("input", "cached_input", "output")
_OPTIONAL: Final = ("cache_write", "cache_write_1h")  # null: this provider does not charge for it
_ABOUT: Final = ("provider", "source")  # for people; no part of the price
_ROW_FIELDS: Final = frozenset({"model", "effective_from", "tiers", *_ABOUT, *_CHARGED, *_OPTIONAL})
_FILE_FIELDS: Final = frozenset({"unit", "note", "rows"})


def read_rate_cards(text: str) -> RateCards:
    """Read a complete file of rate cards, fallback included: ``{"rows": [{"model", "effective_from", "input", …}]}``.

    Raises ValueError as ``read_rate_rows`` does, and when it lacks a fallback.
    """
    return RateCards(read_rate_rows(json.loads(text)))


def read_rate_rows(document: object) -> tuple[RateRow, ...]:
    """Return the rows of a parsed file, with or without ``unit`` and ``note``.

    Rates are strings of credits per million tokens with at most 6 decimals, tiers exact decimal multipliers.
    Raises ValueError naming the row for everything else: a number that does not fit exactly, an unknown field, two
    rows for one model and day.
    """
    if not isinstance(document, dict):
        raise ValueError('rate cards are an object with "rows"')  # noqa: TRY004  (a fault of the file)
    _refuse_unknown(document, _FILE_FIELDS)
    unit = document.get("unit")
    if unit is not None and not (isinstance(unit, str) and unit.startswith(UNIT)):
        raise ValueError(f'"unit" must begin with "{UNIT}", for nothing else is understood')
    if not isinstance(document.get("note"), str | None):
        raise ValueError('"note" must be a string')  # noqa: TRY004
    rows = document.get("rows")
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise ValueError(f'rate cards need "rows": a list of 1 to {MAX_ROWS:,} rows')
    read = tuple(_read_row(number, row) for number, row in enumerate(rows, start=1))
    first_seen: dict[tuple[str, date], int] = {}
    for number, row in enumerate(read, start=1):
        if (before := first_seen.setdefault((row.model, row.effective_from), number)) != number:
            raise ValueError(f"row {number} ({row.model!r}): row {before} is for the same model and day")
    return read


def _read_row(number: int, row: Any) -> RateRow:
    if not isinstance(row, dict):
        raise ValueError(f"row {number} is not an object")  # noqa: TRY004  (a fault of the file, not of the caller)
    try:
        _refuse_unknown(row, _ROW_FIELDS)
        return RateRow(_model(row), _day(row), _rates(row), _about(row, "provider"), _about(row, "source"))
    except ValueError as wrong:
        name = row.get("model")
        named = f" ({name[:MAX_TIER_LENGTH]!r})" if isinstance(name, str) else ""
        raise ValueError(f"row {number}{named}: {wrong}") from wrong


def _refuse_unknown(found: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(found.keys() - known):
        raise ValueError(f"there is no field {unknown[0][:MAX_TIER_LENGTH]!r}")


def _rates(row: Mapping[str, Any]) -> Rates:
    rates = {field: _rate(row, field) for field in _CHARGED}
    rates |= {field: _rate(row, field) for field in _OPTIONAL if row.get(field) is not None}
    if not rates["input"] or not rates["output"]:
        raise ValueError("input and output are never free")
    return Rates(**rates, tiers=_tiers(row.get("tiers")))


def _rate(row: Mapping[str, Any], field: str) -> Credits:
    text = _text(row, field)
    try:
        return Credits.parse(text)
    except ValueError:
        shown = text[:MAX_RATE_LENGTH]
        raise ValueError(
            f'{field} is {shown!r}, not credits per million tokens like "2.5": at most 6 decimals'
        ) from None


def _tiers(given: Any) -> tuple[Tier, ...] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or len(given) > MAX_TIERS:
        raise ValueError(f'tiers must be an object of at most {MAX_TIERS} names with multipliers, like {{"fast": "2"}}')
    return tuple(Tier(name, _multiplier(name, given[name])) for name in sorted(given))


def _multiplier(name: str, given: Any) -> Fraction:
    if re.fullmatch(TIER_PATTERN, name, re.ASCII) is None:
        raise ValueError(f"a tier's name is of a-z, 0-9, - and _, not {name[:MAX_TIER_LENGTH]!r}")
    if name == STANDARD:
        raise ValueError(f"tier {STANDARD!r} is the rates as they stand; give it no multiplier")
    if not isinstance(given, str) or re.fullmatch(MULTIPLIER_PATTERN, given, re.ASCII) is None:
        raise ValueError(f'tier {name!r} needs a multiplier like "2" or "0.5": a string, at most 6 decimals')
    multiplier = Fraction(given)
    if not multiplier:
        raise ValueError(f"tier {name!r} is never free")
    return multiplier


def _day(row: Mapping[str, Any]) -> date:
    text = _text(row, "effective_from")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text or day.year < 1970:
        raise ValueError(f"effective_from is {text[:MAX_RATE_LENGTH]!r}, not a day like 2026-09-29")
    return day


def _model(row: Mapping[str, Any]) -> str:
    name = _text(row, "model")
    if len(name) > MAX_MODEL_LENGTH or not name.isprintable():
        raise ValueError(f"a model's name has 1 to {MAX_MODEL_LENGTH} printable characters")
    return name


def _about(row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_ABOUT_LENGTH or not value.isprintable():
        raise ValueError(f"{field} must be a string of at most {MAX_ABOUT_LENGTH} printable characters")
    return value


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if value == "":
        raise ValueError(f"{field} must not be empty")
    if not isinstance(value, str):
        raise ValueError(f"{field} must be a string, not {str(value)[:MAX_RATE_LENGTH]}")  # noqa: TRY004  (a fault of the file)
    return value
