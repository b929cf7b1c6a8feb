"""Small disks that a test fills up, and other ways in which a database cannot be written to for a while."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from core.services.common.ledger_service import LedgerService
from tests.support.postgres import reachable_folder


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A disk of its own in a folder that everybody can enter. Only root can have one: others skip, and say so."""
    folder = Path(tempfile.mkdtemp(prefix="teamcredits-disk-", dir=reachable_folder()))
    options = f"size={megabytes}m,mode=777"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root may mount a small disk; the same is tested with PRAGMA max_page_count")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill a disk to its last byte for a while."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass
    yield
    filler.unlink()


@contextlib.contextmanager
def sqlite_with(ledger: LedgerService, pragma: str) -> Iterator[None]:
    """Let every connection of a SQLite ledger begin with a pragma for a while."""

    def begin_with(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    event.listen(ledger.engine, "connect", begin_with)
    _reconnect(ledger)
    yield
    event.remove(ledger.engine, "connect", begin_with)
    ledger.engine.dispose()


def _reconnect(ledger: LedgerService) -> None:
    """Let the ledger's connections be made anew; between two commands, nobody uses them."""
    driver, ledger.journal._driver = ledger.journal._driver, None
    if driver is not None:
        driver.close()
    ledger.engine.dispose()


def pages(engine: Engine) -> int:
    """Return how many pages a SQLite database has."""
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


@contextlib.contextmanager
def locked_by_another_program(file: Path) -> Iterator[None]:
    """A process of its own holds the write lock of a SQLite file."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", _HOLD, file], **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.stdin.close()
            process.wait()


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
