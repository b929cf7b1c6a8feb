"""Hears of commits made by other processes, and passes them to this process's open streams (L11).

PostgreSQL says so by one NOTIFY a batch. SQLite's file is asked for its data version; then the seals of other
writers say whom it concerned. What cannot be attributed concerns everybody.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast

import orjson
import psycopg
from sqlalchemy import Connection, Engine, text

from core.store.changes import Changes
from core.store.engine import is_sqlite
from core.store.journal.batch import CHANNEL, announcement

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.03
_RECONNECT_SECONDS: Final = 1.0
_STEADY_SECONDS: Final = 10.0  # it had worked; what fails sooner is the same trouble, said once
_NO_WRITER: Final = 0
_FORGET_SECONDS: Final = 600.0  # a writer that was silent for so long is no longer asked for


def announce(connection: Connection, topics: list[int] | None) -> None:
    """Tell other processes of a change outside the journal, once it is committed. SQLite needs no telling."""
    if not is_sqlite(connection):
        query = text("SELECT pg_notify(:channel, :payload)")
        connection.execute(query, {"channel": CHANNEL, "payload": announcement(_NO_WRITER, topics)})


class Watcher:
    """A thread that watches the database for others' commits until it is closed.

    ``own_writer`` is the writer this process is, whose commits it announces itself; ``own_writes`` counts its
    changes outside the journal, which need no announcement.
    """

    def __init__(
        self,
        engine: Engine,
        changes: Changes,
        *,
        own_writer: Callable[[], int | None],
        own_writes: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._changes = changes
        self._own_writer = own_writer
        self._own_writes = own_writes
        self._closing = threading.Event()
        watch = self._watch_sqlite if is_sqlite(engine) else self._watch_postgresql
        self._thread = threading.Thread(target=self._keep, args=(watch,), name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _keep(self, watch: Callable[[], None]) -> None:
        """Watch, and after a lost connection tell everybody to look again, for something may have been missed."""
        trouble: str | None = None
        while not self._closing.is_set():
            started = time.monotonic()
            try:
                watch()
            except Exception as error:  # a watcher that dies would silently freeze every status
                before, trouble = trouble, type(error).__name__
                if trouble != before or time.monotonic() - started > _STEADY_SECONDS:
                    logger.warning("watching the database was interrupted: %s", trouble)
                self._closing.wait(_RECONNECT_SECONDS)
                self._changes.publish(None)

    def _watch_postgresql(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
                raw.execute(f"LISTEN {CHANNEL}")
                self._changes.publish(None)  # whatever was committed until now
                while not self._closing.is_set():
                    for notice in raw.notifies(timeout=0.5):
                        self._announce(notice.payload)
            finally:
                # Neither one that listens nor one that was lost may go back to the pool: its reset would fail, loudly.
                connection.invalidate()

    def _announce(self, payload: str) -> None:
        writer, topics = orjson.loads(payload)
        if writer != self._own_writer():
            self._changes.publish(topics)

    def _watch_sqlite(self) -> None:
        pooled = self._engine.raw_connection()  # outside any transaction, or the version would stand still
        try:
            raw = cast("sqlite3.Connection", pooled.driver_connection)
            seen = _LastSeen(raw)
            version, own_writes = _data_version(raw), self._own_writes()
            self._changes.publish(None)  # whatever was committed until now
            while not self._closing.wait(POLL_SECONDS):
                present = _data_version(raw)
                if present == version:
                    continue
                version, own_before, own_writes = present, own_writes, self._own_writes()
                attributed, topics = seen.look(self._own_writer())
                if attributed:
                    self._changes.publish(topics)
                elif not seen.own_moved and own_before == own_writes:
                    self._changes.publish(None)
        finally:
            pooled.close()


def _data_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version


class _LastSeen:
    """How far each writer's chain of seals was seen. Within one writer batches commit in order."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._batches: dict[int, int] = {}
        self._active: dict[int, float] = {}
        self._newest_writer = 0
        self.own_moved = False
        self._find_writers()
        for writer in self._active:
            query = "SELECT coalesce(max(batch), 0) FROM seal WHERE writer_id = ?"
            self._batches[writer] = connection.execute(query, (writer,)).fetchone()[0]

    def look(self, own_writer: int | None) -> tuple[bool, list[int] | None]:
        """Return whether others wrote, and the topics it concerned (None is everybody)."""
        attributed, everybody = self._find_writers(), False  # a writer that registers concerns nobody
        topics: set[int] = set()
        self.own_moved = False
        for writer in list(self._active):
            seals = self._new_seals(writer)
            if writer == own_writer:
                self.own_moved = bool(seals)
                continue
            for touched in seals:
                attributed = True
                everybody = everybody or touched is None
                topics.update(touched or ())
        return attributed, None if everybody else sorted(topics)

    def _find_writers(self) -> bool:
        """Return whether writers started since; SQLite has one writer at a time, so their numbers appear in order."""
        now, before = time.monotonic(), self._newest_writer
        query = "SELECT writer_id FROM writer WHERE writer_id > ? ORDER BY writer_id"
        for (writer,) in self._connection.execute(query, (self._newest_writer,)):
            self._newest_writer = writer
            self._active[writer] = now
        for writer, active in list(self._active.items()):
            if now - active > _FORGET_SECONDS:
                del self._active[writer]
        return self._newest_writer > before

    def _new_seals(self, writer: int) -> list[list[int] | None]:
        query = "SELECT batch, touched FROM seal WHERE writer_id = ? AND batch > ? ORDER BY batch"
        rows = self._connection.execute(query, (writer, self._batches.get(writer, 0))).fetchall()
        if rows:
            self._batches[writer] = rows[-1][0]
            self._active[writer] = time.monotonic()
        return [None if touched is None else orjson.loads(touched) for _batch, touched in rows]
