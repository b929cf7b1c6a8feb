"""Gifts made: in batches, by many callers, all from one account, by one caller, in many organizations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from benchmarks.bench import Bench, Trio
from benchmarks.callers import concurrently, in_batches
from benchmarks.harness import Bar, Result, Timing, compare, rates
from benchmarks.raw import RawBatch
from core.ledger.commands import Command

BATCH: Final = 1_000
CALLERS: Final = 256
MARK: Final = 7_000.0  # a second: TigerBeetle's Python client with 256 tasks on this machine
Prepared = tuple[Sequence[Command], list[RawBatch]]
Make = Callable[[int], list[Command]]


def batches(bench: Bench) -> Iterator[Result]:
    with bench.trio() as trio:
        yield _in_batches(bench, trio, "batches of 1,000", bench.town.gifts)


def many_organizations(bench: Bench) -> Iterator[Result]:
    with bench.trio() as trio:
        yield _in_batches(bench, trio, "batches of 1,000, 1,000 organizations", bench.town.gifts_everywhere)
    with bench.trio() as trio:
        make = bench.town.gifts_everywhere
        yield _by_callers(bench, trio, "256 callers, 1,000 organizations", make, callers=CALLERS, bar=0.35)


def many_callers(bench: Bench) -> Iterator[Result]:
    with bench.trio() as trio:
        found = _by_callers(bench, trio, "256 callers", bench.town.gifts, callers=CALLERS, bar=0.35)
        yield found
        mark = replace(found, name="256 callers, the mark to beat", bar=MARK, bar_is=Bar.OURS_AT_LEAST)
        yield replace(mark, baseline=None, ratio=None)


def one_caller(bench: Bench) -> Iterator[Result]:
    """In a ledger that knows its people, as one does that has been open for some minutes: each round, everybody gives
    once before it counts. On PostgreSQL the scribe, which writes in the same cluster, makes it forget them.
    """
    count = max(bench.size.transfers // 10, 400)

    def prepared() -> tuple[Prepared, Prepared]:
        known = _prepare(trio, bench.town.gifts(bench.size.people), 1)
        return known, _prepare(trio, bench.town.gifts(count), 1)

    with bench.trio() as trio:
        pairs = compare(
            bench.size.rounds,
            prepared,
            lambda work: [concurrently(trio.ledger, commands, 1) for commands, _ in work][-1],
            lambda work: [trio.raw.write(rows) for _, rows in work][-1],
        )
        yield rates("one caller", bench.kind, pairs, 0.6)


def hot_account(bench: Bench) -> Iterator[Result]:
    """All from one account against the spread-out case, in the same ledger."""
    count = bench.size.transfers

    def spread(_: None) -> Timing:
        return concurrently(ledger, bench.town.gifts(count), CALLERS)

    def hot(_: None) -> Timing:
        return concurrently(ledger, bench.town.gifts(count, sender=7), CALLERS)

    with bench.ledger() as ledger:
        pairs = compare(bench.size.rounds, lambda: None, hot, spread)
    yield rates("256 callers, one hot account (baseline: spread out)", bench.kind, pairs, 0.8)


def _in_batches(bench: Bench, trio: Trio, name: str, make: Make) -> Result:
    count = max(bench.size.transfers // BATCH, 4) * BATCH
    pairs = compare(
        bench.size.rounds,
        lambda: _prepare(trio, make(count), BATCH),
        lambda work: in_batches(trio.ledger, work[0], BATCH),
        lambda work: trio.raw.write(work[1]),
    )
    return rates(name, bench.kind, pairs, 0.5)


def _by_callers(bench: Bench, trio: Trio, name: str, make: Make, *, callers: int, bar: float) -> Result:
    pairs = compare(
        bench.size.rounds,
        lambda: _prepare(trio, make(bench.size.transfers), callers),
        lambda work: concurrently(trio.ledger, work[0], callers),
        lambda work: trio.raw.write(work[1]),
    )
    return rates(name, bench.kind, pairs, bar)


def _prepare(trio: Trio, commands: Sequence[Command], size: int) -> Prepared:
    return commands, trio.scribe.rows_of(commands, size)
