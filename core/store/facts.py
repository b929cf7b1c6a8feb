"""A book for one command outside the journal: for dry runs, which lock and change nothing."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.ledger.book import Book
from core.ledger.commands import Command
from core.ledger.ids import MAX_ID
from core.store import load
from core.store.driver import Driver
from core.store.postgres import PostgresDriver
from core.store.sqlite import SqliteDriver
from core.store.wanted import wanted_by


def book_for(connection: Connection, command: Command, now: datetime) -> Book:
    """Read what a command needs as it is now. Its ids lie past every real one and are never shown."""
    raw: Any = connection.connection.driver_connection
    driver: Driver = SqliteDriver(raw) if isinstance(raw, sqlite3.Connection) else PostgresDriver(raw)
    wanted = wanted_by([command])
    load.find_accounts(driver, wanted)
    book = Book(now, itertools.count(MAX_ID + 1).__next__)
    book.locked = load.existing(driver, wanted)
    load.read(driver, wanted, book)
    book.begin(command.org_id, command.actor_id, ())
    return book
