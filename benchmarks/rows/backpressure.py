"""More callers than the queue holds: refused at once, the accepted not kept waiting, nothing lost (L7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlmodel import col

from benchmarks.bench import Bench
from benchmarks.callers import concurrently, on_the_servers_loop
from benchmarks.harness import Bar, Result, Timing
from benchmarks.rows.transfers import BATCH, CALLERS
from core.ledger.commands import Command
from core.ledger.errors import Code, Refused
from core.services.common.ledger_service import LedgerService
from core.store.engine import reading
from core.store.tables import GiftRow

QUEUE: Final = 1_000
CROWD: Final = 4 * QUEUE
AT_ONCE_MS: Final = 5.0  # a refusal waits for nothing, only for its turn to run
LONGEST: Final = 2.0  # times what a full queue and a full batch take at the full rate
_PAUSE_SECONDS: Final = 0.25
_SECONDS: Final = 3.0


@dataclass(slots=True)
class _Crowd:
    """What a crowd met."""

    accepted: Timing = field(default_factory=Timing)
    refused: Timing = field(default_factory=Timing)
    kept: set[int] = field(default_factory=set)


def queue_full(bench: Bench) -> Iterator[Result]:
    with bench.ledger(queue_size=QUEUE) as ledger:
        free = concurrently(ledger, bench.town.gifts(bench.size.transfers), CALLERS)
        before = _gifts(ledger)
        crowd = on_the_servers_loop(_rush(ledger, iter(bench.town.gifts(int(free.rate * _SECONDS * 10) + CROWD))))
        assert _gifts(ledger) - before == crowd.kept, "what was answered and what is in the books differ"
    drained_ms = (QUEUE + BATCH) / free.rate * 1e3
    assert crowd.refused.latencies, "the crowd never filled the queue"
    accepted, refused = crowd.accepted.p99_ms, crowd.refused.p99_ms
    yield Result(
        f"{CROWD:,} callers, queue of {QUEUE:,}: the accepted (baseline: queue and batch at the full rate)",
        bench.kind,
        ours=accepted,
        baseline=drained_ms,
        ratio=accepted / drained_ms,
        bar=LONGEST,
        bar_is=Bar.RATIO_AT_MOST,
        unit="ms",
        p50_ms=crowd.accepted.percentile_ms(0.5),
        p99_ms=accepted,
    )
    yield Result(
        f"{CROWD:,} callers, queue of {QUEUE:,}: the refused",
        bench.kind,
        ours=refused,
        bar=AT_ONCE_MS,
        bar_is=Bar.OURS_AT_MOST,
        unit="ms",
        p50_ms=crowd.refused.percentile_ms(0.5),
        p99_ms=refused,
    )


async def _rush(ledger: LedgerService, commands: Iterator[Command]) -> _Crowd:
    """Let a crowd hand in gift after gift for a while; who is refused comes again with the same key."""
    crowd = _Crowd()
    end = time.perf_counter() + _SECONDS

    async def call() -> None:
        for command in commands:
            while not await _tried(ledger, command, crowd):  # noqa: ASYNC110  (a pause, no event to wait for)
                await asyncio.sleep(_PAUSE_SECONDS)
            if time.perf_counter() > end:
                break

    await asyncio.gather(*(call() for _ in range(CROWD)))
    return crowd


async def _tried(ledger: LedgerService, command: Command, crowd: _Crowd) -> bool:
    since = time.perf_counter()
    try:
        receipt = await ledger.execute(command)
    except Refused as refused:
        if refused.code is not Code.OVERLOADED:
            raise
        crowd.refused.latencies.append(time.perf_counter() - since)
        crowd.refused.count += 1
        return False
    crowd.accepted.latencies.append(time.perf_counter() - since)
    assert not receipt.replayed, "a refused command had an effect"
    crowd.kept.update(receipt.ids)
    return True


def _gifts(ledger: LedgerService) -> set[int]:
    with reading(ledger.engine) as connection:
        return set(connection.execute(select(col(GiftRow.gift_id))).scalars())
