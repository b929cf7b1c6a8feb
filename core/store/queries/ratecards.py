"""Rows of rate cards as an organization loaded them: appended, read whole, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select

from core.ledger.credits import ZERO, Credits
from core.metering.ratecards import RateRow, Rates, Tier
from core.store.tables import RateCardRow as Table
from core.store.timestamps import from_micros, to_micros

_ROW: Final = Table.metadata.tables["rate_row"]

# Built once: making a statement costs more than carrying it out.
_NEWEST: Final = select(func.max(_ROW.c.load_number)).where(_ROW.c.org_id == bindparam("org"))
_LOADED: Final = (
    select(_ROW)
    .where(_ROW.c.org_id == bindparam("org"))
    .order_by(_ROW.c.load_number, _ROW.c.model, _ROW.c.effective_from)
)


def newest_load(connection: Connection, *, org_id: int) -> int:
    """Return the number of an organization's last load, 0 without any."""
    return connection.execute(_NEWEST, {"org": org_id}).scalar() or 0


def loaded_rows(connection: Connection, *, org_id: int) -> list[RateRow]:
    """Return every row an organization ever loaded, in the order of loads."""
    return [_row(row) for row in connection.execute(_LOADED, {"org": org_id})]


def add_rows(
    connection: Connection, rows: Sequence[RateRow], *, org_id: int, loaded_by: int, loaded_at: datetime
) -> None:
    """Append the rows of a load."""
    facts = {"org_id": org_id, "loaded_by": loaded_by, "loaded_at": to_micros(loaded_at)}
    connection.execute(_ROW.insert(), [facts | _values(row) for row in rows])


def _values(row: RateRow) -> dict[str, Any]:
    rates = row.rates
    return {
        "load_number": row.load,
        "model": row.model,
        "effective_from": row.effective_from.isoformat(),
        "input": rates.input.micros,
        "cached_input": rates.cached_input.micros,
        "output": rates.output.micros,
        "cache_write": rates.cache_write.micros or None,
        "cache_write_1h": rates.cache_write_1h.micros or None,
        "tiers": None if rates.tiers is None else {tier.name: tier.shown() for tier in rates.tiers},
        "provider": row.provider,
        "source": row.source,
    }


def _row(row: Row[Any]) -> RateRow:
    rates = Rates(
        Credits(row.input),
        Credits(row.cached_input),
        Credits(row.output),
        ZERO if row.cache_write is None else Credits(row.cache_write),
        ZERO if row.cache_write_1h is None else Credits(row.cache_write_1h),
        None if row.tiers is None else tuple(Tier(name, Fraction(times)) for name, times in sorted(row.tiers.items())),
    )
    return RateRow(
        row.model,
        date.fromisoformat(row.effective_from),
        rates,
        row.provider,
        row.source,
        row.load_number,
        from_micros(row.loaded_at),
    )
