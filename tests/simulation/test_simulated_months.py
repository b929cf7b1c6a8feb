"""Simulated months, each decided by its seed: whatever happens in them, the invariants hold after every commit."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from core.store.engine import writing
from tests.simulation.grants import allotments
from tests.simulation.month import Month
from tests.simulation.run import MonthError, run_month
from tests.simulation.tally import Tally, not_met, summary
from tests.support.databases import Databases

ON_SQLITE = range(1, 51)
ON_POSTGRESQL = range(1, 4)


def months(databases: Databases, kind: str, seeds: range) -> Tally:
    """Live through a month for each seed. A failure names its seed and how to see it again."""
    tally = Tally()
    for seed in seeds:
        url = databases.fresh(kind)
        tally += run_month(url, seed)
        databases.drop(url)
    return tally


@pytest.mark.timeout(600)
def test_fifty_months_break_no_rule_and_leave_nothing_out(databases: Databases) -> None:
    """L1 to L10, G1 to G8, on SQLite: each kind of command, refusal, fault and point of a crash is met."""
    tally = months(databases, "sqlite", ON_SQLITE)

    assert not not_met(tally), summary(tally)


def test_some_months_break_no_rule_on_postgresql(databases: Databases) -> None:
    """Where several servers really write at once, and wait for one another's locks."""
    tally = months(databases, "postgresql", ON_POSTGRESQL)

    assert tally["waited", "for the database"]
    assert tally["commits",] > 100 * len(ON_POSTGRESQL)


def test_a_month_is_decided_by_its_seed(databases: Databases) -> None:
    """A failure found can be seen again."""
    first, again = (run_month(databases.fresh("sqlite"), 7, steps=60) for _ in range(2))

    assert first == again
    assert first != run_month(databases.fresh("sqlite"), 8, steps=60)


def test_a_broken_rule_is_told_with_its_seed_and_what_happened_last(databases: Databases) -> None:
    """A check that cannot fail is none: here somebody else puts credits into a wallet."""

    def meddle(month: Month) -> None:
        with writing(month.site.engine) as connection:
            connection.execute(text("UPDATE position SET remaining = remaining + 1"))

    with pytest.raises(MonthError, match=r"(?s)\(L3\).*last steps of seed 3.*--seed 3 --steps 50") as broken:
        run_month(databases.fresh("sqlite"), 3, steps=50, actions=[(1, meddle), (10, allotments)])

    assert "Grant(" in str(broken.value)
