"""A book for one command outside the journal: for dry runs, which lock and change nothing."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.ledger.book import Book
from core.ledger.commands import SYSTEM, Command, Needs
from core.ledger.ids import MAX_ID
from core.store.drivers.driver import Driver
from core.store.drivers.postgres import PostgresDriver
from core.store.drivers.sqlite import SqliteDriver
from core.store.journal import load
from core.store.journal.wanted import Wanted, wanted_by


def book_of(connection: Connection, org_id: int, needs: Needs, now: datetime) -> Book:
    """Read what is needed as it is now, for a look that decides nothing."""
    wanted = Wanted()
    wanted.add(org_id, needs)
    return _read(connection, wanted, org_id, now)


def book_for(connection: Connection, command: Command, now: datetime) -> Book:
    """Read what a command needs as it is now. Its ids lie past every real one and are never shown."""
    return _read(connection, wanted_by([command]), command.org_id, now, command.actor_id)


def _read(connection: Connection, wanted: Wanted, org_id: int, now: datetime, actor_id: int = SYSTEM) -> Book:
    raw: Any = connection.connection.driver_connection
    driver: Driver = SqliteDriver(raw) if isinstance(raw, sqlite3.Connection) else PostgresDriver(raw)
    book = Book(now, itertools.count(MAX_ID + 1).__next__)
    load.find_accounts(driver, wanted, book.facts)
    book.locked = load.existing(driver, wanted)
    load.read(driver, wanted, book)()
    book.begin(org_id, actor_id, ())
    return book
