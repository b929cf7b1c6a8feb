"""Replaying a file of requests: every request once, to the micro-credit, or a clear refusal before any."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.metering.boosts import Factor
from core.services.allowances import plans
from core.services.boosts import boosts
from core.services.people.members import add_member
from tests.support.replays import Terminal, decimal_cost, open_house, settled_house, some_requests, write_requests


@pytest.fixture
def terminal(sqlite_url: str, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal on a house of three without funds, for what does not depend on the kind of database."""
    with open_house(sqlite_url) as ledger:
        yield Terminal(asyncio.run(settled_house(ledger)), tmp_path)


@pytest.fixture
def either_terminal(database_url: str, tmp_path: Path) -> Iterator[Terminal]:
    """The same; the test runs once on each kind."""
    with open_house(database_url) as ledger:
        yield Terminal(asyncio.run(settled_house(ledger)), tmp_path)


def test_the_total_equals_a_sum_made_with_decimal(either_terminal: Terminal) -> None:
    """S3: exact, each request rounded up once."""
    rows = some_requests(sessions=10, requests_each=30)
    either_terminal.fund_all("100000")
    tally = either_terminal.replay(rows)
    expected = sum(map(decimal_cost, rows), Decimal(0))

    assert (tally.requests, tally.charged, tally.refused) == (300, 300, 0)
    assert Decimal(str(tally.credits)) == expected
    assert (
        Decimal(either_terminal.rows("SELECT sum(amount) FROM entry WHERE account_id % 8 = 4")[0][0])
        == expected * 10**6
    )
    assert Decimal(either_terminal.rows("SELECT sum(amount) FROM usage_event")[0][0]) == expected * 10**6
    assert either_terminal.findings() == []


def test_credits_are_told_by_model(terminal: Terminal) -> None:
    rows = some_requests()
    terminal.fund_all("100000")
    tally = terminal.replay(rows)

    for model, each in tally.models.items():
        own = [row for row in rows if row[3] == model]
        assert Decimal(str(each.credits)) == sum(map(decimal_cost, own), Decimal(0))
        assert each.charged == len(own)


def test_replaying_the_same_file_again_changes_nothing(either_terminal: Terminal) -> None:
    """S4, L6: known by the file's content and session/agent/seq, wherever the file is and whatever card is in force."""
    rows = some_requests()
    either_terminal.fund_all("100000")
    either_terminal.replay(rows)
    before = either_terminal.books()
    elsewhere = write_requests(either_terminal.folder / "moved.csv", rows)

    for again in (
        either_terminal.replay(rows),
        either_terminal.replay_path(elsewhere, at=datetime(2025, 6, 1, tzinfo=UTC)),
    ):
        assert (again.duplicates, again.charged, again.refused) == (len(rows), 0, 0)
        assert str(again.credits) == "0"
    assert either_terminal.books() == before
    assert either_terminal.findings() == []


def test_a_member_who_came_later_makes_no_conflict_of_a_second_replay(terminal: Terminal) -> None:
    """The member is chosen by the replay and so no part of the event's content."""
    terminal.fund_all("100000")
    terminal.replay(some_requests())
    asyncio.run(add_member(terminal.org.ledger, actor=terminal.org.admin, name="Dan"))

    assert terminal.replay(some_requests()).duplicates == len(some_requests())


def test_another_file_is_another_source(terminal: Terminal) -> None:
    rows = some_requests()
    terminal.fund_all("100000")
    terminal.replay(rows)

    assert terminal.replay(rows[:-1]).charged == len(rows) - 1


def test_sessions_go_to_the_members_in_turn_in_the_order_they_appear(terminal: Terminal) -> None:
    terminal.fund_all("100000")
    terminal.replay(some_requests(sessions=5))
    query = "SELECT DISTINCT substr(event_id, 1, 10), member_id FROM usage_event ORDER BY 1"
    ada, bo, cleo = (terminal.org.number(member) for member in range(3))

    assert [member for _, member in terminal.rows(query)] == [ada, bo, cleo, ada, bo]


