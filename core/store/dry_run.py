"""A book for one command outside the journal: for dry runs, which lock and change nothing."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, Command, ReadSet
from core.ledger.ids import MAX_ID
from core.store.drivers.driver import Driver
from core.store.drivers.postgres import PostgresDriver
from core.store.drivers.sqlite import SqliteDriver
from core.store.journal import load
from core.store.journal.read_set import BatchReadSet, read_set_of


def state_for_reads(connection: Connection, org_id: int, needs: ReadSet, now: datetime) -> BatchState:
    """Read what is needed as it is now, for a look that decides nothing."""
    wanted = BatchReadSet()
    wanted.add(org_id, needs)
    return _read(connection, wanted, org_id, now)


def state_for_command(connection: Connection, command: Command, now: datetime) -> BatchState:
    """Read what a command needs as it is now. Its ids lie past every real one and are never shown."""
    return _read(connection, read_set_of([command]), command.org_id, now, command.actor_id)


def _read(
    connection: Connection, wanted: BatchReadSet, org_id: int, now: datetime, actor_id: int = SYSTEM
) -> BatchState:
    raw: Any = connection.connection.driver_connection
    driver: Driver = SqliteDriver(raw) if isinstance(raw, sqlite3.Connection) else PostgresDriver(raw)
    batch = BatchState(now, itertools.count(MAX_ID + 1).__next__)
    load.find_accounts(driver, wanted, batch.facts)
    batch.locked = load.existing(driver, wanted)
    load.read(driver, wanted, batch)()
    batch.begin(org_id, actor_id, ())
    return batch
