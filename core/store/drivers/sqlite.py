"""The journal's driver for SQLite: ``executemany``, and lists of plain parameters for what is looked up."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import chain, repeat
from typing import Final

import orjson
from sqlmodel import SQLModel

from core.store.drivers.driver import (
    Deferred,
    ExternallyModifiedError,
    MissingPositionError,
    Row,
    Rows,
    columns_of,
    replacing,
    table_of,
)
from core.store.engine import STATEMENTS
from core.store.faults import PASSING, fault_of

MANY: Final = 2_048  # rows looked up by plain parameters; more are sent as one JSON array, at twice the cost of each


class SqliteDriver:
    """The driver for SQLite: one writer at a time by BEGIN IMMEDIATE, so nothing needs a row lock."""

    portion = sys.maxsize  # it works in our own time
    ahead = 1  # what fails then has written nothing
    locks_rows = False

    def __init__(self, connection: sqlite3.Connection, busy_milliseconds: int = 0) -> None:
        """``busy_milliseconds`` is the patience with other writers."""
        self._connection = connection
        self._busy_milliseconds = busy_milliseconds
        self._is_patient: bool | None = None
        self._version: int | None = None
        self._is_ahead = False
        self._closed = False

    def begin(self, *, patiently: bool = True) -> bool:
        if patiently is not self._is_patient:
            self._connection.execute(f"PRAGMA busy_timeout = {self._busy_milliseconds if patiently else 0}")
            self._is_patient = patiently
        try:
            # The write lock comes before the first read, so nothing that was read can change before the commit.
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if patiently or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        self._is_ahead = False
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:  # closing it rolls back too
            self.close()

    def close(self) -> None:
        self._closed = True
        self._connection.close()

    def select(self, query: str, wanted: Rows) -> list[Row]:
        rows, columns = len(wanted), len(wanted[0])
        if rows > MANY:
            return self._connection.execute(_about_many(query, columns), (orjson.dumps(wanted).decode(),)).fetchall()
        places = _places(rows)
        values = [*chain.from_iterable(wanted), *repeat(None, (places - rows) * columns)]
        return self._connection.execute(_about(query, columns, places), values).fetchall()

    def ask(self, query: str, wanted: Rows) -> Deferred[list[Row]]:
        return partial(self.select, query, wanted)

    def lock(self, accounts: Rows) -> Deferred[list[Row]]:
        query = "SELECT org_id, account_id FROM {wanted} w CROSS JOIN account ON org_id = w.a AND account_id = w.b"
        return self.ask(query, accounts)

    def externally_modified(self) -> Deferred[bool]:
        """The data version changes with each commit of another connection, and with none of this one."""
        before = self._version
        self._version = self._data_version()
        externally_modified = self._version != before
        return lambda: externally_modified

    def begin_optimistic(self, rows: Rows, accounts: Rows) -> bool:  # noqa: ARG002
        """Whether the key is taken is found out where it is kept, by what is written anyway."""
        self._is_ahead = self._data_version() == self._version
        return self._is_ahead

    def restart(self) -> None:
        """Nothing was written: of one command, its key comes first."""

    def claim(self, rows: Rows) -> Deferred[set[int]]:
        taken = self._asked_taken([row[:3] for row in rows])
        return lambda: _unclaimed(rows, set(taken()))

    def keep_claims(self, kept: Rows, dropped: Rows) -> None:
        """Those that are refused were never written."""
        is_ahead, self._is_ahead = self._is_ahead, False
        # A refusal writes no key, so whether its key was taken has to be asked here.
        if is_ahead and dropped and self._asked_taken(dropped)():
            raise ExternallyModifiedError
        try:
            self._many(
                "INSERT INTO command (org_id, actor_id, key, digest, first_id, count) VALUES (?,?,?,?,?,?)", kept
            )
        except sqlite3.IntegrityError as error:
            if is_ahead:
                raise ExternallyModifiedError from error
            raise

    def insert(self, table: type[SQLModel], rows: Rows) -> None:
        if rows:
            self._many(_sqlite_insert(table), rows)

    def add(self, rows: Rows) -> None:
        statement = "UPDATE position SET remaining = remaining + ? WHERE org_id = ? AND account_id = ? AND lot_id = ?"
        self._many(statement, rows, exact=True)

    def upsert_add(self, rows: Rows) -> None:
        self._many(
            """INSERT INTO position (org_id, account_id, lot_id, remaining, expires_at) VALUES (?,?,?,?,?)
               ON CONFLICT DO UPDATE SET remaining = remaining + excluded.remaining""",
            rows,
        )

    def drop_empty(self, rows: Rows) -> None:
        self._many("DELETE FROM position WHERE org_id = ? AND account_id = ? AND lot_id = ? AND remaining = 0", rows)

    def assign(self, table: type[SQLModel], columns: Sequence[str], keys: Sequence[str], rows: Rows) -> None:
        if rows:
            self._many(_sqlite_update(table, tuple(columns), tuple(keys)), rows)

    def put(self, table: type[SQLModel], keys: Sequence[str], rows: Rows) -> None:
        self._many(_sqlite_insert(table) + replacing(table, keys), rows)

    def notify(self, channel: str, payload: str) -> None:
        """Other processes see the data version change."""

    def lost(self, error: BaseException) -> bool:
        return self._closed or fault_of(error) in PASSING

    def _data_version(self) -> int:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _asked_taken(self, keys: Rows) -> Deferred[list[Row]]:
        # SQLite never reorders a CROSS JOIN, so it looks each wanted key up in the index.
        query = """SELECT org_id, actor_id, key FROM {wanted} w
                   CROSS JOIN command ON org_id = w.a AND actor_id = w.b AND key = w.c"""
        return self.ask(query, keys)

    def _many(self, statement: str, rows: Rows, *, exact: bool = False) -> None:
        if not rows:
            return
        changed = self._connection.executemany(statement, rows).rowcount
        if exact and changed != len(rows):
            raise MissingPositionError(f"{changed} of {len(rows)} positions were there")


def _unclaimed(rows: Rows, taken: set[Row]) -> set[int]:
    return {row[4] for row in rows if not taken or row[:3] not in taken}


def _places(rows: int) -> int:
    """Return for how many rows a statement is made, so that there are few: a power of two, or three quarters of one.

    The others are null, and find nothing.
    """
    full = 1 << (rows - 1).bit_length()
    most = full // 4 * 3
    return most if rows <= most else full


@lru_cache(maxsize=STATEMENTS)
def _about(query: str, columns: int, places: int) -> str:
    names = ", ".join(f"column{number} AS {name}" for number, name in enumerate("abcd"[:columns], 1))
    rows = ",".join(["(" + ",".join("?" * columns) + ")"] * places)
    return query.format(wanted=f"(SELECT {names} FROM (VALUES {rows}))")  # noqa: S608  (column numbers only)


@lru_cache(maxsize=64)
def _about_many(query: str, columns: int) -> str:
    values = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate("abcd"[:columns]))
    return query.format(wanted=f"(SELECT {values} FROM json_each(?))")  # noqa: S608  (column numbers only)


@lru_cache(maxsize=64)
def _sqlite_update(model: type[SQLModel], columns: tuple[str, ...], keys: tuple[str, ...]) -> str:
    sets = ", ".join(f"{column} = ?" for column in columns)
    where = " AND ".join(f"{key} = ?" for key in keys)
    return f"UPDATE {table_of(model).name} SET {sets} WHERE {where}"  # noqa: S608  (our own names)


@lru_cache(maxsize=64)
def _sqlite_insert(model: type[SQLModel]) -> str:
    columns = columns_of(model)
    places = ",".join("?" * len(columns))
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table_of(model).name} ({names}) VALUES ({places})"  # noqa: S608  (our own names)
