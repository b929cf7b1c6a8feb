"""Damages a page of a SQLite file, as a failing disk does, and mends it again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

GARBAGE = b"\xde\xad\xbe\xef"


def damage(url: str, table: str) -> bytes:
    """Overwrite the page at the root of a table and return what it held. Nobody may have the file open."""
    file = Path(url.removeprefix("sqlite:///"))
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    connection.close()
    return overwrite(file, (page - 1) * size, GARBAGE * (size // len(GARBAGE)))


def overwrite(file: Path, place: int, content: bytes) -> bytes:
    """Put bytes into a file and return what they replaced."""
    with file.open("r+b") as opened:
        opened.seek(place)
        before = opened.read(len(content))
        opened.seek(place)
        opened.write(content)
    return before
