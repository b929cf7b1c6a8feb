"""Backups are whole, of one moment, and come back as they were, from either kind of database to either kind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.wallet import balances
from core.services.wallet.verify import verify
from core.store.backup import WRITERS_SKIPPED, backup, restore
from core.store.engine import StoreError, reading
from core.store.table_copy import shapes
from tests.support.busy_ledger import give, live
from tests.support.databases import KINDS, Databases, opened
from tests.support.pages import damage
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger
from tests.support.terminal import Terminal

CALLERS = 8
PAUSE_SECONDS = 0.02  # between a caller's commands, so that a slow machine has not to verify thousands


@pytest.fixture
async def org(database_url: str) -> AsyncIterator[SampleOrg]:
    """A house in which something of every kind has happened."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await live(org)
        yield org


@pytest.fixture
async def sqlite_house(sqlite_url: str) -> AsyncIterator[SampleOrg]:
    """A house with one gift, for what does not depend on the kind of database."""
    with open_sample_ledger(sqlite_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al)
        await give(org, org.al, org.bo, "10", key="a")
        yield org


@pytest.fixture
def empty(databases: Databases) -> Iterator[Any]:
    """Makes empty databases of a kind."""
    made: list[str] = []

    def make(kind: str) -> str:
        made.append(databases.fresh(kind, migrated=False))
        return made[-1]

    yield make
    for url in made:
        databases.drop(url)


def url_of(ledger: LedgerService) -> str:
    return ledger.engine.url.render_as_string(hide_password=False)


