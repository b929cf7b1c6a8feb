"""The demo's database: made whole on the first start, used again by every later one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url

from core.clock import Clock
from core.demo.seed import MovableClock, seed
from core.demo.story import ORGANISATION
from core.ledger.errors import Code, Refused
from core.services.ledger import Ledger
from core.services.organisations import list_organisations
from core.settings import Settings
from core.store.migrate import migrate
from core.wiring import clock_of, open_ledger


def prepare(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Make sure that the demo's database is there, with the newest schema and the demo organisation in it.

    It is seeded aside and then put in its place, so that a start which is killed leaves nothing half told. Raises
    Refused when the settings name PostgreSQL, or a file with other organisations in it.
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
    say(f"Seeding the demo organisation into {path} ...")
    _seed(aside_settings, clock_of(settings))
    _put_in_place(aside, path)


def database_file(settings: Settings) -> Path:
    """Return the SQLite file of the settings. Raises Refused for another database."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        sentence = "The demo lives in a SQLite file; unset TEAMCREDITS_DATABASE_URL, or use: teamcredits init and serve"
        raise Refused(Code.NOT_ALLOWED, sentence)
    return Path(url.database)


def _holds_the_demo(settings: Settings) -> bool:
    """Return False for an empty ledger. Raises Refused for somebody's real one."""
    ledger = open_ledger(settings)
    try:
        found = asyncio.run(list_organisations(ledger))
    finally:
        ledger.close()
    if found and ORGANISATION not in {each.name for each in found}:
        sentence = "holds an organisation that is not the demo's; name another file by TEAMCREDITS_DATABASE_URL"
        raise Refused(Code.NOT_ALLOWED, f"{database_file(settings)} {sentence}.")
    return bool(found)


def _seed(settings: Settings, present: Clock) -> None:
    clock = MovableClock(present())
    ledger: Ledger = open_ledger(settings, clock=clock)
    try:
        asyncio.run(seed(ledger, clock))
    finally:
        ledger.close()


def _put_in_place(aside: Path, path: Path) -> None:
    """Put the finished file where it belongs, and make that durable. SQLite has closed it: its log is in it."""
    _remove(path)
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(path: Path) -> None:
    """Remove a database with its logs, which must never meet another one."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
