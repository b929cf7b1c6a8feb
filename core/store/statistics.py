"""What SQLite's planner is told of the tables, once, instead of what it would guess of empty ones.

Every key is led by ``org_id`` and one organization may hold nearly all rows; without statistics the planner takes
``org_id = ?`` for a sharp condition and reads a whole organization where an index would find ten rows. These
numbers are a shape, not a count, so that plans are the same on the first day and after ten years.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

_ROWS: Final = 1_000_000
_OF_ONE_ORGANISATION: Final = 500_000
_OF_TWO_COLUMNS: Final = 50
_OF_MORE: Final = 5


def write_statistics(connection: Connection) -> None:
    """Tell SQLite's planner the shape of every table and index; new connections plan by it."""
    connection.exec_driver_sql("ANALYZE sqlite_schema")  # makes the table of statistics
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    for (table,) in connection.exec_driver_sql(tables).all():
        for _, index, unique, origin, _ in connection.exec_driver_sql(f"PRAGMA index_list({table})").all():
            columns = [row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({index})")]
            # The key of a clustered table goes by the table's own name.
            clustered = origin == "pk" and _is_clustered(connection, table)
            shape = _shape([column == "org_id" for column in columns], is_unique=bool(unique))
            connection.exec_driver_sql(
                "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)",
                (table, table if clustered else index, shape),
            )


def _is_clustered(connection: Connection, table: str) -> bool:
    query = "SELECT sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE name = ?"
    return bool(connection.exec_driver_sql(query, (table,)).scalar())


def _shape(is_org: list[bool], *, is_unique: bool) -> str:
    """Return the rows of a table, then how many rows share a value of the first, the first two columns, and so on."""
    shared = []
    for place, leads in enumerate(is_org):
        known = [_OF_TWO_COLUMNS, _OF_MORE][min(place - is_org[0], 1)] if not leads else _OF_ONE_ORGANISATION
        shared.append(1 if is_unique and place == len(is_org) - 1 else known)
    return " ".join(str(number) for number in (_ROWS, *shared))
