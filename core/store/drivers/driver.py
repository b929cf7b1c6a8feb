"""The journal's own way to the database: a few bulk statements, each in the form its database is fastest with.

Rows go in and come out as tuples. Everything else of the store uses SQLAlchemy.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import Table
from sqlmodel import SQLModel

Row = tuple[Any, ...]
Rows = Sequence[Row]
Found = TypeVar("Found")
Deferred = Callable[[], Found]  # an answer that is fetched when it is needed


class MissingPositionError(RuntimeError):
    """A statement changed fewer rows than the decision said: a cached position is missing or was changed."""


class ExternallyModifiedError(RuntimeError):
    """What was sent ahead was passed over: a key was taken, or somebody else may have written."""


class Driver(Protocol):
    """One connection that writes batches. ``wanted`` in a query names the rows given, as columns a, b, c, d.

    ``portion`` is how many commands are decided before what they append is sent, ``ahead`` how many at most may be
    before it is certain that their keys are ours; ``locks_rows`` is whether somebody else may write at the same time.
    """

    portion: int
    ahead: int
    locks_rows: bool

    @abstractmethod
    def begin(self, *, patiently: bool = True) -> bool:
        """Start a transaction that will write, and return whether one began: who has no patience does not wait for
        another writer.
        """

    @abstractmethod
    def commit(self) -> None:
        """Make it durable."""

    @abstractmethod
    def rollback(self) -> None:
        """Forget it; never raises."""

    @abstractmethod
    def close(self) -> None:
        """Give the connection back; never raises."""

    @abstractmethod
    def select(self, query: str, wanted: Rows) -> list[Row]:
        """Return the rows of ``query``, in which ``{wanted}`` stands for the given rows."""

    @abstractmethod
    def ask(self, query: str, wanted: Rows) -> Deferred[list[Row]]:
        """Send such a query and return what fetches its rows, so that several need not wait for each other."""

    @abstractmethod
    def lock(self, accounts: Rows) -> Deferred[list[Row]]:
        """Lock the account rows (org, account) in id order, in one statement. Fetched are those that exist."""

    @abstractmethod
    def externally_modified(self) -> Deferred[bool]:
        """Asked after the locks, before anything is read. Fetched is whether anybody else may have written since this
        was last asked, so that what was read then may hold no longer; at first, and where nobody can tell, they may.
        """

    @abstractmethod
    def begin_optimistic(self, rows: Rows, accounts: Rows) -> bool:
        """Claim keys and lock accounts, as below, without asking what comes of it, and return whether that was done:
        not where somebody else may have written since ``disturbed`` was last asked.

        If a key turns out to be taken, or somebody else to have written, nothing that follows is kept, and
        ``keep_claims`` or ``commit`` raises DisturbedError.
        """

    @abstractmethod
    def restart(self) -> None:
        """Forget what went ahead, and be where ``begin`` left off."""

    @abstractmethod
    def claim(self, rows: Rows) -> Deferred[set[int]]:
        """Claim command keys; rows are whole ``command`` rows. Fetched are the first ids of those now ours."""

    @abstractmethod
    def keep_claims(self, kept: Rows, dropped: Rows) -> None:
        """Settle the claims: bind those that took effect, free those that were refused (L6)."""

    @abstractmethod
    def insert(self, table: type[SQLModel], rows: Rows) -> None:
        """Append whole rows, in the order of the table's columns."""

    @abstractmethod
    def add(self, rows: Rows) -> None:
        """Write deltas to existing positions; rows are (delta, org, account, lot)."""

    @abstractmethod
    def upsert_add(self, rows: Rows) -> None:
        """Write deltas above zero; rows are whole ``position`` rows, made where there are none."""

    @abstractmethod
    def drop_empty(self, rows: Rows) -> None:
        """Delete those of the positions (org, account, lot) that hold nothing."""

    @abstractmethod
    def assign(self, table: type[SQLModel], columns: Sequence[str], keys: Sequence[str], rows: Rows) -> None:
        """Set columns of existing rows; rows are (values…, keys…)."""

    @abstractmethod
    def put(self, table: type[SQLModel], keys: Sequence[str], rows: Rows) -> None:
        """Write whole rows, in the order of the table's columns, in the place of those with the same key."""

    @abstractmethod
    def notify(self, channel: str, payload: str) -> None:
        """Tell other processes, at commit, where the database can."""

    @abstractmethod
    def lost(self, error: BaseException) -> bool:
        """Return whether the error means that the connection is gone or the moment is bad: try again."""


@lru_cache(maxsize=64)
def replacing(model: type[SQLModel], keys: Sequence[str]) -> str:
    """Return the end of an ``INSERT`` by which a row takes the place of the one with its key."""
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in columns_of(model) if name not in keys)
    return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"


@lru_cache(maxsize=64)
def table_of(model: type[SQLModel]) -> Table:
    table: Table = SQLModel.metadata.tables[str(model.__tablename__)]
    return table


@lru_cache(maxsize=64)
def columns_of(model: type[SQLModel]) -> tuple[str, ...]:
    return tuple(column.name for column in table_of(model).columns)
