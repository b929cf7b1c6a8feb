"""One simulated month: a seed decides everything that happens, in which order, and what goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Engine

from core.ledger.commands import Command
from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.secret_key import secret_key
from core.store.engine import writing
from core.store.queries.deliveries import DeliveryRecord
from core.store.seals import SealKey
from core.store.timestamps import to_micros
from tests.simulation import population as people
from tests.simulation.audit import Audit
from tests.simulation.books import Books
from tests.simulation.descriptions import describe
from tests.simulation.faults import FAULTS, Point
from tests.simulation.month_end import PATIENCE, SWEEPS, come_to_an_end, open_as_usual
from tests.simulation.population import Person, Population
from tests.simulation.processes import Process, Site
from tests.simulation.reader import Reader
from tests.simulation.records import Records
from tests.simulation.stepped_journal import QUEUE_SIZE
from tests.simulation.tally import Tally
from tests.support.builders import some_settings
from tests.support.clock import SettableClock

SERVERS = 2
REMEMBERED = 40  # steps that a failure shows
EVERYTHING_EVERY = 50  # steps between two checks of all there is
FAULTS_PER_MONTH = 12  # faults of a writer in a month


class Month:
    """The people, the servers, the clock, and whoever checks."""

    def __init__(self, url: str, engine: Engine, reader: Reader, seed: int, tally: Tally, *, show: bool) -> None:
        self.url = url
        self.seed = seed
        self.dice = random.Random(seed)
        self.clock = SettableClock()
        self.tally = tally
        self.log: deque[str] = deque(maxlen=REMEMBERED)
        self.population = Population(self.dice)
        self.records = Records(tally)
        settings = some_settings(url)
        key = SealKey(settings.seal_key_id, secret_key(settings))
        self.site = Site(engine, self.clock, key, self.dice, self.records, tally)
        with writing(engine) as connection:
            people.build(connection, self.population, self.clock())
        policies = {org.number: org.policy for org in self.population.orgs}
        limits = {org.number: org.limits for org in self.population.orgs}
        self.audit = Audit(reader, self.records, policies, limits, self.population.persons, tally)
        self.servers: list[Process] = []
        self.waybills: list[DeliveryRecord] = []  # deliveries that were once due, kept to be repeated days later
        self.fragmented: Person | None = None  # who holds more lots than one transfer may take
        self._show = show
        self._starts = 0
        self._keys = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._later: list[list[Command]] = []
        self._faults = self._planned_faults()

    @property
    def books(self) -> Books:
        return self.audit.books

    async def run(
        self, steps: int, begin: Callable[[Month], None], actions: Sequence[tuple[int, Callable[[Month], None]]]
    ) -> None:
        """Live step by step, then bring everything to its end and check it all."""
        weights, chosen = zip(*actions, strict=True)
        try:
            for _ in range(SERVERS):
                self.start_server()
            begin(self)
            await self.work(PATIENCE)
            for step in range(1, steps + 1):
                self._begin_step(step, steps)
                self.dice.choices(chosen, weights)[0](self)
                await self.work(self.dice.choice((0, 1, 3, 8, PATIENCE, PATIENCE)))
                if step % EVERYTHING_EVERY == 0:
                    self.audit.stored.everything()
            await come_to_an_end(self)
        finally:
            for server in [each for each in self.servers if each.alive]:
                server.crash()
        await self._breathe()
        await open_as_usual(self)

    # What actions use.

    def say(self, text: str) -> None:
        line = f"{self.clock():%d %H:%M:%S} {text}"
        self.log.append(line)
        if self._show:
            print(line)

    def anybody(self) -> Person:
        return self.dice.choice(self.population.grown)

    def giver(self) -> Person:
        """Return mostly somebody who has something."""
        person = self.anybody()
        for _ in range(3):
            if self.books.amount_in((person.org.number, person.wallet)):
                break
            person = self.anybody()
        return person

    def usable(self, person: Person) -> Credits:
        """Return what somebody's wallet holds that has not lapsed."""
        now, held = to_micros(self.clock()), self.books.held[person.org.number, person.wallet]
        return Credits(sum(amount for lot, amount in held.items() if not self.books.lots[lot].expired(now)))

    def fresh_key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"

    def server(self) -> Process:
        """Return any server that runs; start one when none does."""
        running = [server for server in self.servers if server.alive]
        return self.dice.choice(running) if running else self.start_server()

    def start_server(self) -> Process:
        self._starts += 1
        server = Process(self.site, self._starts)
        for gone in [each for each in self.servers if not each.alive]:
            server.armed |= gone.armed  # what it was spared comes to the next one
        self.servers = [*(each for each in self.servers if each.alive), server]
        self.say(f"server {server.number} starts")
        return server

    def send(self, command: Command, server: Process | None = None) -> None:
        """Let somebody send a command; they take whatever answer comes."""
        server = server or self.server()
        self.say(f"to {server.number}: {describe(command)}")
        self.ask(server.execute(command))

    def deliver_in_portions(self, commands: list[Command]) -> None:
        """Let somebody send many commands, no more at once than a queue holds."""
        self._later.extend(commands[start : start + QUEUE_SIZE] for start in range(0, len(commands), QUEUE_SIZE))

    @property
    def busy_delivering(self) -> bool:
        return bool(self._later)

    @property
    def may_write(self) -> bool:
        """Whether somebody can write beside the servers now: SQLite has one writer at a time."""
        return self.site.engine.dialect.name != "sqlite" or not any(server.writing for server in self.servers)

    def sweep(self, name: str, server: Process | None = None) -> None:
        server = server or self.server()
        self.say(f"to {server.number}: {name}")
        self.tally["sweep", name] += 1
        self.ask(SWEEPS[name](server))

    def ask(self, question: Awaitable[object]) -> None:
        """Let a use case begin; it goes on while other things happen."""
        self._tasks.append(asyncio.ensure_future(_whatever_comes(question)))

    def crash(self, server: Process) -> None:
        self.say(f"server {server.number} dies")
        self.tally["died", "in a batch" if server.writing else "idle"] += 1
        server.crash()

    # How time passes.

    async def work(self, turns: int) -> None:
        """Let the servers take some turns, in any order, and look at each commit."""
        await self._breathe()
        for _ in range(turns):
            busy = [server for server in self.servers if server.busy]
            if not busy:
                break
            self._turn(self.dice.choice(busy))
            await self._breathe()
        else:
            assert turns < PATIENCE, "the servers never come to an end"

    def _turn(self, server: Process) -> None:
        server.turn()
        if server.committed:
            server.committed = False
            writer = server.journal.writer_id
            assert writer is not None
            self.tally["transfers",] += self.audit.after_commit(writer)
            self.tally["commits",] += 1
        if not server.alive:
            self.say(f"server {server.number} has died")

    async def _breathe(self) -> None:
        """Let every caller that can go on do so."""
        loop: Any = asyncio.get_running_loop()
        for _ in range(PATIENCE):
            await asyncio.sleep(0)
            if not loop._ready:
                break
        done = [task for task in self._tasks if task.done()]
        self._tasks = [task for task in self._tasks if not task.done()]
        for task in done:
            task.result()

    def _begin_step(self, step: int, steps: int) -> None:
        self.tally["steps",] += 1
        idle = [server for server in self.servers if server.alive and not server.busy]
        if self._later and idle:
            for command in self._later.pop():
                self.send(command, idle[0])
        while self._faults and self._faults[0][0] * steps <= step:
            _, fault, point = self._faults.pop(0)
            server = self.server()
            self.say(f"server {server.number} will meet: {fault} {' '.join(point)}")
            server.armed[point] = fault

    def _planned_faults(self) -> list[tuple[float, str, Point]]:
        """Return when what happens at which point: in turn from seed to seed, so that all of it is met."""
        mine = [FAULTS[(self.seed * FAULTS_PER_MONTH + place) % len(FAULTS)] for place in range(FAULTS_PER_MONTH)]
        moments = sorted(self.dice.random() * 0.9 for _ in mine)
        return [(moment, *fault) for moment, fault in zip(moments, mine, strict=True)]


async def _whatever_comes(question: Awaitable[object]) -> None:
    with contextlib.suppress(Refused, asyncio.CancelledError):
        await question
