"""What can go wrong at the store's seam: a driver that stops, fails or is slow at any of its calls.

The faults are those that the databases themselves report, so that the journal has to tell them apart as in life.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

import psycopg
from psycopg import errors

from core.store.drivers.driver import Driver
from core.store.drivers.sqlite import SqliteDriver

BEFORE, AFTER = "before", "after"
Point = tuple[str, str]  # when, and at which call

CALLS = (
    "begin",
    "select",
    "ask",
    "fetch",
    "claim",
    "lock",
    "externally_modified",
    "keep_claims",
    "insert",
    "add",
    "upsert_add",
    "drop_empty",
    "assign",
    "put",
    "notify",
    "commit",
)
POINTS: tuple[Point, ...] = tuple((when, call) for call in CALLS for when in (BEFORE, AFTER))

_ANSWERED_LATER = frozenset({"ask", "claim", "externally_modified"})  # their answers are fetched when they are needed

# What the database may say instead of doing what it was asked; a connection may also be gone after the call.
_REFUSALS = ("full", "read only", "busy", "damaged")

# Each thing that can happen at each point, crashes twice as often, in an order that mixes them.
FAULTS: list[tuple[str, Point]] = [
    *(("crash", point) for point in POINTS * 2),
    *(("away", point) for point in POINTS),
    *((refusal, (BEFORE, call)) for refusal in _REFUSALS for call in CALLS),
]
random.Random(0).shuffle(FAULTS)


class FaultPlan(Protocol):
    """Whoever decides what happens at a point."""

    def meet(self, point: Point, driver: FaultyDriver) -> None:
        """Let it pass, wait, or raise."""


class FaultyDriver:
    """The real driver, with somebody standing before and after each of its calls."""

    def __init__(self, driver: Driver, plan: FaultPlan) -> None:
        self.driver = driver
        self.raw: Any = driver._connection  # type: ignore[attr-defined]
        self.portion, self.ahead, self.locks_rows = driver.portion, driver.ahead, driver.locks_rows
        self._plan = plan
        for name in CALLS:
            if name != "fetch":
                setattr(self, name, self._with_faults(name, getattr(driver, name)))
        self.rollback, self.close, self.lost = driver.rollback, driver.close, driver.lost
        self.begin_optimistic = driver.begin_optimistic  # which comes to nothing before the commit
        self.restart = driver.restart

    def _with_faults(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        before, after = (BEFORE, name), (AFTER, name)

        def called(*arguments: Any, **options: Any) -> Any:
            self._plan.meet(before, self)
            result = call(*arguments, **options)
            self._plan.meet(after, self)
            return self._with_faults("fetch", result) if name in _ANSWERED_LATER else result

        return called

    def cut(self) -> None:
        """End the connection without a word, as a process does that is killed; the transaction is gone with it."""
        self.raw.close()
        self.driver.rollback()  # nothing of it is left but what it holds in this process

    def fault(self, saying: str) -> Exception:
        """Return the error that this database reports; one that is away has also let go of the connection."""
        if saying == "away":
            self.cut()
        return _sqlite_fault(saying) if isinstance(self.driver, SqliteDriver) else _POSTGRESQL[saying]()


def _sqlite_fault(saying: str) -> Exception:
    error = sqlite3.OperationalError(f"made up: {saying}")
    error.sqlite_errorcode = _SQLITE[saying]
    return error


_SQLITE = {
    "away": sqlite3.SQLITE_IOERR,
    "full": sqlite3.SQLITE_FULL,
    "read only": sqlite3.SQLITE_READONLY,
    "busy": sqlite3.SQLITE_BUSY,
    "damaged": sqlite3.SQLITE_CORRUPT,
}
_POSTGRESQL: dict[str, type[psycopg.Error]] = {
    "away": psycopg.OperationalError,
    "full": errors.DiskFull,
    "read only": errors.ReadOnlySqlTransaction,
    "busy": errors.DeadlockDetected,
    "damaged": errors.DataCorrupted,
}
