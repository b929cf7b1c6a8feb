"""``python -m benchmarks.profile``: where a batch's time goes, on the journal's own path without its thread.

Each phase is shown with the processor time of this process and with the time it waited for the database, for
each transfer; below it pyinstrument's tree of calls.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from pyinstrument import Profiler
from rich.console import Console
from rich.table import Table

from benchmarks.bench import QUICK, Bench
from benchmarks.fixture_data import Town, a_town
from benchmarks.raw import Scribe
from core.ledger.commands import Command
from core.store.journal import batch
from tests.support.databases import KINDS, Databases

ROOT: Final = Path(__file__).parents[1]
PHASES: Final = ("_allocate_ids", "_new_claims", "_decide", "append",
                 "_write_positions", "_write_changes", "_seal_batch")  # fmt: skip
WRITES: Final = ("begin", "select", "ask", "lock", "claim", "keep_claims", "insert", "add",
                 "upsert_add", "drop_empty", "assign", "notify", "commit")  # fmt: skip


class Phases:
    """Times functions of one batch, with what they call; each is wrapped while the profile runs."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return call(*arguments, **named)
            finally:
                self.wall[name] += time.perf_counter() - wall
                self.cpu[name] += time.thread_time() - cpu

        return timed

    def taken(self) -> Phases:
        """Return what was timed so far, and begin anew."""
        taken = Phases()
        taken.wall, self.wall = self.wall, taken.wall
        taken.cpu, self.cpu = self.cpu, taken.cpu
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--database", action="append", choices=KINDS)
    parser.add_argument("--size", type=int, default=1_000, help="transfers in a batch")
    parser.add_argument("--number", type=int, default=10_000, help="transfers in all")
    parser.add_argument("--tree", type=Path, help="write the calls to FILE.<database>.txt")
    options = parser.parse_args()
    (ROOT / "var").mkdir(exist_ok=True)
    for kind in options.database or KINDS:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "var") as folder:
            databases = Databases(Path(folder), durable=True)
            try:
                _profile(kind, databases, options)
            finally:
                databases.close()


def _profile(kind: str, databases: Databases, options: argparse.Namespace) -> None:
    town = a_town(people=QUICK.people, organizations=0, people_each=0)
    bench = Bench(kind, QUICK, town, databases)
    with bench.a_copy() as url:
        scribe = Scribe(url)
        scribe.carry_out(town.gifts(options.size * 2), options.size)
        batches = [town.gifts(options.size) for _ in range(max(options.number // options.size, 1))]
        phases = _quickest(scribe, batches)
        Console().print(_table(f"{kind}, the quickest batch of {options.size}", phases, options.size))
        if options.tree:
            _write_tree(scribe, town, options, options.tree.with_suffix(f".{kind}.txt"))
        scribe.close()


def _write_tree(scribe: Scribe, town: Town, options: argparse.Namespace, path: Path) -> None:
    batches = [town.gifts(options.size) for _ in range(max(options.number // options.size, 1))]
    profiler = Profiler(interval=0.0002, async_mode="disabled")
    with profiler:
        for part in batches:
            scribe.carry_out(part, options.size)
    path.write_text(profiler.output_text(show_all=True, unicode=True), encoding="utf-8")


def _quickest(scribe: Scribe, batches: Sequence[Sequence[Command]]) -> Phases:
    """Return the phases of the batch that was disturbed least by whatever else the machine does."""
    phases = Phases()
    for name in WRITES:
        setattr(scribe.driver, name, phases.wrap(f"driver.{name}", getattr(scribe.driver, name)))
    kept = {name: getattr(batch, name) for name in PHASES}
    found: list[Phases] = []
    try:
        for name, call in kept.items():
            setattr(batch, name, phases.wrap(name, call))
        for part in batches:
            phases.wrap("the batch", scribe.carry_out)(part, len(part))
            found.append(phases.taken())
    finally:
        for name, call in kept.items():
            setattr(batch, name, call)
    return min(found, key=lambda each: each.wall["the batch"])


def _table(title: str, phases: Phases, transfers: int) -> Table:
    shown = Table(title=title)
    shown.add_column("phase, with what it calls")
    for name in ("time, µs a transfer", "of it CPU of ours", "share of the time"):
        shown.add_column(name, justify="right")
    for name in sorted(phases.wall, key=lambda each: -phases.wall[each]):
        wall, cpu = phases.wall[name] / transfers * 1e6, phases.cpu[name] / transfers * 1e6
        shown.add_row(name, f"{wall:,.1f}", f"{cpu:,.1f}", f"{phases.wall[name] / phases.wall['the batch']:.0%}")
    return shown


if __name__ == "__main__":
    main()
