"""Copies every row from one database to another of the same schema, of the same kind or the other.

Values are moved as they are stored, so that seals still fit: JSON as its very text, moments and amounts as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import JSON, Connection, inspect

from core.store.engine import StoreError, is_sqlite

REVISION_TABLE: Final = "alembic_version"
_STREAM: Final = 5_000

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table as the database itself describes it: its columns, its key, and which columns hold JSON."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    json: frozenset[str]


def shapes(connection: Connection) -> dict[str, TableShape]:
    """Return all tables of a database but the one that names its revision."""
    inspector = inspect(connection)
    found: dict[str, TableShape] = {}
    for name in sorted(inspector.get_table_names()):
        columns = inspector.get_columns(name)
        key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
        json = frozenset(column["name"] for column in columns if isinstance(column["type"], JSON))
        found[name] = TableShape(name, tuple(column["name"] for column in columns), key, json)
    found.pop(REVISION_TABLE, None)
    return found


def copy_rows(source: Connection, target: Connection, names: Iterable[str]) -> int:
    """Copy every row of these tables, in the order of their keys, and return how many.

    Raises StoreError when one of them is not the same in both.
    """
    given, wanted = shapes(source), shapes(target)
    write = _write_sqlite if is_sqlite(target) else _write_postgresql
    copied = 0
    for name in names:
        if not _alike(given.get(name), wanted.get(name)):
            raise StoreError(f"the table {name} is not that of the schema")
        for rows in _read(source, given[name], wanted[name].columns):
            write(target, wanted[name], rows)
            copied += len(rows)
    return copied


def _alike(one: TableShape | None, other: TableShape | None) -> bool:
    return one is not None and other is not None and set(one.columns) == set(other.columns)


def _read(connection: Connection, shape: TableShape, columns: Iterable[str]) -> Iterator[list[Row]]:
    as_text = frozenset() if is_sqlite(connection) else shape.json
    wanted = ", ".join(f'"{name}"::text' if name in as_text else f'"{name}"' for name in columns)
    order = ", ".join(f'"{name}"' for name in shape.key)
    query = f'SELECT {wanted} FROM "{shape.name}" ORDER BY {order}'  # noqa: S608  (names of our own schema)
    rows = connection.exec_driver_sql(query, execution_options={"yield_per": _STREAM})
    for part in rows.partitions(_STREAM):
        yield [tuple(row) for row in part]


def _write_sqlite(connection: Connection, shape: TableShape, rows: list[Row]) -> None:
    places = ",".join("?" * len(shape.columns))
    connection.exec_driver_sql(f'INSERT INTO "{shape.name}" ({_names(shape)}) VALUES ({places})', rows)  # noqa: S608


def _write_postgresql(connection: Connection, shape: TableShape, rows: list[Row]) -> None:
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f'COPY "{shape.name}" ({_names(shape)}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _names(shape: TableShape) -> str:
    return ", ".join(f'"{name}"' for name in shape.columns)
