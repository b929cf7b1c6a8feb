"""The journal writer: one thread per process that turns waiting commands into batches (L7).

Whatever waits becomes one transaction: natural batching, no timer. A full queue answers ``overloaded`` at
once; nothing is answered before it is durable.

Where the database is at hand, in this very process, the thread is left alone for few commands: the event loop that
they come from carries them out between two of its rounds. To wake a thread, and to be woken by it on another core,
takes a third as long again. What cannot be done at once is always the thread's: waiting, trying again, connecting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Code, Refused
from core.store.changes import Changes
from core.store.drivers.driver import Driver
from core.store.faults import Fault, fault_of, refusal
from core.store.journal.batch import BatchResult, BatchSeal, Requeue, resume, run_batch
from core.store.journal.queue import Queue, QueuedCommand, Reply, Submission
from core.store.journal.writer import Writer

logger = logging.getLogger(__name__)

MAX_REQUEUES: Final = 8  # how often a command may turn out to need another lock, or be a twin's twin
MAX_RETRIES: Final = 6  # how often a batch is tried when the database is not to be had
PATIENCE_SECONDS: Final = 10.0  # and for how long, if an attempt itself takes long
SCHEMA_SECONDS: Final = 1.0  # how often it is made sure that nobody has migrated the database meanwhile
FEW: Final = 4  # commands that an event loop carries out itself; more are better off beside it
SLOW_SECONDS: Final = 0.005  # a loop that was kept for longer than this
ELSEWHERE_SECONDS: Final = 1.0  # leaves all to the thread for so long
_FIRST_PAUSE_SECONDS: Final = 0.1
_ANSWERS: Final = (Receipt, Refused)


class Journal:
    """The only way into the books. ``open_driver`` gives a fresh connection, also after one was lost.

    ``check_schema`` raises StoreError when the database has another schema by now; ``guard`` is held while a batch is
    written; ``pause`` waits some seconds between two tries. With ``is_at_hand`` event loops carry out few commands
    themselves.
    """

    def __init__(
        self,
        *,
        open_driver: Callable[[], Driver],
        open_writer: Callable[[], Writer],
        check_schema: Callable[[], None],
        changes: Changes,
        guard: threading.Lock,
        queue: Queue,
        is_at_hand: bool = False,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._open_driver = open_driver
        self._open_writer = open_writer
        self._check_schema = check_schema
        self._schema_checked_at = time.monotonic()
        self._changes = changes
        self._guard = guard
        self._queue = queue
        self._is_at_hand = is_at_hand
        self._at_work = threading.Lock()  # held by whoever carries out commands: the thread, or a loop
        self._turn_of: asyncio.AbstractEventLoop | None = None  # the loop that has promised to look at the queue
        self._elsewhere_until = 0.0
        self._pause = pause
        self._driver: Driver | None = None
        self._writer: Writer | None = None
        self._trouble: Fault | None = None
        self._untold: set[int] = set()  # first ids of commands that a lost commit may have made take effect
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def execute(self, command: Command, *, in_background: bool = False) -> Receipt:
        """Carry out a command. Raises Refused, with ``overloaded`` at once when the queue is full.

        What runs in the background waits for callers: while there are any, a batch takes only a few of it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        here = self._is_at_hand and not in_background and self._takes_a_turn(loop)
        self._hand_in((command,), future, loop, is_single=True, in_background=in_background, quietly=here)
        return await future

    async def execute_all(self, commands: Sequence[Command], *, in_background: bool = False) -> list[Reply]:
        """Carry out commands side by side; return each one's answer, in order. Nothing of a refused one is kept.

        Those that the queue has no room for are answered with ``overloaded``.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Reply]] = loop.create_future()
        self._hand_in(commands, future, loop, in_background=in_background)
        return await future

    def submit(self, command: Command) -> Future[Receipt]:
        """Hand in a command from any thread. The future raises Refused, with ``overloaded`` when the queue is full."""
        future: Future[Receipt] = Future()
        self._hand_in((command,), future, is_single=True)
        return future

    def submit_all(self, commands: Sequence[Command]) -> Future[list[Reply]]:
        """Hand in commands from any thread, as ``execute_all`` does."""
        future: Future[list[Reply]] = Future()
        self._hand_in(commands, future)
        return future

    def close(self) -> None:
        """Finish what waits, then stop. Commands that come later are refused."""
        self._queue.close()
        self._thread.join()
        with self._at_work:  # a loop may be at it still, and put back what the thread no longer takes
            while tickets := self._queue.take():
                self._carry_out_all(tickets)
        if self._driver is not None:
            self._driver.close()

    @property
    def depth(self) -> int:
        """How many commands wait."""
        return len(self._queue)

    @property
    def writer_id(self) -> int | None:
        """Which writer this process is, once it has written."""
        return None if self._writer is None else self._writer.writer_id

    def _hand_in(
        self,
        commands: Sequence[Command],
        future: Future[Any] | asyncio.Future[Any],
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        is_single: bool = False,
        in_background: bool = False,
        quietly: bool = False,
    ) -> None:
        """Queue as many commands as there is room for, and answer the others at once."""
        call = Submission(future, loop, [None] * len(commands), is_single)
        if not self._queue.put(call, commands, in_background=in_background, quietly=quietly):
            call.resolve()

    def _run(self) -> None:
        while tickets := self._queue.take():
            with self._at_work:
                self._carry_out_all(tickets)

    def _carry_out_all(self, tickets: list[QueuedCommand]) -> None:
        self._untold = set().union(*(ticket.untold for ticket in tickets))
        for ticket in tickets:
            ticket.untold = frozenset()
        try:
            self._carry_out(tickets)
        except BaseException:  # the thread must outlive every defect, or the house stands still
            logger.exception("a batch failed")
            self._deliver([(ticket, _internal_error()) for ticket in tickets])

    def _takes_a_turn(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether a loop will look at the queue after what it does now, so that nobody need wake the thread."""
        if self._turn_of is None or self._turn_of.is_closed():
            if time.monotonic() < self._elsewhere_until:
                return False
            self._turn_of = loop
            loop.call_soon(self._take_turn, loop)
        return self._turn_of is loop

    def _take_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Carry out what waits if that can be done at once, or wake the thread for it."""
        self._turn_of = None
        if self._at_work.acquire(blocking=False):
            tickets = self._queue.take_few(FEW)
            try:
                if tickets and not self._carried_out_at_once(tickets, loop):
                    self._queue.put_back(tickets)
            except Exception:
                logger.exception("a batch failed")
                self._deliver([(ticket, _internal_error()) for ticket in tickets], loop)
            finally:
                self._at_work.release()
        self._queue.wake()

    def _carried_out_at_once(self, tickets: list[QueuedCommand], here: asyncio.AbstractEventLoop) -> bool:
        """Return whether the commands were carried out. If not, nothing of them was, or they will find their keys."""
        began = time.monotonic()
        due = began - self._schema_checked_at > SCHEMA_SECONDS
        if due or self._trouble or self._driver is None or self._writer is None:
            return False
        if not self._guard.acquire(blocking=False):
            return False
        try:
            self._writer.committing = ()
            self._untold = set().union(*(ticket.untold for ticket in tickets))
            if not self._driver.begin(patiently=False):
                return False
            outcomes, sealed = run_batch(self._driver, self._writer, [ticket.command for ticket in tickets])
        except Exception as error:  # the thread meets it again, and knows what to do
            self._recover(error)
            self._keep_untold(tickets)
            return False
        except BaseException:  # somebody ends the program: where the chain of seals ends is found out by who comes next
            self._untold.update(self._writer.committing)
            self._keep_untold(tickets)
            self._driver.close()
            self._driver = None
            self._queue.put_back(tickets)
            raise
        finally:
            self._guard.release()
        for ticket in tickets:
            ticket.untold = frozenset()
        self._settle(tickets, outcomes, sealed, here)
        if (now := time.monotonic()) - began > SLOW_SECONDS:
            self._elsewhere_until = now + ELSEWHERE_SECONDS
        return True

    def _carry_out(self, tickets: list[QueuedCommand]) -> None:
        """Run a batch; halve it when it fails for a reason of its own, so that only the culprit suffers.

        A database that is not to be had is tried for a while, but no longer for each batch once it was in vain.
        """
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        attempts = 1 if self._trouble else MAX_RETRIES
        fault = Fault.AWAY
        for attempt in range(attempts):
            if attempt:
                self._pause(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                outcomes, sealed = self._run_once([ticket.command for ticket in tickets])
            except Exception as error:
                found = fault_of(error) or Fault.AWAY
                fault = fault if found is Fault.AWAY else found  # a full disk may also keep one from coming back
                if not self._recover(error):
                    self._bisect(tickets, error)
                    return
                if fault is Fault.SCHEMA or time.monotonic() > give_up_at:
                    break
            else:
                self._note(None)
                self._settle(tickets, outcomes, sealed)
                return
        self._note(fault)
        self._deliver([(ticket, refusal(fault)) for ticket in tickets])

    def _keep_untold(self, tickets: Sequence[QueuedCommand]) -> None:
        """Let whoever carries out the commands next know what a lost commit may have done."""
        for ticket in tickets:
            ticket.untold = frozenset(self._untold)

    def _run_once(self, commands: Sequence[Command]) -> tuple[list[BatchResult], BatchSeal | None]:
        with self._guard:
            if time.monotonic() - self._schema_checked_at > SCHEMA_SECONDS:
                self._check_schema()
                self._schema_checked_at = time.monotonic()
            if self._driver is None:
                self._driver = self._opened()
            if self._writer is None:
                self._writer = self._open_writer()
            self._writer.committing = ()
            self._driver.begin()
            return run_batch(self._driver, self._writer, commands)

    def _opened(self) -> Driver:
        """Open a connection that knows where the chain of seals ends: a lost one may have committed."""
        driver = self._open_driver()
        try:
            if self._writer is not None:
                resume(driver, self._writer)
        except BaseException:
            driver.close()
            raise
        return driver

    def _recover(self, error: Exception) -> bool:
        """Return whether trying again makes sense, with a connection that works."""
        fault = fault_of(error)
        if self._driver is None:
            self._warn("cannot be opened", error)
            return fault is not Fault.DAMAGED
        lost = fault is not None or self._driver.lost(error)
        self._driver.rollback()
        if lost:
            if self._writer is not None:
                self._untold.update(self._writer.committing)
            self._warn("was not to be had", error)
            self._driver.close()
            self._driver = None
        return lost and fault is not Fault.DAMAGED

    def _warn(self, what: str, error: Exception) -> None:
        """Tell the log of what is tried again, until that is known to be in vain; its words may quote somebody."""
        if self._trouble is None:
            logger.warning("the database %s: %s", what, type(error).__name__)

    def _note(self, trouble: Fault | None) -> None:
        """Tell the log when the database becomes unusable and when it can be used again, not each time."""
        before, self._trouble = self._trouble, trouble
        if trouble is before:
            return
        if trouble is None:
            logger.warning("the database can be used again")
        else:
            logger.error("commands are refused: %s", trouble.value)

    def _bisect(self, tickets: list[QueuedCommand], error: Exception) -> None:
        if len(tickets) == 1:
            fault = fault_of(error)
            logger.error("a %s failed", type(tickets[0].command).__name__, exc_info=error)
            self._deliver([(tickets[0], _internal_error() if fault is None else refusal(fault))])
            return
        middle = len(tickets) // 2
        self._carry_out(tickets[:middle])
        self._carry_out(tickets[middle:])

    def _settle(
        self,
        tickets: list[QueuedCommand],
        outcomes: list[BatchResult],
        sealed: BatchSeal | None,
        here: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if sealed is not None and self._writer is not None:
            self._writer.batch, self._writer.seal = sealed.batch, sealed.seal
            self._changes.publish(sealed.touched)
        answers: list[tuple[QueuedCommand, BatchResult]] = []
        detoured: list[QueuedCommand] = []
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if isinstance(outcome, Requeue) and ticket.requeues < MAX_REQUEUES:
                ticket.requeues += 1
                detoured.append(ticket)
            else:
                answers.append((ticket, self._as_told(outcome) if self._untold else outcome))
        if detoured:
            self._queue.put_back(detoured)
        self._deliver(answers, here)

    def _as_told(self, outcome: BatchResult) -> BatchResult:
        """Return the answer for one caller: what a lost commit of this batch did is new to the first who is told."""
        if isinstance(outcome, Receipt) and outcome.replayed and outcome.first_id in self._untold:
            self._untold.discard(outcome.first_id)
            return replace(outcome, replayed=False)
        return outcome

    def _deliver(
        self, answers: Sequence[tuple[QueuedCommand, BatchResult]], here: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """Answer every caller; those of one event loop in one call, for waking it costs a system call.

        ``here`` is the loop that this runs on, if it is one.
        """
        by_loop: dict[asyncio.AbstractEventLoop, list[Submission]] = {}
        for ticket, outcome in answers:
            call = ticket.call
            call.answers[ticket.place] = _as_answer(outcome)
            call.missing -= 1
            if call.missing:
                continue
            if call.loop is None:
                call.resolve()
            else:
                by_loop.setdefault(call.loop, []).append(call)
        for loop, calls in by_loop.items():
            if loop is here:
                _resolve_all(calls)
                continue
            with contextlib.suppress(RuntimeError):  # the loop has ended, nobody waits
                loop.call_soon_threadsafe(_resolve_all, calls)


def _resolve_all(calls: Sequence[Submission]) -> None:
    for call in calls:
        call.resolve()


def _as_answer(outcome: BatchResult) -> Reply:
    """Return what a caller is told of an outcome."""
    if isinstance(outcome, _ANSWERS):
        return outcome
    if isinstance(outcome, Requeue):
        return Refused(Code.OVERLOADED, "This is busy right now. Try again in a moment.")
    return _internal_error()


def _internal_error() -> Refused:
    sentence = "Something went wrong on our side. Try again; with the same key nothing is booked twice."
    return Refused(Code.INTERNAL_ERROR, sentence)
