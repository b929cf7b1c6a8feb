"""The open house: what every use case is given first. It is built in core/wiring.py and owns its threads."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from core.clock import Clock
from core.ledger.commands import Command, Receipt
from core.services.common.actors import AuthSession
from core.services.common.ttl_cache import RefreshingCache
from core.services.usage.ratecard_cache import CachedRateCards, RateCardCache
from core.store.changes import Changes
from core.store.drivers.checkpoints import Checkpointer
from core.store.engine import reading, writing
from core.store.faults import refusing_faults
from core.store.journal.journal import Journal
from core.store.journal.queue import Reply
from core.store.seals import SealKey
from core.store.watch import Watcher

Found = TypeVar("Found")


class LedgerService:
    """The shared ledger: reads in worker threads, commands through the journal, plain rows beside it."""

    def __init__(  # noqa: PLR0913  (the parts of the house, all named)
        self,
        *,
        engine: Engine,
        clock: Clock,
        journal: Journal,
        changes: Changes,
        new_id: Callable[[], int],
        guard: threading.Lock,
        keys: tuple[SealKey, ...],
        random_bytes: Callable[[int], bytes],
        default_settlement_hours: int,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.journal = journal
        self.changes = changes
        self.new_id = new_id
        self.keys = keys
        self.random_bytes = random_bytes
        self.default_settlement_hours = default_settlement_hours
        self.ratecard_cache = RateCardCache()
        self.sessions: RefreshingCache[bytes, AuthSession] = RefreshingCache(
            topic=lambda _, session: session.actor.member_id
        )
        self.cards: RefreshingCache[int, CachedRateCards] = RefreshingCache(topic=lambda org_id, _: org_id)
        changes.tell_first(self.sessions.forget)
        self._checkpointer = checkpointer
        self._guard = guard
        self._workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="store")
        self._writes = itertools.count(1)
        self._written = 0
        self._watcher: Watcher | None = None

    async def read(self, query: Callable[[Connection], Found]) -> Found:
        """Run a query in a worker thread, in one transaction that sees one state.

        Raises Refused(overloaded) when the database is not to be had, like ``write`` and ``execute``.
        """
        return await asyncio.get_running_loop().run_in_executor(self._workers, self._read, query)

    async def write(self, change: Callable[[Connection], Found]) -> Found:
        """Change rows outside the books (members, tokens, deliveries) in one transaction of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, self._write, change)

    async def execute(self, command: Command, *, in_background: bool = False) -> Receipt:
        """Carry out a command through the journal. Raises Refused; nothing of a refused command is kept.

        In the background it gives way to callers.
        """
        return await self.journal.execute(command, in_background=in_background)

    async def execute_all(self, commands: Sequence[Command], *, in_background: bool = False) -> list[Reply]:
        """Carry out commands side by side and return each one's answer, in order; none is raised."""
        return await self.journal.execute_all(commands, in_background=in_background)

    def watch(self) -> None:
        """Hear of other processes' commits too, for as long as the house is open."""
        if self._watcher is None:
            self._watcher = Watcher(
                self.engine,
                self.changes,
                own_writer=lambda: self.journal.writer_id,
                own_writes=lambda: self._written,
            )

    def close(self) -> None:
        """Finish what waits in the journal, then let go of the database."""
        if self._watcher is not None:
            self._watcher.close()
        self.journal.close()
        if self._checkpointer is not None:
            self._checkpointer.close()
        self._workers.shutdown(wait=True)
        self.engine.dispose()

    def _read(self, query: Callable[[Connection], Found]) -> Found:
        with refusing_faults(), reading(self.engine) as connection:
            return query(connection)

    def _write(self, change: Callable[[Connection], Found]) -> Found:
        with self._guard, refusing_faults(), writing(self.engine) as connection:
            result = change(connection)
            self._written = next(self._writes)
        self.sessions.forget()
        self.cards.forget()
        return result
