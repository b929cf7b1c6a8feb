"""Several processes on one PostgreSQL: together no slower than one of them (L7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from benchmarks.bench import Bench
from benchmarks.harness import Result, Timing, compare, rates
from tests.support.writers import Writer, work, writers

PROCESSES: Final = 4
CALLERS: Final = 64  # of each process
_SECONDS: Final = 2.0


def several(bench: Bench) -> Iterator[Result]:
    """Against one process with as many callers as each has, and with as many as all of them have."""
    if bench.kind == "sqlite":  # one writer at a time by its nature
        return
    with bench.a_copy() as url, writers(url, PROCESSES) as found:
        together = _measure(bench, found, CALLERS)
        for callers in (CALLERS, CALLERS * PROCESSES):
            pairs = compare(bench.size.rounds, lambda: None, together, _measure(bench, found[:1], callers))
            yield rates(
                f"{PROCESSES} processes, {CALLERS} callers each (baseline: one, {callers} callers)",
                bench.kind,
                pairs,
                1.0,
            )


def _measure(bench: Bench, found: Sequence[Writer], callers: int) -> Callable[[None], Timing]:
    def measure(_: None) -> Timing:
        done = work(
            found,
            name=f"round {next(bench.town.numbers)}",
            org=bench.town.big,
            people=bench.town.members[bench.town.big],
            callers=callers,
            seconds=_SECONDS,
        )
        assert not any(each.refused for each in done)
        return Timing(
            count=sum(each.gifts for each in done),
            seconds=max(each.seconds for each in done),
            cpu_seconds=sum(each.cpu_seconds for each in done),
        )

    return measure
