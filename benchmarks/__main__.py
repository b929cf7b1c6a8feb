"""``python -m benchmarks``: measure, print the table, write JSON."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.bench import FULL, QUICK, Bench, Size
from benchmarks.fixture_data import a_town
from benchmarks.harness import Result, markdown, table, write_json
from benchmarks.rows import authorize, backpressure, growth, rush, settling, transfers, writers
from core.server import calm_collector
from tests.support.databases import KINDS, Databases

ROOT: Final = Path(__file__).parents[1]
ROWS: Final[dict[str, Callable[[Bench], Iterator[Result]]]] = {
    "batches": transfers.batches,
    "callers": transfers.many_callers,
    "hot": transfers.hot_account,
    "one": transfers.one_caller,
    "organisations": transfers.many_organizations,
    "settling": settling.alone,
    "settling-beside": settling.beside_callers,
    "rush": rush.applications,
    "growth": growth.grown,
    "backpressure": backpressure.queue_full,
    "authorize": authorize.authorizations,
    "writers": writers.several,
}


def main() -> None:
    options = _options()
    console = Console(width=None if Console().is_terminal else 150)
    size = QUICK if options.quick else FULL
    results: list[Result] = []
    calm_collector()  # as the server does
    with _databases() as databases:
        _print_flushes(console)
        for kind in options.database or KINDS:
            for result in _measure(kind, size, databases, options.only or ROWS):
                results.append(result)
                console.print(_line(result))
    console.print(table(results))
    write_json(results, options.json)
    if options.markdown:
        options.markdown.write_text(markdown(results), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute instead of half an hour")
    parser.add_argument("--database", action="append", choices=KINDS)
    parser.add_argument("--only", action="append", choices=ROWS, help="some of the subjects")
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "latest.json")
    parser.add_argument("--markdown", type=Path, help="also write the table for the papers")
    return parser.parse_args()


def _measure(kind: str, size: Size, databases: Databases, names: Iterable[str]) -> Iterator[Result]:
    town = a_town(people=size.people, organizations=size.organizations, people_each=size.people_each)
    bench = Bench(kind, size, town, databases)
    for name in names:
        yield from ROWS[name](bench)


@contextmanager
def _databases() -> Iterator[Databases]:
    """Databases with durable settings, under ``var/``, which is on a disk where ``/tmp`` may be memory."""
    (ROOT / "var").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "var"))
    databases = Databases(folder, durable=True)
    try:
        yield databases
    finally:
        databases.close()
        shutil.rmtree(folder)


def _print_flushes(console: Console) -> None:
    """Show what one durable write costs here: what every commit waits for."""
    for folder in (ROOT / "var", Path(tempfile.gettempdir())):
        with tempfile.TemporaryFile(dir=folder) as file:
            begun = time.perf_counter()
            for _ in range(200):
                file.write(b"x" * 4096)
                file.flush()
                os.fdatasync(file.fileno())
            console.print(f"fdatasync in {folder}: {(time.perf_counter() - begun) * 5:.2f} ms")


def _line(result: Result) -> str:
    ratio = "" if result.ratio is None else f", ratio {result.ratio:.2f}"
    return f"{result.name}, {result.database}: {result.ours:,.1f} {result.unit}{ratio}"


if __name__ == "__main__":
    main()
