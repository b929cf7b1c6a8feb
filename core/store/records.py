"""Records between their dataclasses and their tables: moments and amounts as numbers, JSON as its text."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import orjson
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from core.ledger.batch import BatchState
from core.ledger.credits import Credits
from core.ledger.records import Record, RecordQuery
from core.metering.boosts import Factor
from core.store.drivers.driver import Driver, Row, columns_of
from core.store.drivers.round_trips import Reader
from core.store.timestamps import from_micros, to_micros

Convert = Callable[[Any], Any]
Writing = tuple[Callable[[Record], tuple[Any, ...]], tuple[tuple[int, Convert], ...]]
Kept = TypeVar("Kept", bound=Record)

# Of some records only those that may still matter are read; ``w.c`` is in micro-seconds, safely before the moment that
# is decided at, which is taken later, and by a clock that may be set back in between.
LIVE: Final[dict[str, str]] = {"usage_window": "r.closes_at > w.c"}

SAFELY: Final = timedelta(hours=1)

_KNOWN: dict[type[Record], tuple[tuple[str, Convert, Convert], ...]] = {}
_WRITTEN: dict[type[Record], Writing] = {}
_QUERIES: dict[tuple[type[Record], str], str] = {}


def records_readers(wishes: Iterable[tuple[int, RecordQuery]], batch: BatchState) -> list[Reader[None]]:
    """Return readers of what the commands of a batch wished for, into its book."""
    grouped: defaultdict[tuple[type[Record], str], set[tuple[int, int | str]]] = defaultdict(set)
    known = batch.records
    for org, (kind, column, value) in wishes:
        if (filed := known.get((kind, column))) is None or (org, value) not in filed:
            grouped[kind, column].add((org, value))
    return [_records(kind, column, wanted, batch) for (kind, column), wanted in grouped.items()]


def _records(kind: type[Record], column: str, wanted: set[tuple[int, int | str]], batch: BatchState) -> Reader[None]:
    """Read the records whose organization and ``column`` are among those wanted, in the order of their keys."""
    since = to_micros(batch.now - SAFELY)
    rows = yield _query(kind, column), [(*each, since) for each in sorted(wanted)]
    filed = batch.records.setdefault((kind, column), {})
    filed.update((each, {}) for each in wanted)
    for row in rows:
        record = record_of(kind, row)
        filed[record.org_id, getattr(record, column)][record.key] = record


def _query(kind: type[Record], column: str) -> str:
    if (kind, column) not in _QUERIES:
        _QUERIES[kind, column] = _made_query(kind, column)
    return _QUERIES[kind, column]


def _made_query(kind: type[Record], column: str) -> str:
    columns = ", ".join(_selected(kind, name) for name in columns_of(model_of(kind)))
    live = f" AND {LIVE[kind.TABLE]}" if kind.TABLE in LIVE else ""
    order = ", ".join(f"r.{name}" for name in kind.KEY)
    return f"""SELECT {columns} FROM {{wanted}} w CROSS JOIN {kind.TABLE} r
               WHERE r.org_id = w.a AND r.{column} = w.b{live} ORDER BY {order}"""  # noqa: S608  (our own names)


def query_records(connection: Connection, kind: type[Kept], which: str, **values: Any) -> list[Kept]:
    """Return records outside the journal: ``which`` is what follows ``FROM its_table r``, with named parameters."""
    columns = ", ".join(_selected(kind, name) for name in columns_of(model_of(kind)))
    query = text(f"SELECT {columns} FROM {kind.TABLE} r {which}")  # noqa: S608  (our own words)
    return [record_of(kind, row) for row in connection.execute(query, values)]


def write_records(driver: Driver, records: Iterable[Record]) -> None:
    """Write the last state of each record, whole."""
    last: dict[type[Record], dict[tuple[Any, ...], Record]] = {}
    for record in records:
        last.setdefault(type(record), {})[record.org_id, *record.key] = record
    for kind, kept in last.items():
        driver.put(model_of(kind), ("org_id", *kind.KEY), [row_of(record) for record in kept.values()])


def record_of(kind: type[Record], row: Iterable[Any]) -> Any:
    """Return the record that a row, in the order of the table's columns, is."""
    return kind(**{name: read(value) for (name, read, _), value in zip(_fields(kind), row, strict=True)})


def row_of(record: Record) -> Row:
    """Return a record's row, in the order of the table's columns."""
    kind = type(record)
    if kind not in _WRITTEN:
        _WRITTEN[kind] = _writing(kind)
    values, conversions = _WRITTEN[kind]
    row = list(values(record))
    for place, write in conversions:
        row[place] = write(row[place])
    return tuple(row)


def values_of(record: Record) -> dict[str, Any]:
    """Return a record's values by column, to be written outside the journal; it has no JSON among them."""
    return dict(zip(columns_of(model_of(type(record))), row_of(record), strict=True))


def model_of(kind: type[Record]) -> type[SQLModel]:
    """Return the table of a kind of record. Raises KeyError when there is none."""
    return _models()[kind.TABLE]


@cache
def _models() -> dict[str, type[SQLModel]]:
    return {str(model.__tablename__): model for model in SQLModel.__subclasses__() if hasattr(model, "__table__")}


def _fields(kind: type[Record]) -> tuple[tuple[str, Convert, Convert], ...]:
    if kind not in _KNOWN:
        _KNOWN[kind] = _described(kind)
    return _KNOWN[kind]


def _writing(kind: type[Record]) -> Writing:
    """Return what gets a record's values, and which of them are written in another form."""
    fields = _fields(kind)
    conversions = ((place, write) for place, (_, _, write) in enumerate(fields) if write is not _same)
    return attrgetter(*(name for name, _, _ in fields)), tuple(conversions)


def _described(kind: type[Record]) -> tuple[tuple[str, Convert, Convert], ...]:
    hints = get_type_hints(kind)
    names = {each.name for each in dataclasses.fields(kind)}
    assert names == set(columns_of(model_of(kind))), f"{kind.__name__} has other fields than its table has columns"
    return tuple((name, *_conversions(hints[name])) for name in columns_of(model_of(kind)))


def _conversions(hint: Any) -> tuple[Convert, Convert]:
    """Return how a value of a type is read from its column, and how it is written; None stays None."""
    if isinstance(hint, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    plain = get_origin(hint) or hint
    if plain is datetime:
        return from_micros, to_micros
    if plain is Credits:
        return _or_none(Credits), _micros_of
    if plain is Factor:
        return _or_none(Factor), _or_none(lambda factor: factor.thousandths)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return _or_none(plain), _or_none(lambda each: each.value)
    if plain is bool:
        return _or_none(bool), _same
    if plain in {int, str}:
        return _same, _same
    return _or_none(lambda stored: plain(orjson.loads(stored))), _or_none(lambda value: orjson.dumps(value).decode())


def _or_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _micros_of(amount: Credits | None) -> int | None:
    return None if amount is None else amount.micros


def _same(value: Any) -> Any:
    return value


def _selected(kind: type[Record], name: str) -> str:
    """JSON is selected as its text, which both databases give alike."""
    column = model_of(kind).__table__.columns[name]  # type: ignore[attr-defined]
    return f'CAST(r."{name}" AS TEXT)' if column.type.__visit_name__ == "JSON" else f'r."{name}"'
