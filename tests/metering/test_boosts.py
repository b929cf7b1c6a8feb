"""Boosts: the largest counts, never the product; limits are multiplied exactly (S6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.ledger.credits import Credits
from core.metering.boosts import Boost, Factor, Stage, in_force, next_change, next_stage_at, stage_due, stages_of

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def a_boost(number: int = 1, factor: str = "10", *, start: int = 0, days: int = 31, campaign: int | None = 9) -> Boost:
    starts_at = NOON + start * DAY
    ends_at = starts_at + days * DAY
    multiplier = Factor.parse(factor)
    return Boost(1, number, 11, multiplier, starts_at, ends_at, campaign, 5, NOON, Stage.NOTHING, starts_at)


@pytest.mark.parametrize("text", ["10", "1.5", "2.125", "1000", "1.001"])
def test_a_factor_is_read_exactly_and_written_as_it_was(text: str) -> None:
    assert str(Factor.parse(text)) == text


@pytest.mark.parametrize("text", ["1", "0.5", "0", "1000.001", "-2", "1e3", "10x", "1.0001", "", "١٠", " 10"])
def test_what_is_no_multiplier_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a factor is"):
        Factor.parse(text)


@given(micros=some.integers(0, 10**15), thousandths=some.integers(1_001, 1_000_000))
def test_a_limit_is_multiplied_as_decimals_would_be_and_never_rounded_up(micros: int, thousandths: int) -> None:
    exact = Decimal(micros) * Decimal(thousandths) / 1000

    assert Factor(thousandths).apply(Credits(micros)).micros == int(exact.to_integral_value("ROUND_FLOOR"))


def test_ten_times_a_whole_limit_is_exact() -> None:
    assert a_boost().apply(Credits.parse("123.456789")) == Credits.parse("1234.56789")


def test_of_overlapping_boosts_the_largest_counts_and_never_the_product() -> None:
    small, large = a_boost(1, "2"), a_boost(2, "10", start=5, days=3)

    assert in_force([small, large], NOON) == small
    assert in_force([small, large], NOON + 6 * DAY) == large
    assert in_force([small, large], NOON + 8 * DAY) == small


def test_a_boost_begins_at_its_start_and_is_over_at_its_end() -> None:
    boost, instant = a_boost(), timedelta(microseconds=1)

    assert in_force([boost], boost.starts_at - instant) is None
    assert in_force([boost], boost.starts_at) == boost
    assert in_force([boost], boost.ends_at - instant) == boost
    assert in_force([boost], boost.ends_at) is None


def test_of_equal_boosts_that_which_lasts_longest_counts() -> None:
    short, long = a_boost(1, days=3), a_boost(2, days=9)

    assert in_force([short, long], NOON) == in_force([long, short], NOON) == long


def test_the_next_change_is_when_another_boost_counts() -> None:
    small, large = a_boost(1, "2", start=1, days=30), a_boost(2, "10", start=5, days=3)

    assert next_change([small, large], NOON) == small.starts_at
    assert next_change([small, large], small.starts_at) == large.starts_at
    assert next_change([small, large], large.starts_at) == large.ends_at
    assert next_change([small, large], small.ends_at) is None


def test_what_a_larger_boost_covers_is_no_change() -> None:
    hidden, large = a_boost(1, "2", start=1, days=2), a_boost(2, "10", days=9)

    assert next_change([hidden, large], NOON) == large.ends_at


def test_a_boost_is_told_at_its_start_seven_three_and_one_day_before_its_end_at_the_end_and_a_day_after() -> None:
    boost = a_boost(days=31)
    days = [0, 24, 28, 30, 31, 32]

    assert [instant for instant, _ in stages_of(boost)] == [boost.starts_at + day * DAY for day in days]
    assert [stage for _, stage in stages_of(boost)] == list(Stage)[1:]


def test_a_short_boost_leaves_out_the_days_before_its_start() -> None:
    stages = [stage for _, stage in stages_of(a_boost(days=3))]

    assert stages == [Stage.STARTED, Stage.ONE_DAY, Stage.ENDED, Stage.FEEDBACK]


def test_only_a_campaign_asks_what_it_was_worth() -> None:
    assert stages_of(a_boost(campaign=None))[-1][1] is Stage.ENDED


def test_of_several_missed_stages_only_the_newest_is_due() -> None:
    boost = replace(a_boost(days=31), told=Stage.STARTED)
    late = boost.ends_at - DAY + timedelta(hours=2)

    assert stage_due(boost, late) is Stage.ONE_DAY
    assert next_stage_at(boost, Stage.ONE_DAY) == boost.ends_at
    assert next_stage_at(boost, Stage.FEEDBACK) is None
