"""verify finds what was done to what was spent, and names the row: events, what they left owing, windows, holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, parse_id
from core.metering.usage import Rating, Usage
from core.services.allowances import plans
from core.services.usage import hold_sweep
from core.services.usage.charge_commands import Charge
from core.services.usage.hold_commands import Authorize, Capture, Release
from core.services.wallet.verify import VerifyReport, verify
from core.store.engine import is_sqlite
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger

HOUR = timedelta(hours=1)


@pytest.fixture
async def org(database_url: str) -> AsyncIterator[SampleOrg]:
    """A house with a hold in every state, partly included in a plan, partly paid, partly owed."""
    async with _spent(database_url) as org:
        yield org


@pytest.fixture
async def sqlite_house(sqlite_url: str) -> AsyncIterator[SampleOrg]:
    """The same, where one kind of database is enough to tell."""
    async with _spent(sqlite_url) as org:
        yield org


@asynccontextmanager
async def _spent(url: str) -> AsyncIterator[SampleOrg]:
    with open_sample_ledger(url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.bo, "100")
        ten = Credits.of(10)
        plan = await plans.create_plan(ledger, actor=org.ada.actor, name="Pro", five_hours=ten, weekly=Credits.of(50))
        await plans.give_plan(ledger, actor=org.ada.actor, subject=org.bo.id, plan_id=plan.id)
        less, freed, due, late, _still_open = [await _authorize(org, str(n), 18) for n in range(5)]
        await _capture(org, less, 12)
        await org.ledger.execute(Release(*_bo(org), freed, for_anybody=False))
        clock.advance(HOUR)
        await hold_sweep.free_due_holds(ledger)
        await _authorize(org, "open", 18, lasts=9 * HOUR)
        await org.ledger.execute(Charge(*_bo(org), "a tool", "1", "bo", *_used(90)))
        await _capture(org, late, 12)
        assert due
        yield org


async def _authorize(org: SampleOrg, key: str, amount: int, *, lasts: timedelta = HOUR) -> int:
    org_id, bo = _bo(org)
    return (await org.ledger.execute(Authorize(org_id, bo, key, bo, *_used(amount), lasts))).first_id


async def _capture(org: SampleOrg, hold_id: int, amount: int) -> None:
    await org.ledger.execute(Capture(*_bo(org), hold_id, *_used(amount), for_anybody=False))


def _bo(org: SampleOrg) -> tuple[int, int]:
    return org.bo.actor.org_id, parse_id(Prefix.MEMBER, org.bo.id)


def _used(amount: int) -> tuple[Usage, Rating]:
    return Usage("opus", amount), Rating(Credits.of(amount), "a card", is_fallback=False)


async def _tamper(org: SampleOrg, *statements: str) -> VerifyReport:
    def change(connection: Any) -> None:
        if is_sqlite(connection):
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0, statement

    await org.ledger.write(change)
    return await verify(org.ledger)


def _says(report: VerifyReport, words: str) -> bool:
    return any(words in f"{finding.row} {finding.problem}" for finding in report.findings)


async def test_whatever_was_spent_and_held_is_clean(org: SampleOrg) -> None:
    report = await verify(org.ledger)

    assert report.findings == []
    assert report.holds == 6
    assert await _all(org, "SELECT DISTINCT state FROM hold ORDER BY state") == [
        "captured", "expired", "open", "released",
    ]  # fmt: skip
    assert await _all(org, "SELECT count(*) FROM obligation") == [2]


# Holds.


@pytest.mark.parametrize(
    ("where", "state", "due"),
    [
        ("state = 'released'", "open", "released"),
        ("state = 'open'", "released", "open"),
        ("state = 'expired'", "captured", "expired"),
        ("state = 'captured'", "expired", "captured"),
    ],
)
async def test_a_hold_in_another_state_than_its_transfers_make_is_named(
    sqlite_house: SampleOrg, where: str, state: str, due: str
) -> None:
    """L3: a state is a cache."""
    number = await _one(sqlite_house, f"SELECT min(hold_id) FROM hold WHERE {where}")
    report = await _tamper(sqlite_house, f"UPDATE hold SET state = '{state}' WHERE hold_id = {number}")

    assert _says(report, f"is stored as {state}, its transfers make it {due}")
    assert all(finding.row.startswith("hold_") for finding in report.findings)


@pytest.mark.parametrize(
    "change", ["charged = charged + 1", "overage = 7", "is_late = true", "closed_at = closed_at - 1"]
)
async def test_what_a_capture_is_said_to_have_cost_is_compared_with_its_event(
    sqlite_house: SampleOrg, change: str
) -> None:
    number = await _one(sqlite_house, "SELECT min(hold_id) FROM hold WHERE state = 'captured'")
    report = await _tamper(sqlite_house, f"UPDATE hold SET {change} WHERE hold_id = {number}")

    assert report.found == 1
    assert _says(report, "is stored with")


@pytest.mark.parametrize(
    "change", ["amount = amount + 1", "allowance = allowance + 1", "model = 'haiku'", "member_id = 5", "tier = 'batch'"]
)
async def test_what_was_authorized_cannot_be_changed(sqlite_house: SampleOrg, change: str) -> None:
    """L8: it is sealed with the transfer that opened it."""
    report = await _tamper(sqlite_house, f"UPDATE hold SET {change} WHERE state = 'open'")

    assert _says(report, "was changed: it, its lines or what it made is not what was sealed")


async def test_a_hold_whose_deadline_was_moved_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "UPDATE hold SET deadline_at = deadline_at + 1 WHERE state = 'open'")

    assert report.found == 1
    assert _says(report, "was changed")


async def test_a_hold_that_was_taken_out_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "DELETE FROM hold WHERE state = 'open'")

    assert _says(report, "was changed: it, its lines or what it made")


async def test_a_hold_that_was_put_in_is_named(org: SampleOrg) -> None:
    columns = await _columns(org, "hold", hold_id="hold_id + 900")
    report = await _tamper(org, f"INSERT INTO hold SELECT {columns} FROM hold WHERE state = 'open'")

    assert _says(report, "belongs to a transfer that is not there")
    assert _says(report, "is stored as open, its transfers make it impossible")


async def test_escrow_that_no_hold_accounts_for_is_named(org: SampleOrg) -> None:
    number = await _one(org, "SELECT max(transfer_id) FROM transfer WHERE kind = 'release'")
    report = await _tamper(org, f"DELETE FROM entry WHERE transfer_id = {number}")

    assert _says(report, "of its micro-credits are set aside")


# Windows.


async def test_a_window_of_which_less_is_used_than_was_posted_is_named(org: SampleOrg) -> None:
    """S6: ``verify`` recomputes it."""
    report = await _tamper(org, "UPDATE usage_window SET used = used - 1 WHERE meter = 'weekly'")

    assert report.found == 1
    assert _says(report, "window weekly of mem_")
    assert _says(report, "its postings sum to")


@pytest.mark.parametrize(
    ("change", "found"), [("DELETE FROM usage_window", 1), ("UPDATE usage_window SET closes_at = closes_at + 5", 2)]
)
async def test_a_window_that_is_missing_or_moved_is_named(sqlite_house: SampleOrg, change: str, found: int) -> None:
    """A moved one is twice wrong: one is missing, and there is one that nobody used."""
    report = await _tamper(sqlite_house, f"{change} WHERE meter = '5h'")

    assert report.found == found
    assert _says(report, "window 5h of mem_")


async def test_a_window_that_was_put_in_is_named(org: SampleOrg) -> None:
    columns = await _columns(org, "usage_window", meter="'monthly'")
    report = await _tamper(org, f"INSERT INTO usage_window SELECT {columns} FROM usage_window WHERE meter = '5h'")

    assert report.found == 1
    assert _says(report, "its postings sum to 0")


async def test_a_window_that_keeps_more_reserved_than_holds_have_is_named(org: SampleOrg) -> None:
    """S5: what is reserved reaches no threshold, so too much of it would hide what was used."""
    report = await _tamper(org, "UPDATE usage_window SET reserved = used + 90000000 WHERE meter = 'weekly'")

    assert report.found == 1
    assert _says(report, "window weekly of mem_")
    assert _says(report, "its holds have reserved")


@pytest.mark.parametrize("change", ["UPDATE window_posting SET amount = amount + 1", "DELETE FROM window_posting"])
async def test_a_posting_that_was_changed_or_taken_out_is_named(sqlite_house: SampleOrg, change: str) -> None:
    """L8: postings are sealed with their transfer."""
    number = await _one(sqlite_house, "SELECT max(transfer_id) FROM window_posting WHERE meter = 'weekly'")
    report = await _tamper(sqlite_house, f"{change} WHERE transfer_id = {number} AND meter = 'weekly'")

    assert _says(report, "was changed: it, its lines or what it made")
    assert _says(report, "its postings sum to")


async def test_a_posting_that_was_put_in_is_named_also_where_the_window_was_made_to_fit(org: SampleOrg) -> None:
    number = await _one(org, "SELECT max(transfer_id) FROM window_posting WHERE meter = 'weekly'")
    columns = await _columns(org, "window_posting", line="7", amount="-1")
    report = await _tamper(
        org,
        f"INSERT INTO window_posting SELECT {columns} FROM window_posting "
        f"WHERE transfer_id = {number} AND meter = 'weekly'",
        "UPDATE usage_window SET used = used - 1 WHERE meter = 'weekly'",
    )

    assert report.found == 1
    assert _says(report, "was changed: it, its lines or what it made")


async def test_a_posting_of_no_transfer_is_named(org: SampleOrg) -> None:
    columns = await _columns(org, "window_posting", transfer_id="transfer_id + 900")
    report = await _tamper(org, f"INSERT INTO window_posting SELECT {columns} FROM window_posting")

    assert _says(report, "window posting of tr_")
    assert _says(report, "belongs to a transfer that is not there")


# Events and what they left owing.


@pytest.mark.parametrize(
    "change", ["amount = amount + 1", "overage = overage - 1", "allowance = 5", "member_id = 5", "happened_at = 5"]
)
async def test_an_event_that_was_changed_is_named(sqlite_house: SampleOrg, change: str) -> None:
    report = await _tamper(sqlite_house, f"UPDATE usage_event SET {change} WHERE source = 'a tool'")

    assert _says(report, "was changed: it, its lines or what it made")


async def test_an_event_that_is_not_the_sum_of_its_parts_is_named(org: SampleOrg) -> None:
    report = await _tamper(org, "UPDATE usage_event SET amount = 5 WHERE source = 'a tool'")

    assert _says(report, "usage event of tr_")
    assert _says(report, "included and")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE obligation SET amount = amount - 1",
        "DELETE FROM obligation",
        "UPDATE obligation SET debtor_account = debtor_account + 8",
    ],
)
async def test_what_is_owed_for_usage_is_compared_with_its_event(sqlite_house: SampleOrg, change: str) -> None:
    """S2: nobody gets rid of what they owe."""
    report = await _tamper(sqlite_house, change)

    assert report.found == 2
    assert _says(report, "micro-credits owing, but its obligation is of")


async def test_an_obligation_for_usage_that_never_was_is_named(org: SampleOrg) -> None:
    columns = await _columns(org, "obligation", cause_id="cause_id + 900")
    report = await _tamper(org, f"INSERT INTO obligation SELECT {columns} FROM obligation")

    assert report.found == 2
    assert _says(report, "is for usage that is not there")


async def _columns(org: SampleOrg, table: str, **instead: str) -> str:
    """Return a table's columns as a query selects them, some of them replaced."""
    query = f"SELECT * FROM {table} LIMIT 0"
    names = await org.ledger.read(lambda connection: list(connection.execute(text(query)).keys()))
    return ", ".join(instead.get(name, name) for name in names)


async def _one(org: SampleOrg, query: str) -> Any:
    return (await _all(org, query))[0]


async def _all(org: SampleOrg, query: str) -> list[Any]:
    return await org.ledger.read(lambda connection: [row[0] for row in connection.execute(text(query))])
