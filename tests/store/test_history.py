"""Ledgers of every revision come to the newest one whole, by migrating them and by restoring their backups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services import grants, organisations
from core.services.gifts import Recipient
from core.services.verify import verify
from core.store.backup import backup, restore
from core.store.engine import reading, writing
from core.store.migrate import current, migrate, newest, scripts
from tests.support.databases import KINDS, Databases, opened
from tests.support.house import open_house_ledger
from tests.support.old_ledgers import Tables, dump, load, written_by_this_code, written_by_version

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


async def _goes_on(url: str, name: str, *, gifts: int) -> None:
    """It is clean, takes commands, and is clean then."""
    with open_house_ledger(url) as (ledger, _clock):
        before = await verify(ledger)
        org = next(each.id for each in await organisations.list_organisations(ledger) if each.name == name)
        operator = await organisations.operator(ledger, org=org)
        to, amount = Recipient(pool=org), Credits.of(1)
        await grants.grant(ledger, actor=operator, key="one more", to=to, amount=amount, source=Source.PURCHASE)
        after = await verify(ledger)

    assert (before.findings, after.findings) == ([], [])
    assert (before.gifts, after.transfers) == (gifts, before.transfers + 1)
