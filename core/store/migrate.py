"""Brings a database to the schema of this code, and says whether it is there.

Two starts at once are safe: one migrates, the other waits and finds nothing to do. There is no way back: the
books are never dropped by a command; restore a backup instead.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from core.store import tables  # noqa: F401  (fills the metadata)
from core.store.engine import StoreError, is_sqlite, open_engine, reading, reason_of, writing
from core.store.statistics import write_statistics

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x7465616D63726564  # any number that only we lock: "teamcred"


def migrate(url: str) -> str:
    """Bring the database to the newest schema and return its revision.

    All of it is one transaction, under a lock. Raises StoreError when the database cannot be used or was
    written by a newer version.
    """
    engine = open_engine(url)
    try:
        with writing(engine) as connection:
            upgrade(connection)
        return newest()
    except DBAPIError as error:
        raise StoreError(f"the database could not be migrated: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the database to a revision within the caller's transaction, which no other start's can overtake.

    Raises StoreError when the database was written by a newer version.
    """
    _lock(connection)
    _refuse_newer(revision_of(connection))
    command.upgrade(_config(connection), revision)
    if is_sqlite(connection):
        write_statistics(connection)


def check(engine: Engine) -> None:
    """Raise StoreError unless the database has exactly the schema of this code."""
    try:
        present = current(engine)
    except DBAPIError as error:
        raise StoreError(reason_of(engine.url, error)) from error
    _refuse_newer(present)
    if present != newest():
        state = "has no schema yet" if present is None else f"has the older schema {present}"
        raise StoreError(f"the database {state}; run: teamcredits migrate")


def current(engine: Engine) -> str | None:
    """Return the revision of the database's schema, or None for one without."""
    with reading(engine) as connection:
        return revision_of(connection)


@cache
def newest() -> str:
    """Return the revision of this code's schema."""
    head = scripts().get_current_head()
    assert head is not None, "there is a first revision"
    return head


def differences(connection: Connection) -> list[Any]:
    """Return what the migrated database lacks of the tables in the code, or has beyond them."""
    return list(compare_metadata(MigrationContext.configure(connection), SQLModel.metadata))


def _lock(connection: Connection) -> None:
    """Wait for another start that migrates. A SQLite transaction that writes is alone already."""
    if not is_sqlite(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the schema, or None where there is none."""
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(present: str | None) -> None:
    if present is not None and not is_known(present):
        raise StoreError(
            f"the database was written by a newer version of teamcredits (schema {present}); upgrade first"
        )


@cache
def is_known(revision: str) -> bool:
    """Return whether this code's history has a revision."""
    return revision in {script.revision for script in scripts().walk_revisions()}


def scripts() -> ScriptDirectory:
    """Return the revisions of this code."""
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
