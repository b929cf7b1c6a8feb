"""What a report compares: spans of one length, medians over everybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import median as exact_median

from hypothesis import given
from hypothesis import strategies as some

from core.ledger.credits import Credits
from core.metering.boost_report import DailyUsage, Phase, ReportSpan, median, spans_of, usage_of

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = START + 31 * DAY


def test_before_the_start_there_is_nothing_to_compare() -> None:
    assert spans_of(START, END, START - DAY) == spans_of(START, END, START) == {}


def test_while_it_runs_the_time_it_has_run_is_compared_with_as_long_before() -> None:
    spans = spans_of(START, END, START + 10 * DAY)

    assert spans == {
        Phase.BEFORE: ReportSpan(START - 10 * DAY, START),
        Phase.DURING: ReportSpan(START, START + 10 * DAY),
    }


def test_on_the_day_it_ended_the_whole_boost_is_compared() -> None:
    spans = spans_of(START, END, END + timedelta(hours=5))

    assert spans == {Phase.BEFORE: ReportSpan(START - 31 * DAY, START), Phase.DURING: ReportSpan(START, END)}


def test_while_the_time_after_grows_the_end_of_the_boost_is_compared_with_it() -> None:
    spans = spans_of(START, END, END + 10 * DAY)

    assert spans == {
        Phase.BEFORE: ReportSpan(START - 10 * DAY, START),
        Phase.DURING: ReportSpan(END - 10 * DAY, END),
        Phase.AFTER: ReportSpan(END, END + 10 * DAY),
    }


def test_long_after_all_three_spans_have_the_length_of_the_boost() -> None:
    spans = spans_of(START, END, END + 300 * DAY)

    assert spans[Phase.DURING] == ReportSpan(START, END)
    assert spans[Phase.AFTER] == ReportSpan(END, END + 31 * DAY)


@given(now=some.datetimes(datetime(2026, 10, 1), datetime(2027, 12, 31), timezones=some.just(UTC)))  # noqa: DTZ001
def test_the_spans_are_always_equally_long_and_never_in_the_future(now: datetime) -> None:
    spans = spans_of(START, END, now)

    assert len({span.ends_at - span.begins_at for span in spans.values()}) <= 1
    assert all(span.begins_at < span.ends_at <= now for span in spans.values())


@given(some.lists(some.integers(0, 10**15), min_size=1))
def test_the_median_is_the_middle_rounded_down(amounts: list[int]) -> None:
    assert median(map(Credits, amounts)).micros == int(exact_median(sorted(amounts)) // 1)


def test_who_used_nothing_counts_in_the_median_and_not_as_active() -> None:
    used = {1: DailyUsage(3, Credits.of(10)), 2: DailyUsage(1, Credits.of(4))}

    phase = usage_of(Phase.DURING, [1, 2, 3], used)

    assert (phase.requests, phase.total, phase.median, phase.active) == (4, Credits.of(14), Credits.of(4), 2)
