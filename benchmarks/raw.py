"""The baseline: the very rows that we write, as ready tuples, into the same tables by the same statements.

A scribe carries the commands out on a database of its own and takes down every write; the raw side repeats
them on another with the same content. No reads, no decisions, no keys looked up, no sealing.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from sqlmodel import SQLModel

from benchmarks.harness import Timing, measured
from core.clock import Clock, system_clock
from core.ledger.commands import Command, Receipt
from core.ledger.ids import first_id_of
from core.store import tables as t
from core.store.drivers.checkpoints import Checkpointer
from core.store.drivers.driver import Driver, Rows
from core.store.engine import is_sqlite, open_engine, writing
from core.store.journal import registry
from core.store.journal.batch import BatchResult, run_batch
from core.store.journal.writer import Writer
from core.store.seals import SealKey
from core.store.timestamps import to_micros
from core.wiring import open_driver

Call = Callable[[Driver], None]


@dataclass(frozen=True, slots=True)
class RawBatch:
    """The writes of one transaction, and how many transfers they are."""

    transfers: int
    calls: tuple[Call, ...]


class Scribe:
    """Turns commands into ready rows, on a database that nothing is measured on."""

    def __init__(self, url: str, clock: Clock = system_clock) -> None:
        self._engine = open_engine(url)
        with writing(self._engine) as connection:
            number = registry.register(connection, to_micros(clock()))
        self.driver = _Recorder(open_driver(self._engine))
        self._writer = Writer(
            writer_id=number,
            clock=clock,
            key=SealKey("k1", secrets.token_bytes(32)),
            new_id=count(first_id_of(number)).__next__,
            random_bytes=secrets.token_bytes,
            heads=None,
        )

    def carry_out(self, commands: Sequence[Command], size: int) -> tuple[list[RawBatch], list[Receipt]]:
        """Return the writes of batches of ``size``, and the receipts."""
        batches: list[RawBatch] = []
        receipts: list[Receipt] = []
        for start in range(0, len(commands), size):
            part = commands[start : start + size]
            self.driver.begin()
            outcomes, sealed = run_batch(self.driver, self._writer, part)
            assert sealed is not None
            self._writer.batch, self._writer.seal = sealed.batch, sealed.seal
            receipts += map(_taken_effect, outcomes)
            batches.append(RawBatch(len(part), self.driver.taken()))
        return batches, receipts

    def rows_of(self, commands: Sequence[Command], size: int) -> list[RawBatch]:
        return self.carry_out(commands, size)[0]

    def close(self) -> None:
        self.driver.close()
        self._engine.dispose()


class Raw:
    """Writes ready rows, one transaction for each batch. SQLite's log is taken into the file beside it, as it is beside
    ours: to write to a log that has been started over costs less than to make it longer, and to empty it costs both.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._driver = open_driver(self._engine)
        self._guard = threading.Lock()
        self._checkpointer = Checkpointer(self._engine, self._guard) if is_sqlite(self._engine) else None

    def write(self, batches: Sequence[RawBatch]) -> Timing:
        timing = Timing(count=sum(batch.transfers for batch in batches))
        with measured(timing):
            for batch in batches:
                with self._guard:
                    self._driver.begin()
                    for call in batch.calls:
                        call(self._driver)
                    self._driver.commit()
        return timing

    def close(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.close()
        self._driver.close()
        self._engine.dispose()


def _taken_effect(outcome: BatchResult) -> Receipt:
    assert isinstance(outcome, Receipt), f"a benchmark's command was not carried out: {outcome!r}"
    return outcome


class _Recorder:
    """A driver that takes down what it is told to write; keys are taken down as plain inserts."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._calls: list[Call] = []
        self.portion, self.ahead, self.locks_rows = driver.portion, 0, driver.locks_rows  # the same writes either way
        self.begin, self.commit, self.rollback, self.close = driver.begin, driver.commit, driver.rollback, driver.close
        self.select, self.ask, self.lock, self.claim = driver.select, driver.ask, driver.lock, driver.claim
        self.lost, self.notify, self.externally_modified = driver.lost, driver.notify, driver.externally_modified
        self.begin_optimistic, self.restart = driver.begin_optimistic, driver.restart

    def taken(self) -> tuple[Call, ...]:
        calls, self._calls = tuple(self._calls), []
        return calls

    def keep_claims(self, kept: Rows, dropped: Rows) -> None:
        self._calls.append(lambda driver: driver.insert(t.CommandRow, kept))
        self._driver.keep_claims(kept, dropped)

    def insert(self, table: type[SQLModel], rows: Rows) -> None:
        self._take(lambda driver: driver.insert(table, rows))

    def add(self, rows: Rows) -> None:
        self._take(lambda driver: driver.add(rows))

    def upsert_add(self, rows: Rows) -> None:
        self._take(lambda driver: driver.upsert_add(rows))

    def drop_empty(self, rows: Rows) -> None:
        self._take(lambda driver: driver.drop_empty(rows))

    def assign(self, table: type[SQLModel], columns: Sequence[str], keys: Sequence[str], rows: Rows) -> None:
        self._take(lambda driver: driver.assign(table, columns, keys, rows))

    def put(self, table: type[SQLModel], keys: Sequence[str], rows: Rows) -> None:
        self._take(lambda driver: driver.put(table, keys, rows))

    def _take(self, call: Call) -> None:
        self._calls.append(call)
        call(self._driver)
