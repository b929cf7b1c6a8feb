"""Settling due gifts, notices included: alone, and beside callers who take half of what the ledger can do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Trio
from benchmarks.callers import concurrently, in_batches, on_the_servers_loop, steadily
from benchmarks.harness import Bar, Result, Timing, compare, measured, middle, preparation_kept_aside, quiet_disk, rates
from benchmarks.raw import RawBatch
from benchmarks.rows.transfers import BATCH, CALLERS
from core.ledger.commands import Command, Receipt
from core.services.common.ledger_service import LedgerService
from core.services.gifts.settlement import settle_due
from core.services.gifts.settlement_commands import Settle
from core.store.journal.queue import BESIDE_CALLERS_PER_SECOND
from tests.support.clock import SettableClock

ALONE: Final = 5_000.0  # a second
BESIDE: Final = 500.0
SLOWER: Final = 2.0  # how much the callers' p99 may grow
SETTLEMENT: Final = timedelta(hours=24)  # how long a gift waits
_APART: Final = timedelta(minutes=1)  # between the gifts of one turn and the next
_MORE: Final = 6  # how many times as many callers there may be as the turns should need


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
    """Sweeps beside a steady stream of new gifts at half the rate that 256 callers reach; in turns with it alone."""
    clock = SettableClock()
    due_from = clock() + SETTLEMENT
    with bench.ledger(clock=clock) as ledger:
        for _ in range(1 + bench.size.rounds):
            in_batches(ledger, bench.town.gifts(bench.size.due_at_once), BATCH)
            clock.advance(_APART)
        concurrently(ledger, bench.town.gifts(bench.size.transfers // 2), CALLERS)
        most = concurrently(ledger, bench.town.gifts(bench.size.transfers), CALLERS).rate
        clock.advance(due_from - _APART / 2 - clock())
        turns = on_the_servers_loop(_in_turns(bench, ledger, clock, most / 2))
    share = f"callers at half load, {most / 2:,.0f} a second"
    swept = median(turn.sweep.rate for turn in turns)
    yield Result(f"settling beside {share}", bench.kind, ours=swept, bar=BESIDE, bar_is=Bar.OURS_AT_LEAST)
    p99s = [(turn.alone.p99_ms, turn.beside.p99_ms) for turn in turns]
    yield Result(
        "p99 of callers at half load while settling (baseline: in turns with it)",
        bench.kind,
        ours=median(during for _, during in p99s),
        baseline=median(before for before, _ in p99s),
        ratio=median(during / before for before, during in p99s),
        bar=SLOWER,
        bar_is=Bar.RATIO_AT_MOST,
        unit="ms",
        p50_ms=middle([turn.beside for turn in turns], 0.5),
        p99_ms=median(during for _, during in p99s),
    )


class _Turn(NamedTuple):
    """The callers alone and beside a sweep, and the sweep."""

    alone: Timing
    beside: Timing
    sweep: Timing


async def _in_turns(bench: Bench, ledger: LedgerService, clock: SettableClock, rate: float) -> list[_Turn]:
    """Let the callers go on as long alone as a sweep should take, then beside one, in turns; the first do not count."""
    seconds = bench.size.due_at_once / BESIDE_CALLERS_PER_SECOND
    turns = 1 + bench.size.rounds
    commands = iter(bench.town.gifts(int(rate * seconds * turns * _MORE)))
    found: list[_Turn] = []
    quiet_disk()
    with preparation_kept_aside():
        for _ in range(turns):
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(seconds, stop.set)
            alone = await steadily(ledger, commands, rate, stop)
            clock.advance(_APART)
            found.append(_Turn(alone, *await _while_settling(ledger, commands, rate, bench.size.due_at_once)))
    return found[1:]


async def _while_settling(
    ledger: LedgerService, commands: Iterator[Command], rate: float, due: int
) -> tuple[Timing, Timing]:
    stop, sweep = asyncio.Event(), Timing(count=due)
    callers = asyncio.create_task(steadily(ledger, commands, rate, stop))
    with measured(sweep):
        swept = await settle_due(ledger)
    stop.set()
    assert swept.done == due, f"{swept.done} of {due} were settled"
    return await callers, sweep


def _make_due(bench: Bench, trio: Trio, clock: SettableClock) -> list[RawBatch]:
    """Make gifts on all three, let their time pass, and return the raw rows of their settlement."""
    gifts = bench.town.gifts(bench.size.due_gifts)
    made, receipts = trio.scribe.carry_out(gifts, BATCH)
    trio.raw.write(made)
    in_batches(trio.ledger, gifts, BATCH)
    clock.advance(SETTLEMENT + _APART)
    return trio.scribe.rows_of(_settlements(bench, receipts), BATCH)


def _settlements(bench: Bench, receipts: Sequence[Receipt]) -> list[Settle]:
    return [Settle(bench.town.big, receipt.first_id) for receipt in receipts]


def _sweep(ledger: LedgerService, due: int) -> Timing:
    timing = Timing(count=due)

    async def sweep() -> None:
        with measured(timing):
            swept = await settle_due(ledger)
        assert swept.done == due, f"{swept.done} of {due} were settled"

    on_the_servers_loop(sweep())
    return timing
