"""What is written reaches SQLite's database file beside the writers, not within somebody's commit (L7)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.store.drivers import checkpoints
from core.store.drivers.checkpoints import Checkpointer
from core.store.engine import open_engine, writing
from tests.support.waiting import eventually

ROWS = 1_000
ROW_SIZE = 200


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE written (number INTEGER, body TEXT)")
    yield engine
    engine.dispose()


async def test_what_is_committed_soon_stands_in_the_database_file(engine: Engine) -> None:
    _write(engine)
    before = _in_the_file(engine)
    checkpointer = Checkpointer(engine, nullcontext())

    await eventually(lambda: _in_the_file(engine) == ROWS)
    checkpointer.close()

    assert before == 0


async def test_a_long_log_is_started_over(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LONG_PAGES", 50)
    checkpointer = Checkpointer(engine, nullcontext())
    log = Path(f"{engine.url.database}-wal")
    _write(engine)
    await eventually(lambda: _in_the_file(engine) == ROWS)
    size = log.stat().st_size
    for number in range(2, 6):
        _write(engine)
        await eventually(lambda: _in_the_file(engine) == number * ROWS)  # noqa: B023  (called at once)
    checkpointer.close()

    assert log.stat().st_size < 2 * size


async def test_the_last_pages_of_a_long_log_are_taken_while_nobody_writes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load there is always a page else that was not taken yet: by itself the log would only grow."""
    monkeypatch.setattr(checkpoints, "LONG_PAGES", 50)
    guard, take = threading.Lock(), checkpoints._pages_after_step
    undisturbed: list[bool] = []

    def taken(connection: sqlite3.Connection) -> int:
        undisturbed.append(guard.locked())
        return take(connection)

    monkeypatch.setattr(checkpoints, "_pages_after_step", taken)
    checkpointer = Checkpointer(engine, guard)
    _write(engine)
    await eventually(lambda: True in undisturbed)
    checkpointer.close()

    assert undisturbed[:3] == [False] * 3  # others go on meanwhile
    assert not guard.locked()


async def test_a_reader_keeps_nobody_waiting(engine: Engine) -> None:
    """A long look at one state holds the log; the checkpointer comes back when it has ended."""
    _write(engine)
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        seen = reader.execute("SELECT count(*) FROM written").fetchone()
        checkpointer = Checkpointer(engine, nullcontext())
        _write(engine)
        assert reader.execute("SELECT count(*) FROM written").fetchone() == seen
        reader.execute("COMMIT")
    _write(engine)

    await eventually(lambda: _in_the_file(engine) == 3 * ROWS)
    checkpointer.close()


def _write(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = [(number, "x" * ROW_SIZE) for number in range(ROWS)]
        connection.exec_driver_sql("INSERT INTO written VALUES (?, ?)", rows)


def _in_the_file(engine: Engine) -> int:
    """How many rows the file has without its log."""
    try:
        with closing(sqlite3.connect(f"file:{engine.url.database}?immutable=1", uri=True)) as file:
            return int(file.execute("SELECT count(*) FROM written").fetchone()[0])
    except sqlite3.Error:  # its first page is in the log, or being written
        return 0
