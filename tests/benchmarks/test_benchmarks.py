"""The benchmarks compare what they say: the raw side writes our very rows, and a long history leaves nothing behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from benchmarks.bench import Bench, Size
from benchmarks.fixture_data import a_town, open_town
from benchmarks.harness import Bar, Timing, compare, rates
from benchmarks.history import live_through, multiply
from benchmarks.raw import Raw, Scribe
from core.clock import system_clock
from core.services.wallet.verify import verify
from core.store.engine import reading
from tests.support.clock import SettableClock
from tests.support.databases import KINDS, Databases, opened

TINY = Size(1, 20, 1, 20, 20, 0, people=6, organizations=2, people_each=2)
WRITTEN = ("transfer", "entry", "position", "gift", "note", "command", "outbox", "seal", "lot")


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, databases: Databases) -> Bench:
    """A small town on each kind of database."""
    town = a_town(people=TINY.people, organizations=TINY.organizations, people_each=TINY.people_each)
    return Bench(request.param, TINY, town, databases)


def test_the_raw_side_writes_the_very_rows_that_ours_does(bench: Bench) -> None:
    with bench.a_copy() as ours, bench.a_copy() as theirs:
        scribe, raw = Scribe(ours), Raw(theirs)
        timing = raw.write(scribe.rows_of(bench.town.gifts(20) + bench.town.gifts_everywhere(5), 10))
        scribe.close()
        raw.close()

        assert timing.count == 25
        with opened(ours) as mine, opened(theirs) as other:
            for table in WRITTEN:
                assert _rows(mine, table) == _rows(other, table), table


async def test_a_long_history_leaves_positions_gifts_and_sums_as_they_were(bench: Bench) -> None:
    """Only the seals of copied transfers are not real; everything else is verified as in any ledger."""
    with bench.a_copy() as url:
        clock = SettableClock(system_clock() - timedelta(days=60))
        ledger = open_town(url, clock=clock)
        held = _rows(ledger.engine, "position")
        live_through(ledger, clock, bench.town, rounds=1)
        short = await verify(ledger)
        ledger.close()
        with opened(url) as engine:
            multiply(engine, 3)
        ledger = open_town(url)
        long = await verify(ledger)

        assert short.clean
        assert _rows(ledger.engine, "position") == held
        assert long.entries - short.entries == 3 * 6 * 8
        assert {finding.problem for finding in long.findings} == {"was put in: no seal covers it"}
        ledger.close()


def test_the_first_round_does_not_count_and_the_ratio_is_that_of_the_rounds() -> None:
    seconds = iter([(9.0, 1.0), (2.0, 1.0), (4.0, 1.0), (5.0, 1.0)])

    pairs = compare(
        3,
        lambda: next(seconds),
        lambda work: Timing(count=10, seconds=work[0]),
        lambda work: Timing(count=10, seconds=work[1]),
    )
    result = rates("a row", "sqlite", pairs, 0.3)

    assert (result.ours, result.baseline, result.ratio) == (2.5, 10.0, 0.25)
    assert not result.met


@pytest.mark.parametrize(
    ("bar", "met"),
    [(Bar.RATIO_AT_LEAST, False), (Bar.RATIO_AT_MOST, True), (Bar.OURS_AT_LEAST, True), (Bar.OURS_AT_MOST, False)],
)
def test_a_bar_is_on_the_ratio_or_on_the_figure_itself(bar: Bar, met: bool) -> None:
    assert bar.met(ours=7.0, ratio=0.5, bar=1.0) is met


def _rows(engine: Engine, table: str) -> set[tuple[str, ...]]:
    with reading(engine) as connection:
        return {tuple(map(repr, row)) for row in connection.execute(text(f"SELECT * FROM {table}"))}
