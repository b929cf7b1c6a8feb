"""Windows of allowances: when each opens and closes, which plan counts, when a threshold is reached (S5, S6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.credits import ZERO, Credits
from core.metering.allowances import (
    FIVE_HOURS,
    MONTHLY,
    WEEKLY,
    PlanAssignment,
    assignment_in_force,
    threshold_reached,
    window_at,
)
from core.metering.caps import Span
from tests.support.lots import ADA, DAY, INSTANT, NOW
from tests.support.spending import ORG, a_boost, a_plan, a_seat, a_spender, a_window

HOUR = timedelta(hours=1)
WEEK = 7 * DAY
moments = st.datetimes(datetime(2020, 1, 1), datetime(2032, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 5 hours.


def test_a_window_of_5_hours_opens_with_its_first_use_and_lasts_5_hours() -> None:
    """S6."""
    assert window_at(FIVE_HOURS, [], NOW - 100 * DAY, NOW) == Span(NOW, NOW + 5 * HOUR)


def test_an_open_window_of_5_hours_stays_where_it_is_until_it_closes() -> None:
    opened = a_window(FIVE_HOURS, "3", opens_at=NOW, closes_at=NOW + 5 * HOUR)

    for moment in (NOW, NOW + HOUR, NOW + 5 * HOUR - INSTANT):
        assert window_at(FIVE_HOURS, [opened], NOW, moment) == opened
    for moment in (NOW + 5 * HOUR, NOW + 9 * DAY):
        assert window_at(FIVE_HOURS, [opened], NOW, moment) == Span(moment, moment + 5 * HOUR)


def test_until_it_is_opened_nobody_can_say_when_it_resets() -> None:
    fresh, opened = a_spender(records=[a_plan("5"), a_seat()]), a_window(FIVE_HOURS, "2", opens_at=NOW - HOUR)

    assert [limit.is_open for limit in fresh.allowance(NOW)] == [False]
    assert [limit.is_open for limit in a_spender(records=[a_plan("5"), a_seat(), opened]).allowance(NOW)] == [True]


# Weeks.


def test_weeks_are_counted_from_the_anchor_to_the_instant() -> None:
    anchor = at("2026-11-18T09:30:00")

    assert window_at(WEEKLY, [], anchor, anchor) == Span(anchor, anchor + WEEK)
    assert window_at(WEEKLY, [], anchor, anchor + WEEK - INSTANT) == Span(anchor, anchor + WEEK)
    assert window_at(WEEKLY, [], anchor, anchor + WEEK) == Span(anchor + WEEK, anchor + 2 * WEEK)


@pytest.mark.parametrize("change", ["2026-03-29T01:00:00", "2026-10-25T01:00:00", "2026-11-01T06:00:00"])
def test_clocks_that_change_for_summer_move_no_window(change: str) -> None:
    """S6: time zones are for display; a week has 168 hours, a window of 5 hours has 5."""
    anchor = at(change) - 3 * DAY
    week, hours = (window_at(meter, [], anchor, at(change)) for meter in (WEEKLY, FIVE_HOURS))

    assert week == Span(anchor, anchor + 168 * HOUR)
    assert hours == Span(at(change), at(change) + 5 * HOUR)


# Months.


@pytest.mark.parametrize(
    ("anchor", "now", "opens_at", "closes_at"),
    [
        ("2026-01-15T08:00:00", "2026-01-15T08:00:00", "2026-01-15T08:00:00", "2026-02-15T08:00:00"),
        ("2026-01-15T08:00:00", "2026-02-15T07:59:59", "2026-01-15T08:00:00", "2026-02-15T08:00:00"),
        ("2026-01-31T08:00:00", "2026-02-27T00:00:00", "2026-01-31T08:00:00", "2026-02-28T08:00:00"),
        ("2026-01-31T08:00:00", "2026-02-28T08:00:00", "2026-02-28T08:00:00", "2026-03-31T08:00:00"),
        ("2026-01-31T08:00:00", "2026-04-30T08:00:00", "2026-04-30T08:00:00", "2026-05-31T08:00:00"),
        ("2027-12-30T00:00:00", "2028-02-29T00:00:00", "2028-02-29T00:00:00", "2028-03-30T00:00:00"),
        ("2028-02-29T12:00:00", "2029-02-28T12:00:00", "2029-02-28T12:00:00", "2029-03-29T12:00:00"),
        ("2028-02-29T12:00:00", "2032-02-29T12:00:00", "2032-02-29T12:00:00", "2032-03-29T12:00:00"),
        ("2026-10-31T23:59:59", "2026-12-31T23:59:59", "2026-12-31T23:59:59", "2027-01-31T23:59:59"),
        ("2026-10-31T23:59:59", "2027-01-01T00:00:00", "2026-12-31T23:59:59", "2027-01-31T23:59:59"),
    ],
)
def test_months_begin_on_the_anchors_day_or_on_the_last_day_of_a_shorter_month(
    anchor: str, now: str, opens_at: str, closes_at: str
) -> None:
    assert window_at(MONTHLY, [], at(anchor), at(now)) == Span(at(opens_at), at(closes_at))


@given(
    anchor=moments, later=st.timedeltas(timedelta(0), timedelta(days=2_000)), meter=st.sampled_from([WEEKLY, MONTHLY])
)
def test_windows_follow_one_another_without_a_gap(anchor: datetime, later: timedelta, meter: str) -> None:
    """Whenever one asks, the window that one is in has begun and not ended, and the next begins where it ends."""
    now = anchor + later
    window = window_at(meter, [], anchor, now)
    following = window_at(meter, [], anchor, window.closes_at)
    before = window_at(meter, [], anchor, window.opens_at - INSTANT) if window.opens_at > anchor else None

    assert window.opens_at <= now < window.closes_at
    assert following.opens_at == window.closes_at
    assert before is None or before.closes_at == window.opens_at
    assert window.closes_at - window.opens_at <= timedelta(days=31)


# Plans.


def test_ones_own_seat_comes_before_everybodys_and_the_newest_that_has_begun_counts() -> None:
    everybody = a_seat(1, member_id=ORG)
    old, new, coming = a_seat(2), a_seat(3, from_at=NOW), a_seat(4, from_at=NOW + INSTANT)
    seats = [coming, everybody, new, old]

    assert assignment_in_force(seats, ADA, NOW) == new
    assert assignment_in_force(seats, ADA, NOW - INSTANT) == old
    assert assignment_in_force(seats, ADA, NOW + INSTANT) == coming
    assert assignment_in_force([everybody], ADA, NOW) == everybody
    assert assignment_in_force([], ADA, NOW) is None


def test_a_seat_that_was_ended_leaves_what_everybody_has() -> None:
    everybody, ended = a_seat(1, member_id=ORG), a_seat(None, from_at=NOW)

    assert assignment_in_force([everybody, a_seat(2), ended], ADA, NOW) == everybody
    assert a_spender(records=[a_plan("5"), ended]).allowance(NOW) == ()


def test_nobody_without_a_plan_has_an_allowance() -> None:
    assert a_spender(records=[a_plan("5")]).allowance(NOW) == ()


def test_a_plan_has_only_the_windows_it_names_the_shortest_first() -> None:
    limits = a_spender(records=[a_plan(monthly="90", five_hours="5"), a_seat()]).allowance(NOW)

    assert [(limit.meter, str(limit.limit), limit.used) for limit in limits] == [
        ("5h", "5", ZERO),
        ("monthly", "90", ZERO),
    ]


def test_a_change_of_plan_keeps_the_windows_and_what_was_used() -> None:
    """S6: weeks stay where the anchor put them."""
    week = a_window(WEEKLY, "40", opens_at=NOW - DAY, closes_at=NOW + 6 * DAY)
    larger = PlanAssignment(ORG, ADA, NOW, 99, NOW - DAY)
    records = [
        a_plan(weekly="50"),
        a_seat(),
        week,
        larger,
        type(a_plan())(ORG, 99, "Max", None, Credits.of(200), None, NOW),
    ]
    before, after = a_spender(records=records).allowance(NOW - INSTANT), a_spender(records=records).allowance(NOW)

    assert [(each.headroom, each.closes_at) for each in before] == [(Credits.of(10), NOW + 6 * DAY)]
    assert [(each.headroom, each.closes_at) for each in after] == [(Credits.of(160), NOW + 6 * DAY)]


# Boosts.


def test_a_boost_multiplies_every_window_and_moves_none() -> None:
    """S6: at its end limits fall at once, and what is left is never below nothing."""
    week = a_window(WEEKLY, "40", opens_at=NOW - DAY, closes_at=NOW + 6 * DAY)
    records = [a_plan("5", "30"), a_seat(), week, a_boost("10", ends_at=NOW + DAY)]
    spender = a_spender(records=records)

    assert [(each.limit, each.headroom) for each in spender.allowance(NOW)] == [
        (Credits.of(50), Credits.of(50)),
        (Credits.of(300), Credits.of(260)),
    ]
    assert [(each.limit, each.headroom) for each in spender.allowance(NOW + DAY)] == [
        (Credits.of(5), Credits.of(5)),
        (Credits.of(30), ZERO),
    ]
    assert [spender.allowance(moment)[1].closes_at for moment in (NOW, NOW + DAY)] == [NOW + 6 * DAY] * 2


def test_of_several_boosts_the_largest_counts_and_never_the_product() -> None:
    records = [a_plan("5"), a_seat(), a_boost("2"), a_boost("10", subject_id=ORG), a_boost("3", subject_id=21)]

    assert a_spender(records=records).allowance(NOW)[0].limit == Credits.of(50)


# Thresholds.


@pytest.mark.parametrize(
    ("used", "limit", "percent"),
    [
        ("7.499999", "10", 0), ("7.5", "10", 75), ("8.999999", "10", 75), ("9", "10", 90), ("9.999999", "10", 90),
        ("10", "10", 100), ("25", "10", 100), ("0.000003", "0.000004", 75), ("5", "0", 0), ("5", None, 0),
    ],
)  # fmt: skip
def test_a_threshold_is_reached_to_the_micro_credit(used: str, limit: str | None, percent: int) -> None:
    """S5: 75, 90 and 100 percent; where nothing is limited, or nothing allowed, there is none."""
    allowed = None if limit is None else Credits.parse(limit)

    assert threshold_reached(Credits.parse(used), allowed) == percent
