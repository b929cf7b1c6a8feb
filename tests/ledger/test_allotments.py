"""The calendar of a monthly allotment: which runs are due, and until when their lots last (S9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.allotments import MAX_LASTS, Allotment, first_run
from core.ledger.credits import Credits
from tests.support.lots import ADAS

INSTANT = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def an_allotment(day: int = 31, start: str = "2026-01-05", *, lasts: int = 1) -> Allotment:
    first = first_run(day, at(start))
    return Allotment(1, 9, ADAS, Credits.of(100), day, lasts, True, first, first, at(start))


def test_a_day_that_a_month_does_not_have_is_its_last_day() -> None:
    allotment = an_allotment(31)

    days = [allotment.at(run).strftime("%m-%d") for run in range(1, 8)]
    assert days == ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31"]
    assert an_allotment(30, "2028-01-01").at(2) == at("2028-02-29")


def test_the_first_run_is_at_the_start_or_after_it() -> None:
    assert first_run(1, at("2026-12-01")) == at("2026-12-01")
    assert first_run(1, at("2026-12-01") + INSTANT) == at("2027-01-01")
    assert first_run(31, at("2026-02-10")) == at("2026-02-28")


def test_nothing_is_due_an_instant_before_and_all_of_it_at_the_instant() -> None:
    allotment = an_allotment(15)

    assert list(allotment.due(at("2026-01-15") - INSTANT)) == []
    assert list(allotment.due(at("2026-01-15"))) == [1]


def test_after_a_standstill_only_runs_that_still_help_are_due() -> None:
    """The lots of the months before have lapsed; nobody is given what is unusable."""
    standstill = at("2026-06-20")

    assert list(an_allotment(15, lasts=1).due(standstill)) == [6]
    assert list(an_allotment(15, lasts=3).due(standstill)) == [4, 5, 6]
    assert list(replace(an_allotment(15, lasts=3), passed=5, next_at=at("2026-06-15")).due(standstill)) == [6]


def test_a_lot_lapses_at_a_run_however_late_it_is_granted() -> None:
    allotment = an_allotment(31)

    assert allotment.lapses_at(1) == at("2026-02-28")
    assert replace(allotment, lasts=2).lapses_at(1) == at("2026-03-31")


def test_what_has_ended_is_never_due() -> None:
    assert list(replace(an_allotment(15), ended_at=at("2026-01-20")).due(at("2026-06-20"))) == []


@given(st.integers(1, 31), st.integers(1, MAX_LASTS), st.lists(st.integers(0, 900), min_size=1, max_size=20))
def test_however_often_one_looks_each_run_is_due_once_and_in_order(day: int, lasts: int, gaps: list[int]) -> None:
    """Looked at after any standstills: every run that was alive at some look is granted exactly once."""
    allotment, now = an_allotment(day, lasts=lasts), at("2026-01-05")
    granted: list[int] = []
    alive: set[int] = set()
    for gap in gaps:
        now += timedelta(hours=gap * 7)
        runs = range(1, 600)
        alive |= {run for run in runs if allotment.at(run) <= now < allotment.lapses_at(run)}
        for run in allotment.due(now):
            granted.append(run)
            allotment = replace(allotment, passed=run, next_at=allotment.at(run + 1))

    assert granted == sorted(alive)


@pytest.mark.parametrize("day", [1, 28, 29, 30, 31])
def test_the_runs_of_ten_years_are_one_a_month(day: int) -> None:
    allotment = an_allotment(day, "2027-03-01")
    months = [(moment.year, moment.month) for moment in map(allotment.at, range(1, 121))]

    assert len(set(months)) == 120
    assert months == sorted(months)
