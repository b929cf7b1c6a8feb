"""Fresh databases for tests, on SQLite and on PostgreSQL alike.

Both are migrated once per process and then copied, which takes milliseconds. A test that asks for neither
starts no server. ``TEAMCREDITS_TEST_POSTGRES=<url>`` uses a given server, whose user may create databases.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, make_url

from core.store.engine import open_engine
from core.store.migrate import migrate
from tests.support.postgres import running_postgres

KINDS = ("sqlite", "postgresql")


class Databases:
    """Makes and drops databases of either kind; the PostgreSQL server starts at the first that needs it."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._folder = folder
        self._durable = durable
        self._numbers = itertools.count(1)
        self._templates: dict[str, str] = {}
        self._servers = contextlib.ExitStack()
        self._server_url: str | None = None
        self._made: set[str] = set()

    def fresh(self, kind: str, *, migrated: bool = True) -> str:
        """Return the URL of a new database: with the newest schema, or empty."""
        if migrated and kind not in self._templates:
            template = self._create(kind, None)
            migrate(template)
            self._templates[kind] = template
        return self._create(kind, self._templates[kind] if migrated else None)

    def copy(self, url: str) -> str:
        """Return the URL of a copy of a database that nobody has open."""
        return self._create(make_url(url).get_backend_name(), url)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._made.discard(url)
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            for file in self._folder.glob(f"{Path(str(parsed.database)).name}*"):
                file.unlink()
        else:
            self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", str(parsed.database))

    def close(self) -> None:
        """Drop what was made and stop the server, if there is one."""
        try:
            for url in tuple(self._made):
                self.drop(url)
        finally:
            self._servers.close()

    def _create(self, kind: str, template: str | None) -> str:
        name = f"teamcredits_test_{os.getpid()}_{next(self._numbers)}"
        if kind == "sqlite":
            path = self._folder / f"{name}.db"
            if template is not None:
                shutil.copyfile(str(make_url(template).database), path)
            url = f"sqlite:///{path}"
        else:
            source = str(make_url(template).database) if template else "template0"
            self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, source)
            url = make_url(self._postgres()).set(database=name).render_as_string(hide_password=False)
        self._made.add(url)
        return url

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._postgres(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _postgres(self) -> str:
        if self._server_url is None:
            given = os.environ.get("TEAMCREDITS_TEST_POSTGRES")
            self._server_url = given or self._servers.enter_context(running_postgres(durable=self._durable)).url()
        return self._server_url


@contextlib.contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine that is disposed at the end, also when the test fails."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The maker of databases, for tests that need several or one for each Hypothesis example."""
    made = Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A fresh migrated database; the test runs once on each kind."""
    url = databases.fresh(request.param)
    yield url
    databases.drop(url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The open engine of a fresh migrated database, on each kind."""
    with opened(database_url) as engine:
        yield engine


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A fresh database without a schema; the test runs once on each kind."""
    url = databases.fresh(request.param, migrated=False)
    yield url
    databases.drop(url)


@pytest.fixture
def sqlite_url(databases: Databases) -> Iterator[str]:
    """A fresh migrated SQLite file, for what does not depend on the kind of database."""
    url = databases.fresh("sqlite")
    yield url
    databases.drop(url)


@pytest.fixture
def postgresql_url(databases: Databases) -> Iterator[str]:
    """A fresh migrated PostgreSQL database, for what only it can do."""
    url = databases.fresh("postgresql")
    yield url
    databases.drop(url)
