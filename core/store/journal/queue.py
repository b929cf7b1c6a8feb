"""What waits for the journal: callers' commands, and those of sweeps, which give way to them (L7).

A full queue takes nothing more, and says so at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Code, Refused

# How much of the sweeps is taken along while there are callers: so many commands a second; at once at least so many,
# for one by one they cost several times as much, and at most so many, by which they catch up after a stall.
BESIDE_CALLERS_PER_SECOND: Final = 600
TOGETHER: Final = 30
BESIDE_CALLERS: Final = 100
CALLERS_NEAR_SECONDS: Final = 0.2  # and for so long after the last of them: the next is not kept waiting either
_TURN_SECONDS: Final = 0.005  # how long sweeps wait for their next turn beside callers

Reply = Receipt | Refused  # Refused is returned here, not raised


@dataclass(slots=True, eq=False)
class Submission:
    """Commands handed in together: one future for all of them, resolved when the last has its answer."""

    future: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None  # of an asyncio future
    answers: list[Reply | None]  # by place
    is_single: bool  # its future is the receipt or the refusal itself, not the list
    missing: int = 0  # how many answers there are still to be

    def resolve(self) -> None:
        if self.future.done():
            return
        if not self.is_single:
            self.future.set_result(self.answers)
        elif isinstance(answer := self.answers[0], Refused):
            self.future.set_exception(answer)
            self.future.exception()  # a caller who has hung up never asks, and asyncio would log that as an error
        else:
            self.future.set_result(answer)


@dataclass(slots=True, eq=False)
class QueuedCommand:
    """A command that waits for its answer, and the place of that among the answers of its call."""

    command: Command
    call: Submission
    place: int = 0
    requeues: int = 0
    untold: frozenset[int] = frozenset()  # first ids of commands that a lost commit beside this may have carried out


class Queue:
    """Tickets of callers and of sweeps, each at most ``size``, from which one thread takes batches."""

    def __init__(self, *, size: int, batch_size: int) -> None:
        self.size = size
        self.batch_size = batch_size
        self._callers: deque[QueuedCommand] = deque()
        self._sweeps: deque[QueuedCommand] = deque()
        self._guard = threading.Lock()
        self._bell = _Wakeup()
        self._callers_at = -CALLERS_NEAR_SECONDS  # when a batch last had callers
        self._beside = 0.0  # how much of the sweeps may be taken along beside callers by now
        self._beside_at = 0.0
        self._is_closing = False
        self._is_waited_at = False

    def __len__(self) -> int:
        """How many commands wait."""
        return len(self._callers) + len(self._sweeps)

    def put(self, call: Submission, commands: Sequence[Command], *, in_background: bool, quietly: bool = False) -> int:
        """Queue as many commands of a call as there is room for and return how many; it is given the others' answer.

        Whoever puts quietly takes them or wakes the thread that does.
        """
        queue = self._sweeps if in_background else self._callers
        with self._guard:
            room = 0 if self._is_closing else max(self.size - len(queue), 0)
            call.missing = taken = min(room, len(commands))
            if taken < len(commands):
                call.answers[taken:] = [self._no_room()] * (len(commands) - taken)
            queue.extend([QueuedCommand(command, call, place) for place, command in enumerate(commands[:taken])])
            if not quietly:
                self._wake()
        return taken

    def wake(self) -> None:
        """Let the thread know that something waits, if it does."""
        with self._guard:
            if self._callers:
                self._wake()

    def _wake(self) -> None:
        if self._is_waited_at:
            self._is_waited_at = False
            self._bell.ring()

    def take_few(self, most: int) -> list[QueuedCommand]:
        """Return what callers wait for, without waiting; nothing if it is more than that, or the queue is closing."""
        with self._guard:
            return [] if len(self._callers) > most or self._is_closing else self._taken(0)

    def put_back(self, tickets: Sequence[QueuedCommand]) -> None:
        """Queue tickets that were taken once more, before all others and in their order."""
        with self._guard:
            self._callers.extendleft(reversed(tickets))

    def take(self) -> list[QueuedCommand]:
        """Return what the next batch carries out, waiting for it; nothing once the queue is closed and empty."""
        while True:
            with self._guard:
                sweeps = self._due_sweeps()
                if sweeps or self._callers or self._is_closing:
                    self._is_waited_at = False
                    return self._taken(sweeps)
                self._is_waited_at = True
                turn = _TURN_SECONDS if self._sweeps else None
            self._bell.wait(turn)

    def close(self) -> None:
        """Take no more; what waits is still given out."""
        with self._guard:
            self._is_closing = True
            self._bell.ring()

    def _no_room(self) -> Refused:
        if self._is_closing:
            return Refused(Code.OVERLOADED, "The server is stopping. Try again in a moment.")
        return Refused(Code.OVERLOADED, "Too many requests are waiting. Try again in a moment.")

    def _taken(self, sweeps: int) -> list[QueuedCommand]:
        kept_free = min(sweeps, self.batch_size // 10)  # however many callers there are, sweeps go on
        callers = min(len(self._callers), self.batch_size - kept_free)
        if callers:
            self._callers_at = time.monotonic()
        sweeps = min(sweeps, self.batch_size - callers)
        self._beside -= sweeps
        return [
            *[self._callers.popleft() for _ in range(callers)],
            *[self._sweeps.popleft() for _ in range(sweeps)],
        ]

    def _due_sweeps(self) -> int:
        """Return how much of the sweeps the next batch takes along: little while callers are near."""
        now = time.monotonic()
        earned = (now - self._beside_at) * BESIDE_CALLERS_PER_SECOND
        self._beside, self._beside_at = min(max(self._beside, 0) + earned, BESIDE_CALLERS), now
        waiting = len(self._sweeps)
        if self._is_closing or not (self._callers or now - self._callers_at < CALLERS_NEAR_SECONDS):
            return min(waiting, self.batch_size)
        return min(waiting, int(self._beside)) if self._beside >= min(waiting, TOGETHER) else 0


class _Wakeup:
    """Wakes one waiting thread, by a bare lock: a condition costs several times as much, and a lone command pays it."""

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake who waits, or who waits next. One thread at a time rings."""
        if self._silence.locked():
            self._silence.release()

    def wait(self, seconds: float | None) -> None:
        """Wait for the bell, however long or so many seconds."""
        self._silence.acquire(timeout=-1 if seconds is None else seconds)