def test_bots_pay_for_nobody(terminal: Terminal) -> None:
    asyncio.run(add_member(terminal.org.ledger, actor=terminal.org.admin, name="Robot", kind="bot"))
    terminal.fund_all("100000")
    tally = terminal.replay(some_requests(sessions=8))

    assert tally.charged == tally.requests
    assert len(terminal.rows("SELECT DISTINCT member_id FROM usage_event")) == 3


def test_what_the_funds_do_not_cover_is_refused_and_counted(either_terminal: Terminal) -> None:
    """S2: only authorizations refuse; what was set aside for a request comes back when it was cheaper."""
    rows = some_requests()
    either_terminal.fund_all("20")
    tally = either_terminal.replay(rows)
    left = either_terminal.rows("SELECT sum(remaining) FROM position")[0][0]

    assert tally.charged + tally.refused == len(rows)
    assert tally.charged
    assert either_terminal.rows("SELECT count(*) FROM hold WHERE state <> 'captured'") == [(0,)]
    assert tally.refusals == {Code.INSUFFICIENT_CREDITS: tally.refused}
    assert tally.credits.micros + left == 60_000_000
    assert f"refused (insufficient_credits): {tally.refused}" in either_terminal.printed
    assert either_terminal.findings() == []


def test_after_a_grant_a_second_replay_charges_what_was_refused(terminal: Terminal) -> None:
    """L6: a refused command binds no key."""
    rows = some_requests()
    first = terminal.replay(rows)
    terminal.fund_all("100000")
    second = terminal.replay(rows)

    assert (first.charged, first.refused) == (0, len(rows))
    assert (second.charged, second.duplicates) == (len(rows), 0)


def test_with_a_plan_and_a_boost_the_books_balance_to_the_micro_credit(either_terminal: Terminal) -> None:
    """S1, S6: what was used is what the boosted plan covered, what lots paid and nothing else."""
    org, rows = either_terminal.org, some_requests()

    async def include() -> None:
        plan = await plans.create_plan(org.ledger, actor=org.admin, name="Team", weekly=Credits.parse("3.000001"))
        own_org = shown_id(Prefix.ORG, org.admin.org_id)
        await plans.give_plan(org.ledger, actor=org.admin, subject=own_org, plan_id=plan.id)
        everybody, tenfold = boosts.BoostTarget(org=own_org), Factor.parse("10")
        await boosts.grant(org.ledger, actor=org.admin, key="b", to=everybody, factor=tenfold, days=31)

    asyncio.run(include())
    either_terminal.fund_all("100000")
    tally = either_terminal.replay(rows)
    covered = either_terminal.rows("SELECT sum(allowance) FROM usage_event")[0][0]
    windows = [used for (used,) in either_terminal.rows("SELECT used FROM usage_window")]
    left = either_terminal.rows("SELECT sum(remaining) FROM position")[0][0]

    assert tally.charged == len(rows)
    assert sum(windows) == covered
    assert all(3_000_001 < used <= 30_000_010 for used in windows)
    assert tally.credits.micros == covered + 300_000_000_000 - left
    assert either_terminal.findings() == []


def test_the_card_in_force_at_the_date_rates(terminal: Terminal) -> None:
    """S3: gpt-5.6-sol cost 125 credits a million tokens until 2026-08-21, then 100."""
    row = ("trace", "0", 0, "gpt-5.6-sol", 1_000_000, 0, 0)
    terminal.fund_all("1000")

    assert str(terminal.replay([row], at=datetime(2026, 8, 20, tzinfo=UTC)).credits) == "125"
    assert str(terminal.replay([(*row[:2], 1, *row[3:])], at=datetime(2026, 8, 21, tzinfo=UTC)).credits) == "100"
    assert [card[:10] for (card,) in terminal.rows("SELECT card FROM usage_event ORDER BY transfer_id")] == [
        "2026-08-11",
        "2026-08-21",
    ]


