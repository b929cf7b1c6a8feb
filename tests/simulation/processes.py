"""A server as the simulation runs it: the real journal with its real thread, which goes on only in its turn.

Between its turns everything else may happen: callers come and go, the clock jumps, the other server commits, the
connection is lost, or the process dies where it stands and another one starts on the same database.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection, Engine

from core import wiring
from core.clock import Clock
from core.ledger.commands import Command, Receipt
from core.ledger.errors import Refused
from core.ledger.ids import first_id_of
from core.services.common.ledger_service import LedgerService
from core.store.changes import Changes
from core.store.drivers.driver import Driver
from core.store.engine import reading, writing
from core.store.faults import refusing_faults
from core.store.seals import SealKey
from tests.simulation.faults import AFTER, BEFORE, FaultyDriver, Point
from tests.simulation.interleavings import Baton, CrashError
from tests.simulation.records import Attempt, Records
from tests.simulation.stepped_journal import SteppedJournal, SteppedQueue
from tests.simulation.tally import Tally
from tests.support.clock import SettableClock

Found = TypeVar("Found")

LOCK_MILLISECONDS = 15  # whoever holds a lock here is stopped, so that waiting longer is in vain

SKEWS = tuple(timedelta(seconds=seconds) for seconds in (0, 0, 0, 1, -1, 3600))  # no two clocks agree

_OTHER_IDS = 8_000_000  # writers whose ids are for rows outside the books: no real one gets so far


@dataclass(frozen=True, slots=True)
class Site:
    """What all servers of one month share."""

    engine: Engine
    clock: SettableClock
    key: SealKey
    dice: random.Random
    records: Records
    tally: Tally


class Process(LedgerService):
    """One start of a server; to use cases it is a ledger like any other."""

    def __init__(self, site: Site, number: int) -> None:
        self.site = site
        self.number = number
        self.engine = site.engine
        skew = site.dice.choice(SKEWS)
        self.clock: Clock = lambda: site.clock() + skew
        self.new_id: Callable[[], int] = itertools.count(first_id_of(_OTHER_IDS + number)).__next__
        self.armed: dict[Point, str] = {}  # what happens when the writer comes there
        self.armed_for_long = 0  # how often in a row the database is not to be had
        self.committed = False
        self._connections: list[FaultyDriver] = []
        self._until_pause = 0
        self._calls: dict[asyncio.Task[Receipt], None] = {}  # in the order they came
        self._baton = Baton()
        self._queue = SteppedQueue(self._baton, site.dice)
        self.journal: SteppedJournal = SteppedJournal(
            self._queue,
            open_driver=self._open_driver,
            open_writer=lambda: wiring._open_writer(site.engine, self.clock, site.key),
            check_schema=lambda: None,
            changes=Changes(),
            guard=threading.Lock(),
            pause=self._wait_a_moment,
        )
        self._baton.wait()

    # As use cases see it.

    async def read(self, query: Callable[[Connection], Found]) -> Found:
        self._must_live()
        with refusing_faults(), reading(self.engine) as connection:
            return query(connection)

    async def write(self, change: Callable[[Connection], Found]) -> Found:
        self._must_live()
        with refusing_faults(), writing(self.engine) as connection:
            return change(connection)

    async def execute(self, command: Command, *, in_background: bool = False) -> Receipt:
        self._must_live()
        attempt = self.site.records.send(command)
        call = asyncio.ensure_future(self.journal.execute(command, in_background=in_background))
        self._calls[call] = None
        try:
            receipt = await call
        except Refused as refused:
            self.site.records.refused(attempt, refused.code)
            raise
        except asyncio.CancelledError:
            self._unheard(attempt)
            raise
        finally:
            self._calls.pop(call, None)
        self.site.records.acknowledged(attempt, receipt)
        return receipt

    async def execute_all(self, commands: Iterable[Command], *, in_background: bool = False) -> list[Receipt | Refused]:
        return await asyncio.gather(*(self._answer(command, in_background=in_background) for command in commands))

    async def _answer(self, command: Command, *, in_background: bool) -> Receipt | Refused:
        try:
            return await self.execute(command, in_background=in_background)
        except Refused as refused:
            return refused

    def _unheard(self, attempt: Attempt) -> None:
        self.site.records.unheard(attempt, adrift=self.alive)

    def _must_live(self) -> None:
        if not self.alive:
            raise asyncio.CancelledError

    # As the simulation sees it.

    @property
    def alive(self) -> bool:
        return not self._queue.dead

    @property
    def busy(self) -> bool:
        """Whether it has something to do."""
        return self.alive and (self._queue.carrying or bool(self._queue))

    @property
    def writing(self) -> bool:
        """Whether it is stopped in the middle of a batch."""
        return self.alive and self._queue.carrying

    def turn(self) -> None:
        """Let it go on until it stops by itself: at a pause, after a commit, or when nothing waits."""
        self._baton.resume()
        if not self.alive:
            self._bury()

    def hang_up(self) -> int:
        """Let the callers go away without their answers, and return how many; what they asked for goes on."""
        for call in self._calls:
            call.cancel()
        return len(self._calls)

    def crash(self) -> None:
        """End it wherever it stands."""
        self._die()
        self._baton.ended = True
        self._baton.resume()
        self._bury()

    def _die(self) -> None:
        for connection in self._connections:
            connection.cut()
        self._queue.dead = True

    def _bury(self) -> None:
        self.journal.ended()
        self.hang_up()

    # What its writer meets.

    def _open_driver(self) -> Driver:
        driver = FaultyDriver(wiring.open_driver(self.engine), self)
        self._connections.append(driver)
        if self.engine.dialect.name == "postgresql":
            driver.raw.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}")
            driver.raw.commit()
        return driver  # type: ignore[return-value]

    def meet(self, point: Point, driver: FaultyDriver) -> None:
        """Whatever was prepared for this point happens; otherwise the disk may be slow. A commit is looked at first."""
        if point == (AFTER, "commit"):
            self.committed = True
            self._baton.park()
        if self.armed_for_long and point == (BEFORE, "begin"):
            self.armed_for_long -= 1
            self._suffer("away", point, driver)
        if (fault := self.armed.pop(point, None)) is not None:
            self._suffer(fault, point, driver)
        self._until_pause -= 1
        if self._until_pause <= 0:
            slow = self.site.dice.random() < 0.4
            self._until_pause = self.site.dice.randint(1, 30) if slow else 50
            if slow:
                self.site.tally["slow", *point] += 1
                self._baton.park()

    def _suffer(self, fault: str, point: Point, driver: FaultyDriver) -> None:
        self.site.tally["crash" if fault == "crash" else "lost", *point] += 1
        if fault == "crash":
            self._die()
            raise CrashError
        self.site.tally["fault", fault] += 1
        raise driver.fault(fault)

    def _wait_a_moment(self, _seconds: float) -> None:
        self.site.tally["waited", "for the database"] += 1
        self._baton.park()
