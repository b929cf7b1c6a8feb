"""Takes what SQLite's write-ahead log holds into the database file beside the writers, so that none of them stalls.

Left to itself SQLite does this within somebody's commit, whenever ``WAL_PAGES`` have come together: a fifth of a second
in which nobody is answered. Here a thread does it every quarter of a second, in small steps (a passive checkpoint waits
for nobody and keeps nobody waiting); once the log is long it is started over, for which writers wait a moment.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Final, cast

from sqlalchemy import Engine

logger = logging.getLogger(__name__)

STEP_SECONDS: Final = 0.25
LONG_PAGES: Final = 4_000  # 16 MB: the log is started over, or under load it would only ever grow


class Checkpointer:
    """A thread that keeps the write-ahead log of a SQLite database short until it is closed.

    Whatever it cannot do is left to the writers' own checkpoints, as if it were not there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
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
                _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages > LONG_PAGES:
                    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        finally:
            connection.close()
