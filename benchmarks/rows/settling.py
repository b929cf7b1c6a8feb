"""Settling due gifts, notices included: alone, and beside callers who take half of what the ledger can do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from benchmarks.bench import Bench, Trio
from benchmarks.callers import concurrently, in_batches, on_the_servers_loop, steadily
from benchmarks.harness import Bar, Result, Timing, compare, measured, preparation_kept_aside, rates
from benchmarks.raw import RawBatch
from benchmarks.rows.transfers import BATCH, CALLERS
from core.ledger.commands import Receipt
from core.services.commands.settling import Settle
from core.services.ledger import Ledger
from core.services.settlement import settle_due
from tests.support.clock import SettableClock

ALONE: Final = 5_000.0  # a second
BESIDE: Final = 500.0
SLOWER: Final = 2.0  # how much the callers' p99 may grow
PERIOD: Final = timedelta(hours=25)  # longer than a gift waits
_QUIET_SECONDS: Final = 3.0


def alone(bench: Bench) -> Iterator[Result]:
    """The sweep against the raw rows of the same settlements."""
    clock = SettableClock()
    with bench.trio(clock) as trio:
        pairs = compare(
            bench.size.sweeps,
            lambda: _make_due(bench, trio, clock),
            lambda _: _sweep(trio.ledger, bench.size.due_gifts),
            trio.raw.write,
        )
    row = rates(f"settling {bench.size.due_gifts:,} due gifts", bench.kind, pairs, ALONE)
    yield replace(row, bar_is=Bar.OURS_AT_LEAST)


def beside_callers(bench: Bench) -> Iterator[Result]:
    """The sweep and a steady stream of new gifts at half the rate that 256 callers reach."""
    clock = SettableClock()
    with bench.ledger(clock=clock) as ledger:
        in_batches(ledger, bench.town.gifts(bench.size.due_gifts // 5), BATCH)
        concurrently(ledger, bench.town.gifts(bench.size.transfers // 2), CALLERS)
        most = concurrently(ledger, bench.town.gifts(bench.size.transfers), CALLERS).rate
        clock.advance(PERIOD)
        found = on_the_servers_loop(_beside(bench, ledger, most / 2))
    share = f"callers at half load, {most / 2:,.0f} a second"
    yield Result(f"settling beside {share}", bench.kind, ours=found.sweep.rate, bar=BESIDE, bar_is=Bar.OURS_AT_LEAST)
    before, during = found.quiet.percentile_ms(0.99), found.busy.percentile_ms(0.99)
    assert before is not None
    assert during is not None
    yield Result(
        "p99 of callers at half load while settling (baseline: before)",
        bench.kind,
        ours=during,
        baseline=before,
        ratio=during / before,
        bar=SLOWER,
        bar_is=Bar.RATIO_AT_MOST,
        unit="ms",
        p50_ms=found.busy.percentile_ms(0.5),
        p99_ms=during,
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """The callers before and while the sweep runs, and the sweep."""

    quiet: Timing
    busy: Timing
    sweep: Timing


async def _beside(bench: Bench, ledger: Ledger, rate: float) -> _Beside:
    commands = iter(bench.town.gifts(int(rate * 120)))
    with preparation_kept_aside():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(_QUIET_SECONDS, stop.set)
        quiet = await steadily(ledger, commands, rate, stop)
        stop, sweep = asyncio.Event(), Timing()
        callers = asyncio.create_task(steadily(ledger, commands, rate, stop))
        begun = time.perf_counter()
        sweep.count = (await settle_due(ledger)).done
        sweep.seconds = time.perf_counter() - begun
        stop.set()
        return _Beside(quiet, await callers, sweep)


def _make_due(bench: Bench, trio: Trio, clock: SettableClock) -> list[RawBatch]:
    """Make gifts on all three, let their time pass, and return the raw rows of their settlement."""
    gifts = bench.town.gifts(bench.size.due_gifts)
    made, receipts = trio.scribe.carry_out(gifts, BATCH)
    trio.raw.write(made)
    in_batches(trio.ledger, gifts, BATCH)
    clock.advance(PERIOD)
    return trio.scribe.rows_of(_settlements(bench, receipts), BATCH)


def _settlements(bench: Bench, receipts: Sequence[Receipt]) -> list[Settle]:
    return [Settle(bench.town.big, receipt.first_id) for receipt in receipts]


def _sweep(ledger: Ledger, due: int) -> Timing:
    timing = Timing(count=due)

    async def sweep() -> None:
        with measured(timing):
            swept = await settle_due(ledger)
        assert swept.done == due, f"{swept.done} of {due} were settled"

    on_the_servers_loop(sweep())
    return timing
