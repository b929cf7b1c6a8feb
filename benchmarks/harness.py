"""Measures: rounds of ours and a baseline in turn, their medians, and the table and JSON they end in.

Both sides of a row run in the same minute on the same machine, after a warm-up that does not count, and take
turns at going first. The ratio is the median of each round's own ratio, so that a noisy minute hits both sides.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

import orjson
from rich.table import Table

Work = TypeVar("Work")


class Bar(StrEnum):
    """What a bar is about."""

    RATIO_AT_LEAST = "ratio at least"  # ours against the baseline, where more is better
    RATIO_AT_MOST = "ratio at most"  # ours against the baseline, where less is better
    OURS_AT_LEAST = "ours at least"  # the figure itself
    OURS_AT_MOST = "ours at most"  # the figure itself, where less is better

    def met(self, ours: float, ratio: float | None, bar: float) -> bool:
        tested = ours if self in _OF_OURS else ratio
        assert tested is not None, "a bar on a ratio needs a baseline"
        return tested >= bar if self in _AT_LEAST else tested <= bar


_OF_OURS: Final = frozenset({Bar.OURS_AT_LEAST, Bar.OURS_AT_MOST})
_AT_LEAST: Final = frozenset({Bar.RATIO_AT_LEAST, Bar.OURS_AT_LEAST})


@dataclass(slots=True)
class Timing:
    """One measured stretch: how many, in which time, and how long each took (in seconds)."""

    count: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time of this process for each, in micro-seconds."""
        return self.cpu_seconds / self.count * 1e6

    @property
    def median_ms(self) -> float:
        return median(self.latencies) * 1e3

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the latencies, of which there must be some."""
        found = self.percentile_ms(0.99)
        assert found is not None, "nothing was measured"
        return found

    def percentile_ms(self, share: float) -> float | None:
        """Return a percentile of the latencies in milliseconds."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A row of the table; ``cpu_us`` is our process's processor time for each transfer."""

    name: str = field(kw_only=False)
    database: str = field(kw_only=False)
    ours: float
    baseline: float | None = None
    ratio: float | None = None
    bar: float
    bar_is: Bar
    unit: str = "1/s"
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_us: float | None = None

    @property
    def met(self) -> bool:
        return self.bar_is.met(self.ours, self.ratio, self.bar)


@contextmanager
def measured(timing: Timing) -> Iterator[None]:
    """Add what the block takes."""
    with preparation_kept_aside():
        cpu, start = time.process_time(), time.perf_counter()
        yield
        timing.seconds += time.perf_counter() - start
        timing.cpu_seconds += time.process_time() - cpu


@contextmanager
def preparation_kept_aside() -> Iterator[None]:
    """Keep the rows and commands that were prepared from the garbage collector, which would walk them all."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def quiet_disk() -> None:
    """Wait until all that was written before is on the disk: a commit that meets it would wait for it too."""
    if hasattr(os, "sync"):
        os.sync()


def compare(
    rounds: int,
    prepare: Callable[[], Work],
    ours: Callable[[Work], Timing],
    baseline: Callable[[Work], Timing],
) -> list[tuple[Timing, Timing]]:
    """Run both sides on the same work in turn, ``rounds`` times after one that does not count."""
    pairs: list[tuple[Timing, Timing]] = []
    for number in range(rounds + 1):
        work = prepare()
        quiet_disk()
        if number % 2:
            mine, other = ours(work), baseline(work)
        else:
            other, mine = baseline(work), ours(work)
        pairs.append((mine, other))
    return pairs[1:]


def rates(name: str, database: str, pairs: Sequence[tuple[Timing, Timing]], bar: float) -> Result:
    """Return the row of a comparison of rates: at least ``bar`` of the baseline."""
    mine = [pair[0] for pair in pairs]
    return Result(
        name,
        database,
        ours=median(each.rate for each in mine),
        baseline=median(other.rate for _, other in pairs),
        ratio=median(mine.rate / other.rate for mine, other in pairs),
        bar=bar,
        bar_is=Bar.RATIO_AT_LEAST,
        p50_ms=middle(mine, 0.5),
        p99_ms=middle(mine, 0.99),
        cpu_us=median(each.cpu_us for each in mine),
    )


def middle(timings: Sequence[Timing], share: float) -> float | None:
    """Return the median over rounds of a percentile."""
    found = [value for each in timings if (value := each.percentile_ms(share)) is not None]
    return median(found) if found else None


def table(results: Sequence[Result]) -> Table:
    """Return the table for the terminal."""
    shown = Table(title="ours against the database itself, durable, in one run")
    shown.add_column("what", ratio=1)
    for name in ("database", "ours", "baseline", "ratio", "bar", "met", "p50 ms", "p99 ms", "CPU µs"):
        shown.add_column(name, justify="left" if name == "database" else "right", no_wrap=True)
    for each in results:
        shown.add_row(*cells(each), style=None if each.met else "red")
    return shown


def markdown(results: Sequence[Result]) -> str:
    """Return the table for the papers."""
    head = "| what | database | ours | baseline | ratio | bar | met | p50 ms | p99 ms | CPU µs |\n"
    rule = "|---|---|--:|--:|--:|--:|---|--:|--:|--:|\n"
    return head + rule + "".join(f"| {' | '.join(cells(each))} |\n" for each in results)


def cells(result: Result) -> tuple[str, ...]:
    sign = "≥" if result.bar_is in _AT_LEAST else "≤"
    bar = _figure(result.bar, result.unit) if result.bar_is in _OF_OURS else f"{result.bar:.2f}"
    return (
        result.name,
        result.database,
        _figure(result.ours, result.unit),
        "" if result.baseline is None else _figure(result.baseline, result.unit),
        "" if result.ratio is None else f"{result.ratio:.2f}",
        f"{sign} {bar}",
        "yes" if result.met else "no",
        *("" if value is None else f"{value:.1f}" for value in (result.p50_ms, result.p99_ms)),
        "" if result.cpu_us is None else f"{result.cpu_us:,.0f}",
    )


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if unit == "1/s" else f"{value:,.2f} {unit}"


def write_json(results: Sequence[Result], path: Path) -> None:
    """Write the rows, figures rounded to what a measurement can mean."""
    rows = [
        {name: round(value, 3) if isinstance(value, float) else value for name, value in _body(each).items()}
        for each in results
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _body(result: Result) -> dict[str, object]:
    return {**asdict(result), "met": result.met}
