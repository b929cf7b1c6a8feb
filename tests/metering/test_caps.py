"""Caps: whose counts, from when on, and over which span of time (S5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.credits import ZERO, Credits
from core.metering.caps import Cap, Period, Span, in_force, period_of, starts_at
from core.metering.evaluate import pay, spendable
from tests.support.lots import ADA, ADAS, DAY, INSTANT, NOW, a_position
from tests.support.spending import NEW_POOL, NEW_TEAM, OLD_POOL, OLD_TEAM, ORG, a_cap, a_spender

TEAMS = (OLD_TEAM, NEW_TEAM)
ABSENT = "absent"


def counting(caps: list[Cap], now: datetime = NOW) -> dict[str, str | None]:
    """Return the amount that counts for Ada by meter; None is unlimited."""
    chosen = in_force(caps, member_id=ADA, team_ids=TEAMS, org_id=ORG, now=now)
    return {cap.meter: None if cap.amount is None else str(cap.amount) for cap in chosen}


@pytest.mark.parametrize(
    ("own", "old_team", "new_team", "everybody", "counts"),
    [
        (ABSENT, ABSENT, ABSENT, ABSENT, ABSENT),
        (ABSENT, ABSENT, ABSENT, "50", "50"),
        (ABSENT, "80", ABSENT, "50", "80"),
        (ABSENT, "80", "20", "50", "20"),
        (ABSENT, None, ABSENT, "50", None),
        (ABSENT, None, "20", "50", "20"),
        (ABSENT, None, None, "50", None),
        (ABSENT, "0", None, "50", "0"),
        ("90", "80", "20", "50", "90"),
        ("10", "80", "20", "50", "10"),
        (None, "80", "0", "50", None),
        ("0", None, None, None, "0"),
    ],
)
def test_ones_own_row_comes_before_the_most_restrictive_team_and_that_before_the_organization(
    own: str | None, old_team: str | None, new_team: str | None, everybody: str | None, counts: str | None
) -> None:
    """S5: absent inherits, null is unlimited, "0" is blocked."""
    rows = {ADA: own, OLD_TEAM: old_team, NEW_TEAM: new_team, ORG: everybody}
    caps = [a_cap(amount, subject_id=subject) for subject, amount in rows.items() if amount != ABSENT]

    assert counting(caps).get("cap:day", ABSENT) == counts


def test_a_row_that_inherits_is_as_if_there_were_none() -> None:
    """S5: it takes back what was set before it, once it has begun."""
    own, everybodys = a_cap("5"), a_cap("9", subject_id=ORG)
    ended = replace(a_cap(None, created_at=NOW, from_at=NOW), inherits=True)
    later = replace(ended, from_at=NOW + DAY)

    def counts(*caps: Cap) -> list[Cap]:
        return in_force(caps, member_id=ADA, team_ids=(), org_id=ORG, now=NOW)

    assert counts(own, everybodys, ended) == [everybodys]
    assert counts(own, ended) == []
    assert counts(own, everybodys, later) == [own]


def test_somebody_elses_row_counts_for_nobody_here() -> None:
    assert counting([a_cap("5", subject_id=99)]) == {}


def test_each_period_and_each_pool_is_resolved_by_itself() -> None:
    caps = [
        a_cap("5", period=Period.DAY),
        a_cap("3", subject_id=ORG, period=Period.DAY),
        a_cap("70", subject_id=ORG, period=Period.MONTH),
        a_cap("9", pool_id=OLD_TEAM, subject_id=OLD_TEAM, period=Period.WEEK),
    ]

    assert counting(caps) == {"cap:day": "5", "cap:month": "70", f"pool:{OLD_TEAM}:week": "9"}


def test_what_was_set_last_counts_among_what_has_begun() -> None:
    """S5: a lowering that waits is undone by a raise that comes before it begins."""
    old = a_cap("100", created_at=NOW - 2 * DAY)
    lowered = a_cap("50", from_at=NOW + DAY, created_at=NOW - DAY)
    raised = a_cap("200", from_at=NOW, created_at=NOW)

    assert counting([old, lowered], NOW) == {"cap:day": "100"}
    assert counting([old, lowered], NOW + DAY - INSTANT) == {"cap:day": "100"}
    assert counting([old, lowered], NOW + DAY) == {"cap:day": "50"}
    assert counting([raised, lowered, old], NOW + DAY) == {"cap:day": "200"}


@pytest.mark.parametrize(
    ("new", "old", "waits"),
    [
        ("200", "100", False), ("100", "100", False), ("50", "100", True), ("50", None, True), (None, "100", False),
        (None, None, False), ("0", "100", False), ("0", None, False), ("5", "0", False), ("0", "0", False),
    ],
)  # fmt: skip
def test_raising_and_blocking_act_at_once_and_lowering_at_the_next_window(
    new: str | None, old: str | None, *, waits: bool
) -> None:
    """S5."""
    amounts = [None if each is None else Credits.parse(each) for each in (new, old)]

    for period in Period:
        expected = period_of(period, NOW).closes_at if waits else NOW
        assert starts_at(*amounts, period, NOW) == expected


@pytest.mark.parametrize(
    ("period", "now", "opens_at", "closes_at"),
    [
        (Period.DAY, "2026-11-20T12:00:00", "2026-11-20", "2026-11-21"),
        (Period.DAY, "2026-12-31T23:59:59.999999", "2026-12-31", "2027-01-01"),
        (Period.WEEK, "2026-11-16T00:00:00", "2026-11-16", "2026-11-23"),
        (Period.WEEK, "2026-11-22T23:59:59", "2026-11-16", "2026-11-23"),
        (Period.WEEK, "2027-01-01T00:00:00", "2026-12-28", "2027-01-04"),
        (Period.MONTH, "2028-02-29T23:59:59", "2028-02-01", "2028-03-01"),
        (Period.MONTH, "2026-12-31T00:00:00", "2026-12-01", "2027-01-01"),
        (Period.MONTH, "2026-01-31T00:00:00", "2026-01-01", "2026-02-01"),
    ],
)
def test_periods_follow_the_calendar_in_utc(period: Period, now: str, opens_at: str, closes_at: str) -> None:
    instants = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, opens_at, closes_at)]

    assert period_of(period, instants[0]) == Span(*instants[1:])


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    period=st.sampled_from(Period),
)
def test_periods_follow_one_another_without_a_gap(now: datetime, period: Period) -> None:
    span = period_of(period, now)

    assert span.opens_at <= now < span.closes_at
    assert period_of(period, span.closes_at).opens_at == span.closes_at
    assert period_of(period, span.closes_at - INSTANT) == span
    assert span.closes_at - span.opens_at <= timedelta(days=31)


def test_a_blocked_person_spends_nothing_of_lots_and_pools() -> None:
    spender = a_spender({ADAS: [a_position("10")], OLD_POOL: [a_position("10")]}, [a_cap("0")])

    assert spendable(spender.at(NOW)) == ZERO


def test_a_cap_on_a_pool_leaves_the_wallet_and_other_pools_alone() -> None:
    """S5: a pool's draw has a cap of its own for each member."""
    held = {ADAS: [a_position("10")], OLD_POOL: [a_position("20")], NEW_POOL: [a_position("30")]}
    facts = a_spender(held, [a_cap("4", pool_id=OLD_TEAM)]).at(NOW)

    assert spendable(facts) == Credits.of(44)
    assert [(take.account, str(take.amount)) for take in pay(facts, Credits.of(44)).draws] == [
        (ADAS, "10"),
        (OLD_POOL, "4"),
        (NEW_POOL, "30"),
    ]
