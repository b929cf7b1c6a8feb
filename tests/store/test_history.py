"""Ledgers of every revision come to the newest one whole, by migrating them and by restoring their backups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.allowances.reset_commands import ResetMember
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.people import organizations
from core.services.wallet.verify import verify
from core.store.backup import backup, restore
from core.store.engine import reading, writing
from core.store.migrate import current, migrate, newest, scripts
from tests.support.databases import KINDS, Databases, opened
from tests.support.gateway import HOUR, Gateway, number_of
from tests.support.old_ledgers import Tables, dump, load, written_by_this_code, written_by_version
from tests.support.sample_org import furnish, open_sample_ledger

REVISIONS = [script.revision for script in scripts().walk_revisions()][::-1]


@pytest.fixture(params=REVISIONS)
async def old(request: pytest.FixtureRequest, databases: Databases) -> tuple[str, Tables]:
    """A revision, and a ledger that was written at it."""
    if request.param != newest():
        return request.param, written_by_version(request.param)
    url = databases.fresh("sqlite", migrated=False)
    return request.param, await written_by_this_code(url)


async def test_a_ledger_that_is_kept_for_later_has_something_in_every_table(databases: Databases) -> None:
    tables = await written_by_this_code(databases.fresh("sqlite", migrated=False))

    assert [name for name, rows in tables.items() if not rows] == []


@pytest.fixture
def other_url(databases: Databases, empty_database_url: str) -> Iterator[str]:
    """An empty database of the other kind."""
    (kind,) = set(KINDS) - {empty_database_url.partition(":")[0]}
    url = databases.fresh(kind, migrated=False)
    yield url
    databases.drop(url)


async def test_a_ledger_of_each_revision_comes_to_the_newest(
    old: tuple[str, Tables], empty_database_url: str, other_url: str, tmp_path: Path
) -> None:
    """Migrated where it is, or backed up by the new version and restored to the other kind: verify is clean."""
    revision, tables = old
    with opened(empty_database_url) as engine, writing(engine) as connection:
        load(connection, revision, tables)
    backup(empty_database_url, tmp_path / "backup")
    migrate(empty_database_url)
    restore(other_url, tmp_path / "backup")

    for url in (empty_database_url, other_url):
        with opened(url) as engine, reading(engine) as connection:
            assert current(engine) == newest()
            after = dump(connection)
        kept = tables.keys() - {"writer"}  # each restore starts one
        assert {name: len(after[name]) for name in kept} == {name: len(tables[name]) for name in kept}
        await _goes_on(url, tables["organisation"][0]["name"], gifts=len(tables["gift"]))


async def test_windows_of_before_learn_what_open_holds_have_reserved(
    databases: Databases, empty_database_url: str
) -> None:
    """S5: as if it had been kept from the first; of holds that are over, and of those before a reset, it is nothing."""
    url = databases.fresh("sqlite")
    with open_sample_ledger(url) as (ledger, clock):
        bo = Gateway(await furnish(ledger, clock))
        await bo.plan(five_hours="50", weekly="90")
        await bo.grant("40")
        await bo.cap("80")
        await bo.authorize("10")
        clock.advance(HOUR / 2)
        await ledger.execute(ResetMember(bo.org_id, number_of(bo.org.ada), "reset", bo.bo, False, None, None))
        clock.advance(HOUR / 4)
        await bo.release(await bo.authorize("20"))
        await bo.capture(await bo.authorize("30"), "8")
        await bo.authorize("55")
        with reading(ledger.engine) as connection:
            tables = dump(connection)
    kept = tables["usage_window"]
    known = {row["meter"]: row["reserved"] // 1_000_000 for row in kept}
    before = [{name: value for name, value in row.items() if name != "reserved"} for row in kept]

    with opened(empty_database_url) as engine, writing(engine) as connection:
        load(connection, "0003", {**tables, "usage_window": before})
    migrate(empty_database_url)
    with opened(empty_database_url) as engine, reading(engine) as connection:
        assert dump(connection)["usage_window"] == kept
    assert known == {"5h": 42, "weekly": 42, "cap:day": 13}


async def _goes_on(url: str, name: str, *, gifts: int) -> None:
    """It is clean, takes commands, and is clean then."""
    with open_sample_ledger(url) as (ledger, _clock):
        before = await verify(ledger)
        org = next(each.id for each in await organizations.list_organizations(ledger) if each.name == name)
        operator = await organizations.operator(ledger, org=org)
        to, amount = Recipient(pool=org), Credits.of(1)
        await grants.grant(ledger, actor=operator, key="one more", to=to, amount=amount, source=Source.PURCHASE)
        after = await verify(ledger)

    assert (before.findings, after.findings) == ([], [])
    assert (before.gifts, after.transfers) == (gifts, before.transfers + 1)
