"""Takes what SQLite's write-ahead log holds into the database file beside the writers, so that none of them stalls.

Left to itself SQLite does this within somebody's commit, whenever ``WAL_PAGES`` have come together: a fifth of a second
in which nobody is answered. Here a thread does it, in steps that wait for nobody and keep nobody waiting. Only when the
log is long do writers wait, for its very last pages: then it holds nothing more, and the next one starts it over.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import AbstractContextManager
from typing import Final, cast

from sqlalchemy import Engine

logger = logging.getLogger(__name__)

STEP_SECONDS: Final = 0.5
LONG_PAGES: Final = 16_000  # 64 MB: the log is started over, or under load it would only ever grow
FEW_PAGES: Final = 250  # so many writers may wait for: some milliseconds
_CHASES: Final = 4  # how often what has come meanwhile is fetched before writers wait however much it is


class Checkpointer:
    """A thread that keeps the write-ahead log of a SQLite database short until it is closed.

    Nobody in this process writes while the guard is held. Whatever it cannot do is left to the writers' own
    checkpoints, as if it were not there.
    """

    def __init__(self, engine: Engine, guard: AbstractContextManager[object]) -> None:
        self._engine = engine
        self._guard = guard
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        trouble = ""
        while not self._closing.wait(STEP_SECONDS):
            try:
                self._keep_short()
            except Exception as error:  # the writers' own checkpoints go on
                if trouble != (trouble := type(error).__name__):
                    logger.warning("the write-ahead log could not be taken into the database: %s", trouble)

    def _keep_short(self) -> None:
        pooled = self._engine.raw_connection()
        connection = cast("sqlite3.Connection", pooled.driver_connection)
        pooled.detach()
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            version = None
            while not self._closing.wait(STEP_SECONDS):
                if version == (version := connection.execute("PRAGMA data_version").fetchone()):
                    continue
                if _pages_after_step(connection) > LONG_PAGES:
                    self._start_over(connection)
        finally:
            connection.close()

    def _start_over(self, connection: sqlite3.Connection) -> None:
        """Take all of the log into the file: what comes meanwhile is less each time, and writers wait for the last."""
        pages = _pages_after_step(connection)
        for _ in range(_CHASES):
            before, pages = pages, _pages_after_step(connection)
            if pages - before < FEW_PAGES:
                break
        with self._guard:
            _pages_after_step(connection)


def _pages_after_step(connection: sqlite3.Connection) -> int:
    """Take into the file what is in the log by now, and return how many pages that log has."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)
