"""Backups: the whole database as one SQLite file of one moment, taken while it is written to, and restored.

A SQLite database is copied page by page, a PostgreSQL one row by row within one snapshot; either can be restored
to either kind. The file holds no key: whoever restores it needs the one it was sealed with to verify it (L8).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from core.atomic_file import atomic_file
from core.store.engine import (
    StoreError,
    is_sqlite,
    one_state,
    open_engine,
    open_for_reading,
    reading,
    refuse_own_file,
    writing,
)
from core.store.migrate import is_known, revision_of, upgrade
from core.store.table_copy import copy_rows, shapes

# A writer number is never used twice, or ids given after the backup would name something else once it is restored.
WRITERS_SKIPPED: Final = 10_000


def backup(url: str, file: Path, *, replace: bool = False) -> None:
    """Write a database as it is at one moment to one file; nobody has to wait for it.

    The file appears whole or not at all. Raises StoreError when the database cannot be used, has no schema or is
    damaged; OSError when the file cannot be written, or is there and may not be replaced.
    """
    refuse_own_file(url, file)
    try:
        with _disposing(open_for_reading(url)) as engine, atomic_file(file, replace=replace) as aside:
            if is_sqlite(engine):
                _copy_pages(engine, aside)
            else:
                _copy_to_file(engine, aside)
            _finish(aside)
    except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
        raise StoreError(f"the backup could not be made: {_said(error)}") from error


def restore(url: str, file: Path) -> int:
    """Put a backup into an empty database and bring it to this version's schema; return how many rows there were.

    All of it is one transaction. Raises StoreError when the database is not empty or cannot be used, or when the
    file is no backup, was written by a newer version or is damaged.
    """
    if not file.is_file():
        raise StoreError(f"there is no file {file}")
    try:
        with _disposing(open_for_reading(_url_of(file))) as backed_up, reading(backed_up) as source:
            revision = _revision_of_backup(source, file)
            with _disposing(open_engine(url)) as engine, writing(engine) as target:
                return _fill(source, target, revision)
    except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
        raise StoreError(f"{file} could not be restored: {_said(error)}") from error


def _copy_pages(engine: Engine, aside: Path) -> None:
    """Copy all pages in one step: in smaller ones, each commit of somebody else would begin it anew."""
    with one_state(engine) as connection, contextlib.closing(sqlite3.connect(aside)) as copy:
        _require_revision(revision_of(connection))
        raw: Any = connection.connection.driver_connection
        raw.backup(copy, pages=-1)


def _copy_to_file(engine: Engine, aside: Path) -> None:
    """Copy rows into a SQLite file of the very revision that the database has."""
    try:
        with one_state(engine) as source, _disposing(open_engine(_url_of(aside))) as file, writing(file) as target:
            revision = _require_revision(revision_of(source))
            upgrade(target, revision)
            copy_rows(source, target, _tables_at(revision))
    finally:
        for log in ("-wal", "-shm"):  # what a full disk may leave behind
            aside.with_name(f"{aside.name}{log}").unlink(missing_ok=True)


def _finish(aside: Path) -> None:
    """Make it one file without a log beside it, and never replace a good backup by a copy of a damaged database."""
    with contextlib.closing(sqlite3.connect(aside)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreError(f"the database is damaged and was not backed up: {found.splitlines()[-1]}")


def _require_revision(revision: str | None) -> str:
    if revision is None:
        raise StoreError("the database has no schema yet: there is nothing to back up")
    return revision


def _revision_of_backup(source: Connection, file: Path) -> str:
    revision = revision_of(source)
    if revision is None:
        raise StoreError(f"{file} is no backup of teamcredits")
    if not is_known(revision):
        raise StoreError(f"{file} was written by a newer version of teamcredits (schema {revision}); upgrade first")
    return revision


def _fill(source: Connection, target: Connection, revision: str) -> int:
    """Bring an empty database to the backup's schema, copy the rows, and then go on to the newest."""
    present = revision_of(target)
    if present is None:
        upgrade(target, revision)
    names = _tables_at(revision)
    _refuse_unless_empty(target, [name for name in shapes(target) if name in names])
    if present not in {None, revision}:
        raise StoreError(f"the backup has the older schema {revision}; restore it into a database without a schema")
    rows = copy_rows(source, target, names)
    _skip_writers(target)
    upgrade(target)
    return rows


def _refuse_unless_empty(target: Connection, names: list[str]) -> None:
    """Let nobody else write to the tables from here to the end; a SQLite transaction that writes is alone already."""
    if not is_sqlite(target):
        tables = ", ".join(f'"{name}"' for name in names)
        target.execute(text(f"LOCK TABLE {tables} IN EXCLUSIVE MODE"))
    if any(target.execute(text(f'SELECT 1 FROM "{name}" LIMIT 1')).first() for name in names):  # noqa: S608  (ours)
        raise StoreError("the database is not empty; a backup is restored into an empty one")


def _tables_at(revision: str) -> list[str]:
    """Return the names of our tables at a revision; others may live beside them."""
    with _disposing(create_engine("sqlite://")) as engine, engine.begin() as connection:
        upgrade(connection, revision)
        return list(shapes(connection))


def _skip_writers(target: Connection) -> None:
    newest = target.execute(text("SELECT max(writer_id) FROM writer")).scalar()
    if newest is not None:
        statement = "INSERT INTO writer (writer_id, started_at) VALUES (:number, 0)"
        target.execute(text(statement), {"number": newest + WRITERS_SKIPPED})


@contextlib.contextmanager
def _disposing(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def _url_of(file: Path) -> URL:
    return URL.create("sqlite", database=str(file))


def _said(error: Exception) -> str:
    """Return what the driver says, in one line without the statement."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
