"""The journal's driver for PostgreSQL: arrays through ``unnest``, statements sent ahead in a pipeline."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from sqlalchemy import JSON, BigInteger, Boolean, Integer, LargeBinary, Text
from sqlmodel import SQLModel

from core.store.drivers.arrays import ARRAYS, OneText, register
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
from core.store.drivers.pipeline import Pipeline

_ARRAYS: Final[dict[type[Any], str]] = {
    BigInteger: "bigint[]",
    Integer: "int[]",
    Boolean: "boolean[]",
    LargeBinary: "bytea[]",
    Text: "text[]",
    JSON: "text[]",
}
# Everything is looked up by its key, whatever is known of the tables, and planned once: the server would plan half of
# the statements anew each time, which takes longer than to carry them out.
_BY_KEYS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_CLAIM: Final = """INSERT INTO command (org_id, actor_id, key, digest, first_id, count)
                   SELECT * FROM {rows} ORDER BY 1, 2, 3"""
_CLAIM_TYPES: Final = ("bigint[]", "bigint[]", "text[]", "bytea[]", "bigint[]", "int[]")
# Of transactions: our number, the lowest under way, and one more than the highest that has ended.
_OWN: Final = "CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)"
_OLDEST: Final = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)"
_ENDED: Final = "CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)"
_PYTHON_ARRAYS: Final[dict[type[Any], str]] = {int: "bigint[]", str: "text[]"}


def set_up(connection: psycopg.Connection[Any], *, lock_milliseconds: int) -> None:
    """Set up a connection for nothing but batches. It waits for locks no longer than so many milliseconds."""
    for name, value in (_BY_KEYS | {"lock_timeout": str(lock_milliseconds)}).items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.commit()


class PostgresDriver:
    """The driver for PostgreSQL: every statement takes arrays, statements are sent ahead in a pipeline."""

    portion = 100  # so many commands keep the server busy for as long as the next ones take to decide
    ahead = sys.maxsize  # one way there and back for all of them
    locks_rows = True

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._next_xid: int | None = None  # the number of our next transaction, if nobody else writes before it
        self._is_ahead = False
        self._pipeline: Pipeline | None = None
        register(connection.adapters)

    def begin(self, *, patiently: bool = True) -> bool:  # noqa: ARG002  (nobody is waited for before the locks)
        if self._pipeline is None:
            self._connection.autocommit = True  # BEGIN and COMMIT are ours
            self._pipeline = Pipeline(self._connection)
        self._pipeline.send(b"BEGIN ISOLATION LEVEL READ COMMITTED")  # what is read after the locks is as of then
        return True

    def commit(self) -> None:
        """Sent with what comes before it: where that fails, the server passes over the commit."""
        assert self._pipeline is not None
        self._pipeline.send(b"COMMIT")
        is_ahead, self._is_ahead = self._is_ahead, False
        try:
            self._pipeline.sync()
        except (psycopg.errors.DivisionByZero, psycopg.errors.UniqueViolation) as error:
            if is_ahead and not _is_overtaken(error):
                raise ExternallyModifiedError from error
            if isinstance(error, psycopg.errors.DivisionByZero):
                raise MissingPositionError("a position was not there") from error
            raise
        if is_ahead and self._next_xid is not None:  # ours took the expected number; the next one follows it
            self._next_xid += 1

    def rollback(self) -> None:
        self._is_ahead = False
        try:
            if self._pipeline is not None:
                self._pipeline.roll_back()
        except psycopg.Error:
            self._connection.close()

    def close(self) -> None:
        self._connection.close()

    def select(self, query: str, wanted: Rows) -> list[Row]:
        return self.ask(query, wanted)()

    def ask(self, query: str, wanted: Rows) -> Deferred[list[Row]]:
        types = tuple([_PYTHON_ARRAYS[type(value)] for value in wanted[0]])
        return self._unnest(_about(query, len(types)), types, wanted)

    def lock(self, accounts: Rows) -> Deferred[list[Row]]:
        # Every server locks in the order of account ids, so two batches cannot each wait for the other.
        return self.ask(
            """SELECT org_id, account_id FROM {wanted} w JOIN account ON org_id = w.a AND account_id = w.b
               ORDER BY account_id FOR NO KEY UPDATE OF account""",
            accounts,
        )

    def externally_modified(self) -> Deferred[bool]:
        """Transactions that write are numbered as they begin to. If ours was the only one under way, the next one of
        ours has the next number, and no later one has ended, then nobody else in this cluster has written in between.
        """
        found = self.ask(f"SELECT {_OWN}, {_OLDEST}, {_ENDED} FROM {{wanted}} w", [(0,)])  # noqa: S608  (our own words)

        def fetch() -> bool:
            ((own, oldest, ended),) = found()
            expected, self._next_xid = self._next_xid, own + 1 if oldest == own else None
            return bool(own != expected or ended > own)

        return fetch

    def begin_optimistic(self, rows: Rows, accounts: Rows) -> bool:
        """Sent with what follows, up to the commit, which the server passes over where any of it fails."""
        if self._next_xid is None:
            return False
        self._is_ahead = True
        self._unnest(_CLAIM, _CLAIM_TYPES, rows)
        if accounts:
            self.lock(accounts)
        # No answer is awaited, so the check has to fail by itself: dividing by zero fails the whole pipeline.
        alone = f"{_OWN} = w.a AND {_OLDEST} = w.a AND {_ENDED} <= w.a"
        self.ask(f"SELECT 1 / CAST({alone} AS int) FROM {{wanted}} w", [(self._next_xid,)])  # noqa: S608
        return True

    def restart(self) -> None:
        self.rollback()
        self.begin()

    def claim(self, rows: Rows) -> Deferred[set[int]]:
        taken = self._unnest(_CLAIM + " ON CONFLICT DO NOTHING RETURNING first_id", _CLAIM_TYPES, rows)
        return lambda: {row[0] for row in taken()}

    def keep_claims(self, kept: Rows, dropped: Rows) -> None:  # noqa: ARG002  (claimed already)
        if dropped:
            self._unnest(
                "DELETE FROM command USING {rows} AS w (a, b, c) WHERE org_id = a AND actor_id = b AND key = c",
                ("bigint[]", "bigint[]", "text[]"),
                dropped,
            )

    def insert(self, table: type[SQLModel], rows: Rows) -> None:
        if rows:
            statement, types = _postgres_insert(table)
            self._unnest(statement, types, rows)

    def add(self, rows: Rows) -> None:
        if not rows:
            return
        # The last SELECT divides by zero if a position was not there; ``commit`` tells what that means.
        self._unnest(
            """WITH wanted AS (SELECT * FROM {rows} AS w (d, a, b, c)),
               changed AS (UPDATE position SET remaining = remaining + d FROM wanted
                           WHERE org_id = a AND account_id = b AND lot_id = c RETURNING 1)
               SELECT 1 / CAST((SELECT count(*) FROM changed) = (SELECT count(*) FROM wanted) AS int)""",
            ("bigint[]",) * 4,
            rows,
        )

    def upsert_add(self, rows: Rows) -> None:
        if rows:
            self._unnest(
                """INSERT INTO position (org_id, account_id, lot_id, remaining, expires_at) SELECT * FROM {rows}
                   ON CONFLICT (org_id, account_id, lot_id)
                   DO UPDATE SET remaining = position.remaining + excluded.remaining""",
                ("bigint[]",) * 5,
                rows,
            )

    def drop_empty(self, rows: Rows) -> None:
        if rows:
            self._unnest(
                """DELETE FROM position USING {rows} AS w (a, b, c)
                   WHERE org_id = a AND account_id = b AND lot_id = c AND remaining = 0""",
                ("bigint[]",) * 3,
                rows,
            )

    def assign(self, table: type[SQLModel], columns: Sequence[str], keys: Sequence[str], rows: Rows) -> None:
        if not rows:
            return
        names = (*columns, *keys)
        types = tuple(_array_of(table, name) for name in names)
        places = ", ".join(f"n{place}" for place in range(len(names)))
        sets = ", ".join(f"{column} = w.n{place}" for place, column in enumerate(columns))
        where = " AND ".join(f"t.{key} = w.n{place + len(columns)}" for place, key in enumerate(keys))
        name = table_of(table).name
        self._unnest(f"UPDATE {name} t SET {sets} FROM {{rows}} AS w ({places}) WHERE {where}", types, rows)  # noqa: S608

    def put(self, table: type[SQLModel], keys: Sequence[str], rows: Rows) -> None:
        if rows:
            statement, types = _postgres_insert(table)
            self._unnest(statement + replacing(table, keys), types, rows)

    def notify(self, channel: str, payload: str) -> None:
        assert self._pipeline is not None
        self._pipeline.send(b"SELECT pg_notify($1, $2)", (OneText(channel), OneText(payload)))

    def lost(self, error: BaseException) -> bool:
        return (
            self._connection.closed
            or isinstance(
                error,
                psycopg.OperationalError
                | psycopg.errors.SerializationFailure
                | psycopg.errors.DeadlockDetected
                | psycopg.errors.LockNotAvailable,
            )
            or _is_overtaken(error)
        )

    def _unnest(self, statement: str, types: Sequence[str], rows: Rows) -> Deferred[list[Row]]:
        """Run a statement in which ``{rows}`` stands for the given rows, sent as one array a column."""
        columns = [ARRAYS[each](column) for each, column in zip(types, zip(*rows, strict=True), strict=True)]
        if self._pipeline is not None:
            return self._pipeline.send(_with_rows(statement, len(columns), "$"), columns)
        cursor = self._connection.cursor()
        cursor.execute(_with_rows(statement, len(columns), "%b"), columns, prepare=True)
        return cursor.fetchall


@lru_cache(maxsize=512)
def _about(query: str, columns: int) -> str:
    names = ", ".join("abcd"[:columns])
    source = f"(SELECT {names} FROM {{rows}} AS wanted_rows ({names}))"  # noqa: S608  (letters only)
    return query.format(wanted=source)


@lru_cache(maxsize=512)
def _with_rows(statement: str, columns: int, place: str) -> bytes:
    """Return a statement in psycopg's words or, with ``$``, in the server's own."""
    places = [f"${number}" if place == "$" else place for number in range(1, columns + 1)]
    return statement.format(rows=f"unnest({', '.join(places)})").encode()


def _is_overtaken(error: BaseException) -> bool:
    """Return whether a batch of ours that was taken for lost was committed after all, and has this one's place in the
    chain of seals: a server may go on with what it was sent long after the connection has gone."""
    return isinstance(error, psycopg.errors.UniqueViolation) and error.diag.table_name == "seal"


def _array_of(model: type[SQLModel], column: str) -> str:
    return _ARRAYS[type(table_of(model).columns[column].type)]


@lru_cache(maxsize=64)
def _postgres_insert(model: type[SQLModel]) -> tuple[str, tuple[str, ...]]:
    columns = columns_of(model)
    types = tuple(_array_of(model, name) for name in columns)
    casts = ", ".join(
        f"n{place}::json" if isinstance(table_of(model).columns[name].type, JSON) else f"n{place}"
        for place, name in enumerate(columns)
    )
    places = ", ".join(f"n{place}" for place in range(len(columns)))
    names = ", ".join(f'"{name}"' for name in columns)
    target = f"{table_of(model).name} ({names})"
    return f"INSERT INTO {target} SELECT {casts} FROM {{rows}} AS w ({places})", types  # noqa: S608  (our own names)
