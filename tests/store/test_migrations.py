"""The schema's history: whole, equal to the tables in the code, and safe to run twice at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, inspect, text
from sqlmodel import SQLModel

from core.store.engine import StoreError, is_sqlite, reading, writing
from core.store.migrate import check, current, differences, migrate, newest, scripts
from tests.support.databases import KINDS, Databases, opened


def test_migrating_an_empty_database_brings_it_to_the_newest_schema(empty_database_url: str) -> None:
    revision = migrate(empty_database_url)

    with opened(empty_database_url) as engine:
        check(engine)
        assert current(engine) == revision == newest()


def test_migrating_again_changes_nothing(database_url: str, engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO writer (writer_id, started_at) VALUES (7, 0)"))

    migrate(database_url)

    with reading(engine) as connection:
        assert connection.execute(text("SELECT writer_id FROM writer")).scalars().all() == [7]


def test_the_migrated_schema_is_that_of_the_tables(engine: Engine) -> None:
    """What ``alembic check`` asks."""
    with reading(engine) as connection:
        assert differences(connection) == []


@pytest.mark.parametrize("kind", KINDS)
def test_checks_partial_indexes_and_storage_are_those_of_the_tables_too(kind: str, databases: Databases) -> None:
    """L2 lives in CHECK constraints, and autogenerate compares neither those nor the predicates of indexes."""
    with opened(databases.fresh(kind, migrated=False)) as created, opened(databases.fresh(kind)) as migrated:
        with writing(created) as connection:
            SQLModel.metadata.create_all(connection)

        with reading(created) as tables, reading(migrated) as revisions:
            assert _definitions(revisions) == _definitions(tables)


def test_eight_starts_at_once_migrate_once_and_all_succeed(empty_database_url: str) -> None:
    with ThreadPoolExecutor(8) as starts:
        revisions = list(starts.map(migrate, [empty_database_url] * 8))

    assert revisions == [newest()] * 8


def test_a_database_without_a_schema_is_told_how_to_get_one(empty_database_url: str) -> None:
    with (
        opened(empty_database_url) as engine,
        pytest.raises(StoreError, match=r"^the database has no schema yet; run: teamcredits migrate$"),
    ):
        check(engine)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(database_url: str, engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match=r"newer version of teamcredits \(schema 9999\)"):
        migrate(database_url)
    with pytest.raises(StoreError, match="newer version"):
        check(engine)
    assert current(engine) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url: str) -> None:
    with opened(empty_database_url) as engine:
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE usage_event (other INTEGER)"))  # one of ours is in the way

        with pytest.raises(StoreError, match=r"^the database could not be migrated: .*usage_event.*already exists"):
            migrate(empty_database_url)
        with reading(engine) as connection:
            assert inspect(connection).get_table_names() == ["usage_event"]


def test_there_is_one_line_of_revisions() -> None:
    assert len(scripts().get_heads()) == 1
    assert len(scripts().get_bases()) == 1


def _definitions(connection: Connection) -> dict[str, list[str]]:
    """Return how the database itself defines every table, constraint and index of ours, in parts without order."""
    if is_sqlite(connection):
        query = "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'"
    else:
        query = """
            SELECT conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND contype <> 'n'  -- told by is_nullable below
            UNION ALL SELECT tablename || ' ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT table_name || ' ' || column_name, data_type || is_nullable || coalesce(column_default, '')
            FROM information_schema.columns WHERE table_schema = 'public'
        """
    rows = connection.execute(text(query))
    return {name: sorted(re.split(r"[\s,]+", definition)) for name, definition in rows if "alembic" not in name}