def rows_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, with JSON as its text and flags as numbers."""
    found = {}
    with opened(url) as engine, reading(engine) as connection:
        for name, shape in shapes(connection).items():
            columns = ", ".join(
                f'CAST("{each}" AS text)' if each in shape.json else f'"{each}"' for each in sorted(shape.columns)
            )
            rows = connection.execute(text(f'SELECT {columns} FROM "{name}"'))
            found[name] = sorted(
                (tuple(int(each) if isinstance(each, bool) else each for each in row) for row in rows), key=repr
            )
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_a_restored_ledger_is_the_same_and_verifies(
    org: SampleOrg, kind: str, empty: Any, tmp_path: Path
) -> None:
    """Every row, from either kind to either kind, with seals that still fit (L8)."""
    source, target = url_of(org.ledger), empty(kind)
    backup(source, tmp_path / "backup")
    restored = restore(target, tmp_path / "backup")
    before, after = rows_of(source), rows_of(target)
    skipped = max(number for _, number in after["writer"])
    after["writer"].remove((0, skipped))

    assert restored == sum(map(len, before.values()))
    assert after == before
    assert len(before["transfer"]) > 10
    assert skipped == max(number for _, number in before["writer"]) + WRITERS_SKIPPED
    with open_sample_ledger(target) as (ledger, _clock):
        report = await verify(ledger)
    assert report.clean
    assert report.heads == (await verify(org.ledger)).heads


async def test_a_restored_ledger_goes_on_where_it_was(sqlite_house: SampleOrg, empty: Any, tmp_path: Path) -> None:
    """L6: it knows its keys. What was done after the backup is gone, and its ids never come to name anything else."""
    org, target = sqlite_house, empty("sqlite")
    backup(url_of(org.ledger), tmp_path / "backup")
    lost = await give(org, org.al, org.bo, "10", key="lost")
    restore(target, tmp_path / "backup")
    with open_sample_ledger(target) as (ledger, clock):
        clock.now = org.clock.now
        restored = SampleOrg(ledger, clock, org.id, org.ada, org.al, org.bo, org.team, *_strangers(org))
        again = await give(restored, org.al, org.bo, "10", key="a")
        other = await give(restored, org.al, org.ada, "10", key="lost")
        clean = (await verify(ledger)).clean
        held = (await balances.balance(ledger, actor=org.al.actor)).held_gifts

    assert again == await give(org, org.al, org.bo, "10", key="a")
    assert other != lost
    assert held == Credits.of(20)
    assert clean


async def test_a_backup_under_load_is_of_one_moment(
    org: SampleOrg, empty: Any, tmp_path: Path, database_url: str
) -> None:
    """All that was answered before it began is in it, nothing that was asked after it ended, and no gap between."""
    asked, answered = [0] * CALLERS, [0] * CALLERS
    closing = asyncio.Event()
    callers = [asyncio.ensure_future(_call(org, number, asked, answered, closing)) for number in range(CALLERS)]
    await _until(lambda: min(answered) > 2)
    moments = []
    another_process = Terminal(tmp_path, database_url)
    for number in range(2):
        before = list(answered)
        if number == 0:
            await asyncio.to_thread(another_process.prints, "backup", "0")
        else:
            await asyncio.to_thread(backup, database_url, tmp_path / "1")
        moments.append((before, list(asked)))
    closing.set()
    await asyncio.gather(*callers)

    assert sum(moments[-1][0]) > sum(moments[0][0])  # it went on meanwhile
    for number, (before, after) in enumerate(moments):
        target = empty(KINDS[number % 2])
        restore(target, tmp_path / f"{number}")
        with open_sample_ledger(target) as (ledger, _clock):
            assert (await verify(ledger)).clean
            found = await ledger.read(_granted)
        for caller in range(CALLERS):
            assert found[caller] == list(range(1, len(found[caller]) + 1))
            assert before[caller] <= len(found[caller]) <= after[caller]


async def test_a_backup_is_one_file_for_its_owner_only(org: SampleOrg, tmp_path: Path) -> None:
    backup(url_of(org.ledger), tmp_path / "a backup? 100%.db")

    (file,) = tmp_path.iterdir()
    assert file.name == "a backup? 100%.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes()[18:20] == b"\1\1"  # no write-ahead log is expected beside it


async def test_a_file_that_is_there_is_replaced_only_when_asked(sqlite_house: SampleOrg, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("precious")
    with pytest.raises(FileExistsError, match="already exists; use --force to replace it"):
        backup(url_of(sqlite_house.ledger), file)
    kept = file.read_text()
    backup(url_of(sqlite_house.ledger), file, replace=True)

    assert kept == "precious"
    assert file.read_bytes().startswith(b"SQLite format 3")


async def test_a_damaged_database_replaces_no_good_backup(sqlite_house: SampleOrg, tmp_path: Path) -> None:
    url, file = url_of(sqlite_house.ledger), tmp_path / "backup"
    sqlite_house.ledger.close()
    backup(url, file)
    good = file.read_bytes()
    damage(url, "entry")

    with pytest.raises(StoreError, match="the database is damaged and was not backed up: "):
        backup(url, file, replace=True)
    assert file.read_bytes() == good
    assert list(tmp_path.iterdir()) == [file]


async def test_a_backup_that_cannot_be_written_leaves_nothing(sqlite_house: SampleOrg, tmp_path: Path) -> None:
    url = url_of(sqlite_house.ledger)

    with pytest.raises(FileNotFoundError):
        backup(url, tmp_path / "missing" / "backup")
    with pytest.raises(OSError, match="Is a directory"):
        backup(url, tmp_path, replace=True)
    assert list(tmp_path.iterdir()) == []


async def test_a_database_that_is_not_empty_is_left_alone(
    sqlite_house: SampleOrg, org: SampleOrg, tmp_path: Path
) -> None:
    backup(url_of(sqlite_house.ledger), tmp_path / "backup")
    before = rows_of(url_of(org.ledger))

    with pytest.raises(StoreError, match=r"^the database is not empty; a backup is restored into an empty one$"):
        restore(url_of(org.ledger), tmp_path / "backup")
    assert rows_of(url_of(org.ledger)) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_a_database_with_a_schema_and_no_rows_is_empty(
    sqlite_house: SampleOrg, databases: Databases, kind: str, tmp_path: Path
) -> None:
    backup(url_of(sqlite_house.ledger), tmp_path / "backup")
    target = databases.fresh(kind)

    assert restore(target, tmp_path / "backup") > 0
    databases.drop(target)


async def test_two_restores_at_once_restore_once(sqlite_house: SampleOrg, empty: Any, tmp_path: Path) -> None:
    backup(url_of(sqlite_house.ledger), tmp_path / "backup")
    for kind in KINDS:
        target = empty(kind)
        both = [asyncio.to_thread(restore, target, tmp_path / "backup") for _ in range(2)]
        done = await asyncio.gather(*both, return_exceptions=True)

        assert sorted(map(type, done), key=str) == [StoreError, int]
        assert rows_of(target)["transfer"] == rows_of(url_of(sqlite_house.ledger))["transfer"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_no_whole_backup_changes_nothing(
    sqlite_house: SampleOrg, empty: Any, kind: str, tmp_path: Path
) -> None:
    target, file = empty(kind), tmp_path / "backup"
    _refused(target, file, "there is no file ")
    file.write_bytes(b"Dear diary, " * 1000)
    _refused(target, file, "something else than a SQLite database")
    with contextlib.closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE other (number)")
    _refused(target, tmp_path / "other", "is no backup of teamcredits")
    backup(url_of(sqlite_house.ledger), tmp_path / "good")
    for change, words in (
        ("UPDATE alembic_version SET version_num = '9999'", r"newer version of teamcredits \(schema 9999\)"),
        ("DROP TABLE gift", "the table gift is not that of the schema"),
        ("PRAGMA ignore_check_constraints = ON; UPDATE position SET remaining = -1", "could not be restored: .*remain"),
    ):
        file.write_bytes((tmp_path / "good").read_bytes())
        with contextlib.closing(sqlite3.connect(file)) as changed:
            changed.executescript(change)
        _refused(target, file, words)
    file.write_bytes((tmp_path / "good").read_bytes())
    damage(f"sqlite:///{file}", "lot")
    _refused(target, file, "could not be restored: database disk image is malformed")

    assert restore(target, tmp_path / "good") > 0


def test_a_database_without_a_schema_is_not_backed_up(empty_database_url: str, tmp_path: Path) -> None:
    with opened(empty_database_url), pytest.raises(StoreError, match=r"^the database has no schema yet"):
        backup(empty_database_url, tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_not_there_is_not_made_by_a_backup(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the file or its folder is not there"):
        backup(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def _refused(target: str, file: Path, words: str) -> None:
    with pytest.raises(StoreError, match=words) as refused:
        restore(target, file)
    assert "\n" not in str(refused.value)
    with opened(target) as engine, reading(engine) as connection:
        assert shapes(connection) == {}, "nothing is left behind"


async def _call(org: SampleOrg, caller: int, asked: list[int], answered: list[int], closing: asyncio.Event) -> None:
    """Grant one credit after another, each known by its number, until the test ends."""
    for number in itertools.count(1):
        if closing.is_set():
            return
        asked[caller] = number
        await grants.grant(
            org.ledger,
            actor=org.ada.actor,
            key=f"call:{caller}:{number}",
            to=Recipient(member=org.bo.id),
            amount=Credits.of(1),
            source=Source.PURCHASE,
        )
        answered[caller] = number
        await asyncio.sleep(PAUSE_SECONDS)


def _granted(connection: Any) -> list[list[int]]:
    """Return each caller's numbers that took effect."""
    found: list[list[int]] = [[] for _ in range(CALLERS)]
    for (key,) in connection.execute(text("SELECT key FROM command WHERE key LIKE 'call:%'")):
        caller, number = re.fullmatch(r"call:(\d+):(\d+)", key).groups()  # type: ignore[union-attr]
        found[int(caller)].append(int(number))
    return [sorted(numbers) for numbers in found]


async def _until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def _strangers(org: SampleOrg) -> tuple[Any, str, str]:
    return org.stranger, org.strange_org, org.strange_team
