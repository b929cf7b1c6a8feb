"""Opens the database: one SQLite file or PostgreSQL, durable on both.

It knows how each of the two must be talked to and says in one line why one cannot be; it knows no table.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

POOL_SIZE: Final = 10
POOL_OVERFLOW: Final = 20  # opened under load, closed when given back
POOL_WAIT_SECONDS: Final = 30
CONNECT_SECONDS: Final = 5
BUSY_SECONDS: Final = 30  # how long one writer of a SQLite file waits for another
STATEMENTS: Final = 512  # prepared ones that a SQLite connection keeps; the journal has a few for each size of batch
WAL_PAGES: Final = 64_000  # about 256 MB, should nobody have taken them into the file; the default is 1,000

_BEGIN: Final = "sqlite_begin"
_ANY_TABLE: Final = "SELECT count(*) FROM sqlite_master"  # reads the file, which opening it does not


class StoreError(Exception):
    """The database cannot be used; the message is one line for the operator and holds no password."""


def open_engine(url: str | URL) -> Engine:
    """Open the database that a URL names, and make sure that it answers.

    SQLite: WAL with ``synchronous=FULL`` (L7); the file and its folder are made when missing. PostgreSQL: psycopg 3,
    READ COMMITTED and ``synchronous_commit=on``. Raises StoreError when it cannot be used. Dispose it at the end.
    """
    parsed = _parse(url)
    engine = _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_postgresql(parsed)
    try:
        with writing(engine) as connection:  # so that a read-only file is told apart at once
            connection.execute(text("SELECT 1"))
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        raise StoreError(reason_of(parsed, error)) from error
    return engine


def open_for_reading(url: str | URL) -> Engine:
    """Open a database that must be there, to read it and nothing else, so that a full or read-only disk is no matter.

    Raises StoreError when it cannot be used. Dispose it at the end.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        file = f"file:{quote(str(Path(str(parsed.database)).absolute()))}"
        read_only = parsed.set(database=file, query=dict(parsed.query) | {"mode": "ro", "uri": "true"})
        engine = create_engine(read_only, connect_args={"isolation_level": None, "check_same_thread": False})
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = _open_postgresql(parsed)
    try:
        with reading(engine) as connection:
            connection.execute(text(_ANY_TABLE if is_sqlite(engine) else "SELECT 1"))
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        raise StoreError(reason_of(parsed, error)) from error
    return engine


def refuse_own_file(url: str | URL, file: Path) -> None:
    """Raise StoreError when a file is the database itself: put another in its place, and what is written is lost."""
    parsed = _parse(url)
    own = [Path(f"{parsed.database}{log}").resolve() for log in ("", "-wal", "-shm")]
    if parsed.get_backend_name() == "sqlite" and file.resolve() in own:
        raise StoreError(f"{file} is the database itself")


def is_sqlite(engine: Engine | Connection) -> bool:
    return engine.dialect.name == "sqlite"


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads: on SQLite all its queries see one state."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes, committed at the end: on SQLite ``BEGIN IMMEDIATE``, since it ignores FOR UPDATE.

    A SQLite transaction that starts by reading and then writes cannot wait for another writer; this one can.
    """
    with engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def one_state(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads and sees one state on either database, however long it takes.

    What a query sorts may be the whole ledger: SQLite then sorts in files, not in memory.
    """
    level: dict[str, Any] = {} if is_sqlite(engine) else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection, _sorting_in_files(connection), connection.begin():
        yield connection


@contextlib.contextmanager
def _sorting_in_files(connection: Connection) -> Iterator[None]:
    raw: Any = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        yield
        return
    raw.execute("PRAGMA temp_store = FILE")  # refused once a transaction has begun
    try:
        yield
    finally:
        raw.execute("PRAGMA temp_store = MEMORY")


def _parse(url: str | URL) -> URL:
    if isinstance(url, URL):
        return url
    try:
        parsed = make_url(re.sub(r"^(postgres|postgresql)://", "postgresql+psycopg://", url))
    except ArgumentError:
        raise StoreError("the database URL cannot be read; it looks like sqlite:///var/teamcredits.db") from None
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise StoreError(f"a {parsed.drivername} database is not supported; use sqlite:/// or postgresql://")
    if parsed.drivername == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise StoreError("a database in memory would lose every credit; name a file, like sqlite:///var/teamcredits.db")
    return parsed


def _open_sqlite(url: URL) -> Engine:
    folder = Path(str(url.database)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {folder} cannot be made: {error.strerror}") from error
    engine = create_engine(
        url,
        # Autocommit for the driver: every BEGIN is ours, so that it can be IMMEDIATE.
        connect_args={"isolation_level": None, "check_same_thread": False, "cached_statements": STATEMENTS}
        | _unless_given(url, timeout=BUSY_SECONDS),
        **_shared_options(),
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"wal_autocheckpoint = {WAL_PAGES}",
        "cache_size = -65536",  # KiB
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _open_postgresql(url: URL) -> Engine:
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        connect_args=_unless_given(url, application_name="teamcredits", connect_timeout=CONNECT_SECONDS),
        pool_pre_ping=True,  # a restarted server is noticed before a command is lost to it
        **_shared_options(),
    )
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_postgresql(connection: Any, _record: object) -> None:
    """Insist on durable commits, whatever the server's default is (L7)."""
    connection.execute("SET synchronous_commit = on")
    connection.commit()


def _unless_given(url: URL, **defaults: str | int) -> dict[str, Any]:
    return {name: value for name, value in defaults.items() if name not in url.query}


def _shared_options() -> dict[str, Any]:
    return {
        "pool_size": POOL_SIZE,
        "max_overflow": POOL_OVERFLOW,
        "pool_timeout": POOL_WAIT_SECONDS,
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
    }


def reason_of(url: URL, error: Exception) -> str:
    """Say in one line what is wrong and where; the URL is shown without its password."""
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    shown = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        said = _SQLITE_REASONS.get(said, said)
        return f"the database {url.database} cannot be used: {said}"
    return f"the database {shown} cannot be reached: {said}"


_SQLITE_REASONS: Final = {
    "unable to open database file": "the file or its folder is not there or may not be opened",
    "attempt to write a readonly database": "the file or its folder is read-only",
    "file is not a database": "the file is something else than a SQLite database",
    "database is locked": "another program holds it locked",
    "database or disk is full": "its disk is full",
    "disk I/O error": "its disk cannot be written to or read; is it full?",
    "database disk image is malformed": "it is damaged; restore a backup into an empty one: teamcredits restore --help",
}
