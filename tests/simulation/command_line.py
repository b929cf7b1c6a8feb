"""Many simulated months on all cores, each chosen by its seed, or one of them step by step."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.simulation.run import STEPS, MonthError, run_month
from tests.simulation.tally import Tally, not_met, summary
from tests.support.databases import KINDS, Databases

AT_ONCE = 5  # months that one process runs before it reports
ENOUGH = 50  # months after which everything must have happened


def main() -> int:
    arguments = _arguments()
    months = partial(_months, steps=arguments.steps, database=arguments.database, show=arguments.seed is not None)
    if arguments.seed is not None:
        return _report([months([arguments.seed])], 1)
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    portions = [seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE)]
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        return _report(pool.imap_unordered(months, portions), len(seeds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many months (1000)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seed", type=int, help="only this one, and show every step")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"how long a month is ({STEPS})")
    parser.add_argument("--database", choices=KINDS, default=KINDS[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    return parser.parse_args()


def _months(seeds: list[int], *, steps: int, database: str, show: bool) -> tuple[int, Tally, list[str]]:
    """Live through some months; return how many, what happened, and how those that failed did."""
    tally, failures = Tally(), []
    with tempfile.TemporaryDirectory() as folder:
        databases = Databases(Path(folder))
        try:
            for seed in seeds:
                url = databases.fresh(database)
                try:
                    tally += run_month(url, seed, steps=steps, show=show)
                except MonthError as error:
                    failures.append(str(error))
                databases.drop(url)
        finally:
            databases.close()
    return len(seeds), tally, failures


def _report(results: Iterator[tuple[int, Tally, list[str]]] | list[tuple[int, Tally, list[str]]], wanted: int) -> int:
    """Show how far it has come, each failure as it is found, and in the end what happened."""
    started, lived, failed, tally = time.monotonic(), 0, 0, Tally()
    for number, happened, failures in results:
        lived, failed, tally = lived + number, failed + len(failures), tally + happened
        for failure in failures:
            print(f"\n{failure}\n", flush=True)
        took = time.monotonic() - started
        print(f"\r{lived} of {wanted} months, {failed} failed, {took:.0f} s", end="", file=sys.stderr, flush=True)
    print(f"\n{summary(tally)}\n")
    missing = not_met(tally) if lived >= ENOUGH else []
    print(f"{lived} months: {lived - failed} without a fault, {failed} with one")
    if missing:
        print(f"never happened: {', '.join(missing)}")
    return 1 if failed or missing else 0
