"""The demo's database: seeded on the first start and reused by later ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url

from core.atomic_file import replace_durably
from core.clock import Clock
from core.demo.scenario import ORGANISATION
from core.demo.seed import MovableClock, seed
from core.ledger.errors import Code, Refused
from core.services.common.ledger_service import LedgerService
from core.services.people.organizations import list_organizations
from core.settings import Settings
from core.store.migrate import migrate
from core.wiring import clock_of, open_ledger


def prepare(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Create, migrate and seed the demo's database as needed.

    It is seeded in a temporary file and then moved into place, so that a killed start leaves no partial data. Raises
    Refused when the settings name PostgreSQL, or a file that holds another organization.
    """
    path = database_file(settings)
    if path.exists():
        migrate(settings.database_url)
        if _holds_the_demo(settings):
            return
    aside = path.with_name(f"{path.name}.seeding")
    _remove(aside)
    aside_settings = settings.model_copy(update={"database_url": f"sqlite:///{aside}"})
    migrate(aside_settings.database_url)
    say(f"Seeding the demo organization into {path} ...")
    _seed(aside_settings, clock_of(settings))
    _put_in_place(aside, path)


def database_file(settings: Settings) -> Path:
    """Return the SQLite file of the settings. Raises Refused for another database."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        sentence = "The demo needs a SQLite file. Unset TEAMCREDITS_DATABASE_URL, or use teamcredits init and serve."
        raise Refused(Code.NOT_ALLOWED, sentence)
    return Path(url.database)


def _holds_the_demo(settings: Settings) -> bool:
    """Return False for an empty ledger. Raises Refused for one that isn't the demo's."""
    ledger = open_ledger(settings)
    try:
        found = asyncio.run(list_organizations(ledger))
    finally:
        ledger.close()
    if found and ORGANISATION not in {each.name for each in found}:
        sentence = "already holds another organization. Set TEAMCREDITS_DATABASE_URL to a different file"
        raise Refused(Code.NOT_ALLOWED, f"{database_file(settings)} {sentence}.")
    return bool(found)


def _seed(settings: Settings, present: Clock) -> None:
    clock = MovableClock(present())
    ledger: LedgerService = open_ledger(settings, clock=clock)
    try:
        asyncio.run(seed(ledger, clock))
    finally:
        ledger.close()


def _put_in_place(aside: Path, path: Path) -> None:
    """Move the finished file into place, durably. SQLite has closed it, so no WAL is left."""
    _remove(path)
    replace_durably(aside, path)


def _remove(path: Path) -> None:
    """Remove a database with its WAL files, which must never be applied to another one."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
