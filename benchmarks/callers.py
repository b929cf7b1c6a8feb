"""Callers of the ledger: many threads' worth of batches, concurrent tasks, and a steady stream."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from benchmarks.harness import Timing, measured
from core.ledger.commands import Command, Receipt
from core.server import event_loop
from core.services.common.ledger_service import LedgerService
from core.store.journal.queue import Reply

Found = TypeVar("Found")

_TICK_SECONDS = 0.002


def on_the_servers_loop(work: Coroutine[None, None, Found]) -> Found:
    """Run in an event loop of the kind that the server has."""
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        return runner.run(work)


def in_batches(ledger: LedgerService, commands: Sequence[Command], size: int) -> Timing:
    """Hand in batches, the next while one is carried out; a batch's latency is from hand-in to its last answer."""
    timing = Timing(count=len(commands))
    under_way: deque[tuple[float, Future[list[Reply]]]] = deque()

    def finish() -> None:
        since, future = under_way.popleft()
        for answer in future.result():
            assert isinstance(answer, Receipt), f"a benchmark's command was not carried out: {answer!r}"
        timing.latencies.append(time.perf_counter() - since)

    with measured(timing):
        for start in range(0, len(commands), size):
            since = time.perf_counter()
            under_way.append((since, ledger.journal.submit_all(commands[start : start + size])))
            if len(under_way) > 2:
                finish()
        while under_way:
            finish()
    return timing


def concurrently(ledger: LedgerService, commands: Sequence[Command], callers: int) -> Timing:
    """Let tasks of one event loop hand in one command each, and the next when it is answered."""
    timing = Timing(count=len(commands))

    async def call(waiting: Iterator[Command]) -> None:
        for command in waiting:
            since = time.perf_counter()
            await ledger.execute(command)
            timing.latencies.append(time.perf_counter() - since)

    async def everybody() -> None:
        waiting = iter(commands)
        with measured(timing):
            await asyncio.gather(*(call(waiting) for _ in range(callers)))

    on_the_servers_loop(everybody())
    return timing


async def steadily(ledger: LedgerService, commands: Iterator[Command], rate: float, until: asyncio.Event) -> Timing:
    """Hand in commands at a steady rate, whether or not the ledger keeps up, until told to stop.

    A latency counts from when the command was due to be handed in, so that a stall is not hidden.
    """
    timing = Timing()
    tasks: set[asyncio.Task[None]] = set()

    async def call(command: Command, due: float) -> None:
        await ledger.execute(command)
        timing.latencies.append(time.perf_counter() - due)

    begun = time.perf_counter()
    while not until.is_set():
        while (due := begun + timing.count / rate) <= time.perf_counter():
            task = asyncio.create_task(call(next(commands), due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            timing.count += 1
        await asyncio.sleep(_TICK_SECONDS)
    timing.seconds = time.perf_counter() - begun
    await asyncio.gather(*tasks)
    return timing