def test_without_a_date_the_present_counts(terminal: Terminal) -> None:
    terminal.fund_all("1000")
    terminal.org.clock.now = datetime(2026, 8, 12, tzinfo=UTC)

    assert str(terminal.replay([("trace", "0", 0, "gpt-5.6-sol", 1_000_000, 0, 0)], at=None).credits) == "125"


def test_a_model_that_is_not_on_the_card_is_flagged(terminal: Terminal) -> None:
    """S3: rated at the stated fallback, never zero."""
    terminal.fund_all("1000")
    tally = terminal.replay([("trace", "0", 0, "of-next-year", 1_000_000, 0, 0)])

    assert str(tally.credits) == "125"
    assert "of-next-year *" in terminal.printed
    assert "* not on the rate card; the default rate applies" in terminal.printed
    assert [bool(flag) for (flag,) in terminal.rows("SELECT is_fallback FROM usage_event")] == [True]


def test_a_request_without_tokens_costs_nothing_and_is_still_charged_once(either_terminal: Terminal) -> None:
    rows = [("trace", "0", 0, "claude-opus-4-6", 0, 0, 0)]
    either_terminal.fund_all("10")
    tallies = either_terminal.replay(rows), either_terminal.replay(rows)

    assert [(each.charged, each.duplicates, str(each.credits)) for each in tallies] == [(1, 0, "0"), (0, 1, "0")]
    assert either_terminal.findings() == []


def test_a_small_queue_slows_a_replay_and_fails_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """L7: overloaded is answered at once, and the replay tries again."""
    with open_house(sqlite_url, queue_size=4) as ledger:
        terminal = Terminal(asyncio.run(settled_house(ledger)), tmp_path)
        terminal.fund_all("100000")
        tally = terminal.replay(some_requests(sessions=6, requests_each=10))

    assert (tally.charged, tally.refused) == (60, 0)


def test_a_wrong_line_anywhere_stops_the_file_before_anything_is_charged(terminal: Terminal) -> None:
    terminal.fund_all("100000")
    before = terminal.books()
    last = ("trace_9", "0", 0, "opus", 100, 101, 5)

    with pytest.raises(Refused, match="Line 50: cached_tokens"):
        terminal.replay([*some_requests(), last])
    assert terminal.books() == before
    assert not terminal.printed


def test_before_the_first_card_nothing_is_charged(terminal: Terminal) -> None:
    with pytest.raises(Refused, match="the first one is from 2025-05-14") as refused:
        terminal.replay(some_requests(), at=datetime(2025, 5, 13, tzinfo=UTC))

    assert refused.value.code is Code.INVALID_REQUEST


def test_an_unknown_organization_is_refused(terminal: Terminal) -> None:
    with pytest.raises(Refused) as refused:
        terminal.replay(some_requests(), org="org_zzz")

    assert refused.value.code is Code.NOT_FOUND


def test_an_empty_file_is_a_replay_of_nothing(terminal: Terminal) -> None:
    tally = terminal.replay([])

    assert (tally.requests, tally.per_second) == (0, 0)
    assert "total" in terminal.printed


def test_the_summary_is_told_in_plain_lines_and_no_bar_where_nobody_watches(
    terminal: Terminal, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal.fund_all("100000")
    tally = terminal.replay([("trace", "0", number, "claude-opus-4-6", 1_000_000, 0, 0) for number in range(12)])
    header, model, everything, _, last = terminal.printed.splitlines()

    assert header.split() == ["MODEL", "REQUESTS", "CHARGED", "DUPLICATES", "REFUSED", "CREDITS"]
    assert model.split() == ["claude-opus-4-6", "12", "12", "0", "0", "1,500", "cr"]
    assert everything.split() == ["total", "12", "12", "0", "0", "1,500", "cr"]
    assert last.startswith(f"rate card {tally.card}; ")
    assert last.endswith("requests per second")
    assert capfd.readouterr() == ("", "")
