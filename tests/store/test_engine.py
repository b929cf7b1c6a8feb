"""Opening a database: how it is talked to, and the one line when it cannot be."""

from __future__ import annotations

import pwd
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from core.store.engine import StoreError, is_sqlite, open_engine, reading, writing
from tests.support.databases import opened
from tests.support.postgres import reachable_folder


def test_a_sqlite_ledger_is_durable_and_checks_its_keys(sqlite_url: str) -> None:
    """L7: WAL with synchronous=FULL."""
    with opened(sqlite_url) as engine, reading(engine) as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "wal_autocheckpoint")
        }

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "wal_autocheckpoint": 64_000,
    }


def test_a_postgresql_ledger_is_durable_whatever_the_database_says(postgresql_url: str) -> None:
    """L7: synchronous_commit=on, READ COMMITTED."""
    with opened(postgresql_url) as engine, writing(engine) as connection:
        name = connection.execute(text("SELECT current_database()")).scalar()
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable'))

    with opened(postgresql_url) as engine, reading(engine) as connection:
        commit = connection.execute(text("SHOW synchronous_commit")).scalar()
        isolation = connection.execute(text("SHOW transaction_isolation")).scalar()
    assert (commit, isolation) == ("on", "read committed")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_a_postgresql_url_is_accepted(scheme: str, postgresql_url: str) -> None:
    with opened(postgresql_url.replace("postgresql", scheme, 1)) as engine:
        assert engine.dialect.driver == "psycopg"


def test_two_writers_at_once_wait_for_each_other(engine: Engine) -> None:
    """L7: a writer that reads first never loses what another wrote meanwhile."""
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO writer (writer_id, started_at) VALUES (1, 0)"))

    read = text("SELECT started_at FROM writer" if is_sqlite(engine) else "SELECT started_at FROM writer FOR UPDATE")

    def count_up() -> None:
        for _ in range(25):
            with writing(engine) as connection:
                seen = connection.execute(read).scalar_one()
                connection.execute(text("UPDATE writer SET started_at = :next"), {"next": seen + 1})

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with reading(engine) as connection:
        assert connection.execute(text("SELECT started_at FROM writer")).scalar_one() == 100


def test_a_reader_sees_one_state_while_another_writes(sqlite_url: str) -> None:
    with opened(sqlite_url) as engine, reading(engine) as reader:
        before = reader.execute(text("SELECT count(*) FROM writer")).scalar_one()
        with writing(engine) as writer:
            writer.execute(text("INSERT INTO writer (writer_id, started_at) VALUES (1, 0)"))

        assert reader.execute(text("SELECT count(*) FROM writer")).scalar_one() == before == 0


def test_what_fails_midway_is_undone(engine: Engine) -> None:

    def fail_midway() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO writer (writer_id, started_at) VALUES (1, 0)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_midway()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM writer")).scalar_one() == 0


def test_the_folder_of_a_new_ledger_is_made(tmp_path: Path) -> None:
    open_engine(f"sqlite:///{tmp_path}/some/where/ledger.db").dispose()

    assert (tmp_path / "some" / "where" / "ledger.db").is_file()


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("nonsense", "the database URL cannot be read"),
        ("mysql://h/d", "a mysql database is not supported"),
        ("sqlite://", "a database in memory would lose every credit"),
        ("sqlite:///:memory:", "a database in memory would lose every credit"),
        ("sqlite:////proc/ledger.db", "the database /proc/ledger.db cannot be used: the file or its folder"),
        ("sqlite:////dev/null/ledger.db", "the folder /dev/null cannot be made: "),
        ("postgresql://me:hush@127.0.0.1:1/d", "the database postgresql://me:***@127.0.0.1:1/d cannot be reached: "),
        ("postgresql://me:hush@/d?host=/nowhere", "the database postgresql://me:***@/d?host=%2Fnowhere cannot be"),
    ],
)
def test_what_cannot_be_opened_is_one_clear_line(url: str, line: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_engine(url)

    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_missing_postgresql_database_is_named(postgresql_url: str) -> None:
    absent = make_url(postgresql_url).set(database="absent").render_as_string(hide_password=False)

    with pytest.raises(StoreError, match=r'cannot be reached: .*database "absent" does not exist$'):
        open_engine(absent)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"Dear diary, " * 1000)

    with pytest.raises(StoreError, match="the file is something else than a SQLite database"):
        open_engine(f"sqlite:///{file}")
    assert file.read_bytes() == b"Dear diary, " * 1000


def test_a_file_held_by_another_program_is_told_apart(sqlite_url: str) -> None:
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreError, match="another program holds it locked"):
        open_engine(f"{sqlite_url}?timeout=0.05")
    holder.close()


def test_a_read_only_folder_is_one_clear_line() -> None:
    """Root may write anywhere, so that the attempt is made as somebody else."""
    with tempfile.TemporaryDirectory(dir=reachable_folder()) as folder:
        file = Path(folder, "ledger.db")
        file.touch()
        file.chmod(0o444)
        Path(folder).chmod(0o555)

        done = subprocess.run(
            [sys.executable, "-c", _ATTEMPT, folder, str(pwd.getpwnam("nobody").pw_uid)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )

    assert done.stdout.replace(folder, "FOLDER").splitlines() == [
        "the database FOLDER/ledger.db cannot be used: the file or its folder is read-only",
        "the database FOLDER/new.db cannot be used: the file or its folder is not there or may not be opened",
        "the folder FOLDER/new cannot be made: Permission denied",
    ]


_ATTEMPT = """
import os, sys
from core.store.engine import StoreError, open_engine
_, folder, nobody = sys.argv
if os.geteuid() == 0:
    os.setuid(int(nobody))
for name in ("ledger.db", "new.db", "new/ledger.db"):
    try:
        open_engine(f"sqlite:///{folder}/{name}")
    except StoreError as error:
        print(error)
"""
