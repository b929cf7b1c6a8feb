"""Builds the house from its settings. Here, and in core/clock.py, is all that is not determined by input."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import sqlite3
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from core.clock import Clock, file_clock, system_clock
from core.ledger.ids import first_id_of
from core.secret_key import secret_key
from core.services.common.ledger_service import LedgerService
from core.settings import Settings, SettingsError
from core.store.changes import Changes
from core.store.drivers.checkpoints import Checkpointer
from core.store.drivers.driver import Driver
from core.store.drivers.postgres import PostgresDriver, set_up
from core.store.drivers.sqlite import SqliteDriver
from core.store.engine import is_sqlite, open_engine, reading, writing
from core.store.faults import refusing_faults
from core.store.journal import registry
from core.store.journal.journal import Journal
from core.store.journal.queue import Queue
from core.store.journal.writer import Writer
from core.store.migrate import check
from core.store.seals import SealKey
from core.store.timestamps import to_micros

LOCK_MILLISECONDS: Final = 5_000  # how long a batch waits for somebody else's lock; its callers wait with it
_REGISTRATIONS: Final = 20  # how often two process starts may collide


def open_ledger(settings: Settings, *, clock: Clock | None = None) -> LedgerService:
    """Open the ledger of a migrated database. Close it at the end.

    Raises StoreError when the database cannot be used, SettingsError when a setting does not fit.
    """
    clock = clock or clock_of(settings)
    key = SealKey(settings.seal_key_id, secret_key(settings))
    engine = open_engine(settings.database_url)
    try:
        check(engine)
    except BaseException:
        engine.dispose()
        raise
    changes = Changes()
    guard = threading.Lock()
    journal = Journal(
        open_driver=lambda: open_driver(engine),
        open_writer=lambda: _open_writer(engine, clock, key),
        check_schema=lambda: check(engine),
        changes=changes,
        guard=guard if is_sqlite(engine) else threading.Lock(),  # elsewhere nobody waits for the whole database
        queue=Queue(size=settings.queue_size, batch_size=settings.batch_size),
        is_at_hand=is_sqlite(engine),
    )
    return LedgerService(
        engine=engine,
        clock=clock,
        journal=journal,
        changes=changes,
        new_id=_Ids(engine, clock),
        guard=guard,
        keys=(key,),
        random_bytes=secrets.token_bytes,
        default_settlement_hours=settings.settlement_hours,
        checkpointer=Checkpointer(engine, guard) if is_sqlite(engine) else None,
    )


def clock_of(settings: Settings) -> Clock:
    return system_clock if settings.clock_file is None else file_clock(settings.clock_file)


def open_driver(engine: Engine) -> Driver:
    """Open a connection of the journal's own, outside the pool. It waits for locks no longer than callers should."""
    connection: Any = engine.raw_connection()
    raw = connection.driver_connection
    connection.detach()
    if not isinstance(raw, sqlite3.Connection):
        set_up(raw, lock_milliseconds=LOCK_MILLISECONDS)
        return PostgresDriver(raw)
    (patience,) = raw.execute("PRAGMA busy_timeout").fetchone()
    return SqliteDriver(raw, min(patience, LOCK_MILLISECONDS))


def _open_writer(engine: Engine, clock: Clock, key: SealKey) -> Writer:
    number = _register(engine, clock)
    with reading(engine) as connection:
        heads = registry.heads(connection)
    return Writer(
        writer_id=number,
        clock=clock,
        key=key,
        new_id=itertools.count(first_id_of(number)).__next__,
        random_bytes=secrets.token_bytes,
        heads=heads or None,
    )


def _register(engine: Engine, clock: Clock) -> int:
    for _ in range(_REGISTRATIONS):
        with contextlib.suppress(IntegrityError), writing(engine) as connection:
            return registry.register(connection, to_micros(clock()))
    raise SettingsError("too many servers start at once; try again")


class _Ids:
    """Ids for rows outside the books; the process registers as a writer when the first is asked for."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._guard = threading.Lock()

    @cached_property
    def _next(self) -> Callable[[], int]:
        return itertools.count(first_id_of(_register(self._engine, self._clock))).__next__

    def __call__(self) -> int:
        with self._guard, refusing_faults():
            return self._next()
