"""The journal and its queue, whose thread asks before each step and stops when its server dies."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any

from core.store.journal.journal import Journal
from core.store.journal.queue import Queue, QueuedCommand
from tests.simulation.interleavings import Baton, CrashError

QUEUE_SIZE = 24
BATCH_SIZE = 16


class SteppedQueue(Queue):
    """The journal's queue, except that the thread asks before it takes what waits."""

    def __init__(self, baton: Baton, dice: random.Random) -> None:
        super().__init__(size=QUEUE_SIZE, batch_size=BATCH_SIZE)
        self._baton = baton
        self._dice = dice
        self.carrying = False
        self.dead = False

    def take(self) -> list[QueuedCommand]:
        """Take a part of what waits, of any size: how much has come together is a matter of luck."""
        self.carrying = False
        while not self.dead:
            with contextlib.suppress(CrashError):
                self._baton.park()
            if len(self) and not self.dead:
                self.carrying = True
                self.batch_size = self._dice.choice((1, 2, 4, BATCH_SIZE))
                return super().take()
        self._baton.leave()
        return []

    def _due_sweeps(self) -> int:
        """Return some of the sweeps: beside callers not all, and not as many as real time has earned them."""
        return min(len(self._sweeps), self.batch_size // 2 if self._callers else self.batch_size)


class SteppedJournal(Journal):
    """The journal, except that nobody hears from it once it is dead."""

    def __init__(self, queue: SteppedQueue, **parts: Any) -> None:
        self.queue = queue
        super().__init__(queue=queue, **parts)

    def _deliver(self, answers: Sequence[Any], here: asyncio.AbstractEventLoop | None = None) -> None:
        if not self.queue.dead:
            super()._deliver(answers, here)

    def ended(self) -> None:
        """Wait for the thread, which has been told to end."""
        self._thread.join()
