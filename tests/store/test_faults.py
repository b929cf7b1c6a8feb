"""What the house does when its database cannot be used: it refuses clearly, damages nothing, and goes on afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from core.api.app import create_app
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.wallet import balances
from core.services.wallet.verify import verify
from core.store.engine import StoreError
from core.store.faults import Fault, fault_of
from core.store.migrate import newest
from tests.support.builders import some_settings
from tests.support.busy_ledger import give
from tests.support.databases import Databases
from tests.support.disks import filled, locked_by_another_program, pages, small_disk, sqlite_with
from tests.support.pages import damage, overwrite
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger
from tests.support.terminal import NearTerminal

MANY = 2_000  # grants, more than there is room for


@pytest.fixture
async def org(database_url: str) -> AsyncIterator[SampleOrg]:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


@pytest.fixture
async def sqlite_house(sqlite_url: str) -> AsyncIterator[SampleOrg]:
    with open_sample_ledger(f"{sqlite_url}?timeout=0.1") as (ledger, clock):
        yield await furnish(ledger, clock)


@pytest.fixture
async def postgresql_house(postgresql_url: str) -> AsyncIterator[SampleOrg]:
    with open_sample_ledger(postgresql_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def test_a_sqlite_database_that_may_not_grow_refuses_and_goes_on(sqlite_house: SampleOrg) -> None:
    """L10: as on a full disk, on any machine."""
    org = sqlite_house
    await _grant(org, 0)
    with sqlite_with(org.ledger, f"max_page_count = {pages(org.ledger.engine)}"):
        taken = await _fill(org)

    await _goes_on(org, taken)


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(databases: Databases) -> None:
    """L10: a real disk, with SQLite; what was there can still be read."""
    template = make_url(databases.fresh("sqlite")).database
    with small_disk(4) as disk:
        shutil.copyfile(str(template), disk / "ledger.db")
        with open_sample_ledger(f"sqlite:///{disk}/ledger.db") as (ledger, clock):
            org = await furnish(ledger, clock)
            with filled(disk):
                taken = await _fill(org)
                balance = await balances.balance(ledger, actor=org.bo.actor)
            await _goes_on(org, taken)

    assert balance.available == Credits.of(taken)


@pytest.mark.skipif("TEAMCREDITS_TEST_POSTGRES" in os.environ, reason="another machine's disk cannot be filled")
async def test_a_full_disk_under_postgresql_refuses_and_goes_on(databases: Databases) -> None:
    """L10: the database lies in a tablespace on a small disk."""
    template = make_url(databases.fresh("postgresql"))
    name, space = f"{template.database}_small", f"space_{os.getpid()}"
    with small_disk(48) as disk, psycopg.connect(_plain(template, "postgres"), autocommit=True) as server:
        folder = disk / "space"
        folder.mkdir()
        folder.chmod(0o700)
        shutil.chown(folder, "nobody")
        server.execute(f"CREATE TABLESPACE {space} LOCATION '{folder}'")
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template.database} TABLESPACE {space} STRATEGY file_copy")
        try:
            with open_sample_ledger(_plain(template, name)) as (ledger, clock):
                org = await furnish(ledger, clock)
                with filled(disk):
                    taken = await _fill(org)
                await _goes_on(org, taken)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
            server.execute(f"DROP TABLESPACE {space}")


async def test_a_database_that_becomes_read_only_refuses_until_it_is_not(sqlite_house: SampleOrg) -> None:
    await _grant(sqlite_house, 0)
    with sqlite_with(sqlite_house.ledger, "query_only = ON"):
        refused = await _refused(_grant(sqlite_house, 1))
        elsewhere = await _refused(sqlite_house.ledger.write(_rename))
        balance = await balances.balance(sqlite_house.ledger, actor=sqlite_house.bo.actor)

    assert refused.detail.startswith(Fault.READ_ONLY.value)
    assert elsewhere.detail.startswith(Fault.READ_ONLY.value)
    assert balance.available == Credits.of(1)
    await _goes_on(sqlite_house, 1)


async def test_a_postgresql_database_that_becomes_read_only_refuses_until_it_is_not(
    postgresql_house: SampleOrg, postgresql_url: str
) -> None:
    org = postgresql_house
    await _grant(org, 0)
    _set_read_only(postgresql_url, "on")
    refused = await _refused(_grant(org, 1))
    _set_read_only(postgresql_url, "off")

    assert refused.detail.startswith(Fault.READ_ONLY.value)
    await _goes_on(org, 1)


async def test_a_file_locked_by_another_program_refuses_and_later_ones_at_once(
    sqlite_house: SampleOrg, sqlite_url: str
) -> None:
    """The first waits as long as it is bearable; while it stays locked, nobody else waits so long."""
    org = sqlite_house
    await _grant(org, 0)
    with locked_by_another_program(Path(sqlite_url.removeprefix("sqlite:///"))):
        first = await _refused(_grant(org, 1))
        began = time.monotonic()
        second = await _refused(_grant(org, 1))
        took = time.monotonic() - began
        balance = await balances.balance(org.ledger, actor=org.bo.actor)

    assert first.detail == second.detail
    assert first.detail.startswith(Fault.BUSY.value)
    assert took < 1
    assert balance.available == Credits.of(1)
    await _goes_on(org, 1)


async def test_a_table_locked_by_another_program_refuses(
    postgresql_house: SampleOrg, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = postgresql_house
    await _grant(org, 0)
    driver: Any = org.ledger.journal._driver
    with psycopg.connect(postgresql_url) as other:
        other.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        assert driver._pipeline.send(b"SHOW lock_timeout")() == [("5s",)]
        driver._pipeline.send(b"SET lock_timeout = 100")
        driver._pipeline.sync()
        monkeypatch.setattr("core.store.journal.journal.PATIENCE_SECONDS", 0)
        refused = await _refused(_grant(org, 1))

    assert refused.detail.startswith(Fault.BUSY.value)
    await _goes_on(org, 1)


async def test_a_damaged_page_harms_only_what_needs_it(sqlite_url: str) -> None:
    """Whoever needs it is told, at the door too; the others go on, and so does it when the page is mended."""
    with open_sample_ledger(sqlite_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await _grant(org, 0)
        await org.grant(org.al)
        await give(org, org.al, org.bo, "1", key="before")
    before = damage(sqlite_url, "note")
    with open_sample_ledger(sqlite_url) as (ledger, clock):
        org = _moved(org, ledger)
        outcomes = await asyncio.gather(
            give(org, org.al, org.bo, "1", key="a"),
            *(_grant(org, number) for number in range(1, 9)),
            return_exceptions=True,
        )
        statement = await _get(ledger, "/v1/billing/credits/statement", org.al.headers)
        balance = await _get(ledger, "/v1/billing/credits/balance", org.al.headers)
        file = Path(sqlite_url.removeprefix("sqlite:///"))
        overwrite(file, _place(file, "note"), before)
        await give(org, org.al, org.bo, "1", key="a")
        await _goes_on(org, 9)

    refused = [each for each in outcomes if isinstance(each, Refused)]
    assert [each.detail for each in refused] == [outcomes[0].detail]  # type: ignore[union-attr]
    assert refused[0].detail.startswith(Fault.DAMAGED.value)
    assert (statement.status_code, statement.headers["retry-after"]) == (503, "1")
    assert statement.json()["code"] == "overloaded"
    assert Fault.DAMAGED.value in statement.json()["detail"]
    assert balance.status_code == 200


async def test_a_damaged_database_is_one_clear_line_at_the_start(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = NearTerminal(monkeypatch, tmp_path, sqlite_url)
    with open_sample_ledger(sqlite_url) as (ledger, clock):
        await furnish(ledger, clock)
    entries = damage(sqlite_url, "seal")
    verified = await asyncio.to_thread(terminal.fails, "verify")
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    overwrite(file, _place(file, "seal"), entries)
    whole = await asyncio.to_thread(terminal.prints, "verify")
    damage(sqlite_url, "alembic_version")
    started = await asyncio.to_thread(terminal.fails, "member", "list")

    assert verified == "database error: database disk image is malformed"
    assert whole.startswith("clean: ")
    assert started.endswith("it is damaged; restore a backup into an empty one: teamcredits restore --help")


async def test_a_database_migrated_by_a_newer_version_takes_no_commands(org: SampleOrg) -> None:
    """A server of the old version that still runs would write what the new one does not mean."""
    await _grant(org, 0)
    await org.ledger.write(lambda connection: connection.execute(text(_VERSION.format("9999"))))
    org.ledger.journal._schema_checked_at = 0.0
    refused = await _refused(_grant(org, 1))
    again = await _refused(_grant(org, 1))
    await org.ledger.write(lambda connection: connection.execute(text(_VERSION.format(newest()))))

    assert refused.detail == again.detail
    assert refused.detail.startswith(Fault.SCHEMA.value)
    await _goes_on(org, 1)


async def test_a_connection_that_cannot_take_up_its_seals_is_not_used(org: SampleOrg) -> None:
    """L8: a batch sealed without knowing where its chain ends would look like tampering."""
    await _grant(org, 0)
    journal = org.ledger.journal
    opened, failing = journal._open_driver, [True, True]

    def open_driver() -> Any:
        driver = opened()
        if failing:
            failing.pop()
            driver.close()
        return driver

    assert journal._driver is not None
    journal._driver.close()
    journal._driver = None
    journal._open_driver = open_driver
    await _grant(org, 1)

    await _goes_on(org, 2)


def _caused(cause: Exception) -> StoreError:
    """What looking at the schema raises when the database is not to be had."""
    error = StoreError("the database cannot be reached")
    error.__cause__ = DBAPIError("SELECT 1", {}, cause)
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (StoreError("the database has no schema yet"), Fault.SCHEMA),
        (_caused(psycopg.errors.AdminShutdown()), Fault.AWAY),
        (psycopg.errors.DiskFull(), Fault.FULL),
        (psycopg.errors.ReadOnlySqlTransaction(), Fault.READ_ONLY),
        (psycopg.errors.LockNotAvailable(), Fault.BUSY),
        (psycopg.errors.AdminShutdown(), Fault.AWAY),
        (psycopg.errors.DataCorrupted(), Fault.DAMAGED),
        (DBAPIError("SELECT 1", {}, psycopg.errors.DiskFull()), Fault.FULL),
        (psycopg.errors.UniqueViolation(), None),
        (sqlite3.IntegrityError(), None),
        (ZeroDivisionError(), None),
    ],
)
def test_a_fault_of_the_database_is_told_apart_from_a_defect_of_ours(error: Exception, fault: Fault | None) -> None:
    assert fault_of(error) is fault


_VERSION = "UPDATE alembic_version SET version_num = '{}'"


async def _grant(org: SampleOrg, number: int) -> None:
    """Grant one credit to Bo, once for each number."""
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key=f"grant {number}",
        to=Recipient(member=org.bo.id),
        amount=Credits.of(1),
        source=Source.PURCHASE,
    )


async def _refused(work: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await work
    assert refused.value.code is Code.OVERLOADED
    return refused.value


async def _fill(org: SampleOrg) -> int:
    """Grant until there is no room left, and return how many were taken."""
    for number in range(MANY):
        outcome = (await asyncio.gather(_grant(org, number), return_exceptions=True))[0]
        if outcome is not None:
            assert isinstance(outcome, Refused)
            assert (outcome.code, outcome.detail.startswith(Fault.FULL.value)) == (Code.OVERLOADED, True)
            return number
    raise AssertionError("there was always room")


async def _goes_on(org: SampleOrg, taken: int) -> None:
    """What was refused takes effect now, once; all that was taken is still there, and every credit accounted for."""
    await _grant(org, taken)
    await _grant(org, taken)
    balance = await balances.balance(org.ledger, actor=org.bo.actor)

    assert balance.available == Credits.of(taken + 1)
    assert (await verify(org.ledger)).clean


def _rename(connection: Any) -> None:
    connection.execute(text("UPDATE member SET name = 'Eve'"))


def _set_read_only(url: str, value: str) -> None:
    """Change the database's default, and end all other connections, as a failover does."""
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid) {others}")


async def _get(ledger: LedgerService, path: str, headers: dict[str, str]) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(ledger, some_settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
        return await client.get(path, headers=headers)


def _moved(org: SampleOrg, ledger: LedgerService) -> SampleOrg:
    """The same people in a ledger that was opened again."""
    strange = org.stranger, org.strange_org, org.strange_team
    return SampleOrg(ledger, org.clock, org.id, org.ada, org.al, org.bo, org.team, *strange)


def _plain(url: Any, name: str) -> str:
    return re.sub(r"\+psycopg", "", url.set(database=name).render_as_string(hide_password=False))


def _place(file: Path, table: str) -> int:
    connection = sqlite3.connect(file)
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    connection.close()
    return int((page - 1) * size)
