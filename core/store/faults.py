"""Why a database cannot be had just now: told apart from our own defects, and said in words for whoever asked.

A fault is nobody's mistake. Whether anything was booked may be unknown: a commit can be lost on its way back. The same
command may be sent again, and its key tells. It knows both drivers and no table.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from enum import Enum
from typing import Final

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core.ledger.errors import Code, Refused
from core.store.engine import StoreError


class Fault(Enum):
    """What keeps a database from being used; the value is a sentence for people."""

    BUSY = "The database is busy: somebody else holds what this needs."
    FULL = "The database's disk is full."
    READ_ONLY = "The database can only be read at present."
    AWAY = "The database cannot be reached."
    DAMAGED = "The database is damaged; its operator must restore a backup."
    SCHEMA = "The database has another schema than this server, which must be upgraded or restarted."


# A moment later it may work: a lock is released, a server is back, a disk has room again.
PASSING: Final = frozenset({Fault.BUSY, Fault.FULL, Fault.READ_ONLY, Fault.AWAY})

_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: Fault.BUSY,
    sqlite3.SQLITE_LOCKED: Fault.BUSY,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_IOERR: Fault.AWAY,
    sqlite3.SQLITE_CANTOPEN: Fault.AWAY,
    sqlite3.SQLITE_PROTOCOL: Fault.AWAY,
    sqlite3.SQLITE_CORRUPT: Fault.DAMAGED,
    sqlite3.SQLITE_NOTADB: Fault.DAMAGED,
}
_POSTGRESQL: Final[tuple[tuple[type[psycopg.Error], Fault], ...]] = (
    (errors.DiskFull, Fault.FULL),
    (errors.ReadOnlySqlTransaction, Fault.READ_ONLY),
    (errors.DataCorrupted, Fault.DAMAGED),
    (errors.IndexCorrupted, Fault.DAMAGED),
    (errors.LockNotAvailable, Fault.BUSY),
    (errors.DeadlockDetected, Fault.BUSY),
    (errors.SerializationFailure, Fault.BUSY),
    (psycopg.OperationalError, Fault.AWAY),  # the last: the others of this kind stand above
)
_PRIMARY: Final = 0xFF  # the part of SQLite's extended code that names the kind


def fault_of(error: BaseException) -> Fault | None:
    """Return what is wrong with the database, or None when the error is a defect of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    match cause:
        case StoreError():  # from looking at the schema, or from trying to
            return Fault.SCHEMA if cause.__cause__ is None else fault_of(cause.__cause__)
        case PoolTimeoutError():
            return Fault.BUSY
        case sqlite3.Error():
            code: int | None = getattr(cause, "sqlite_errorcode", None)
            return None if code is None else _SQLITE.get(code & _PRIMARY)
        case psycopg.Error():
            return next((fault for kind, fault in _POSTGRESQL if isinstance(cause, kind)), None)
        case _:
            return None


def refusal(fault: Fault) -> Refused:
    """Return what a command is told that met a fault."""
    return Refused(Code.OVERLOADED, f"{fault.value} Try again; with the same key nothing is booked twice.")


@contextlib.contextmanager
def refusing_faults() -> Iterator[None]:
    """Turn faults into refusals, so that every door knows how to answer."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, psycopg.Error, PoolTimeoutError) as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise refusal(fault) from error
