"""What a balance, a gift and an authorization cost with ten million entries of history: as with ten thousand.

Both ledgers have the same people with the same live lots; only what lies behind them differs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import Final

from benchmarks.bench import Bench
from benchmarks.callers import concurrently
from benchmarks.fixture_data import open_town
from benchmarks.harness import Bar, Result, Timing, compare, measured, middle
from benchmarks.history import FIRST_ENTRIES, PEOPLE, live_through, multiply
from core.clock import system_clock
from core.metering.usage import Usage
from core.services.common.ledger_service import LedgerService
from core.services.usage import holds
from core.services.wallet import balances
from core.store.engine import open_engine
from tests.support.builders import an_actor
from tests.support.clock import SettableClock

DEARER: Final = 1.3
_ROUNDS: Final = 7  # they are short
_LOOKS: Final = 120
_AGO: Final = timedelta(days=60)


def grown(bench: Bench) -> Iterator[Result]:
    """Balances, gifts and authorizations, one after another, on the long and the short history in turn."""
    town = bench.town
    people = [an_actor(member, org_id=town.big) for member in town.members[town.big][:PEOPLE]]

    async def look(ledger: LedgerService, number: int) -> None:
        await balances.balance(ledger, actor=people[number % PEOPLE])

    async def authorize(ledger: LedgerService, number: int) -> None:
        usage = Usage("gpt-6-luna", input_tokens=12_000, output_tokens=2_000)
        actor = people[number % PEOPLE]
        await holds.authorize(ledger, actor=actor, key=f"growth {next(town.numbers)}", usage=usage)

    def give(ledger: LedgerService) -> Timing:
        return concurrently(ledger, [town.gifts(1, sender=number % PEOPLE)[0] for number in range(_LOOKS)], 1)

    with _short_and_long(bench) as (short, long):
        looks = compare(_ROUNDS, lambda: None, lambda _: _one_by_one(long, look), lambda _: _one_by_one(short, look))
        gifts = compare(_ROUNDS, lambda: None, lambda _: give(long), lambda _: give(short))
        asked = compare(
            _ROUNDS, lambda: None, lambda _: _one_by_one(long, authorize), lambda _: _one_by_one(short, authorize)
        )
    yield _row(bench, "balance", looks)
    yield _row(bench, "gift", gifts)
    yield _row(bench, "authorization", asked)


@contextmanager
def _short_and_long(bench: Bench) -> Iterator[tuple[LedgerService, LedgerService]]:
    with bench.a_copy() as short:
        clock = SettableClock(system_clock() - _AGO)
        ledger = open_town(short, clock=clock)
        live_through(ledger, clock, bench.town)
        ledger.close()
        with bench.a_copy(of=short) as long:
            engine = open_engine(long)
            multiply(engine, bench.size.history_entries // FIRST_ENTRIES - 1)
            engine.dispose()
            ledgers = open_town(short), open_town(long)
            try:
                yield ledgers
            finally:
                for each in ledgers:
                    each.close()


def _one_by_one(ledger: LedgerService, act: Callable[[LedgerService, int], Awaitable[None]]) -> Timing:
    timing = Timing(count=_LOOKS)

    async def all_of_them() -> None:
        for number in range(_LOOKS):
            since = time.perf_counter()
            await act(ledger, number)
            timing.latencies.append(time.perf_counter() - since)

    with measured(timing):
        asyncio.run(all_of_them())
    return timing


def _row(bench: Bench, what: str, pairs: list[tuple[Timing, Timing]]) -> Result:
    long, short = [mine for mine, _ in pairs], [other for _, other in pairs]
    ours, baseline = middle(long, 0.5), middle(short, 0.5)
    assert ours is not None
    ratios = [mine.median_ms / other.median_ms for mine, other in pairs]
    return Result(
        f"{what} with {bench.size.history_entries:,} entries of history (baseline: {FIRST_ENTRIES:,})",
        bench.kind,
        ours=ours,
        baseline=baseline,
        ratio=median(ratios),
        bar=DEARER,
        bar_is=Bar.RATIO_AT_MOST,
        unit="ms",
        p50_ms=ours,
        p99_ms=middle(long, 0.99),
        cpu_us=median(each.cpu_us for each in long),
    )
