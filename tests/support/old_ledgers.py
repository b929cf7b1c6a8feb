"""Ledgers as text, so that one written by an older version can be loaded into a database of its revision.

``python -m tests.support.old_ledgers`` writes one of this code's revision. Do so before the next revision is made;
tests/store/test_history.py asks for one of every revision but the newest.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine

from core.store.engine import reading
from core.store.migrate import migrate, newest, upgrade
from core.store.table_copy import copy_rows, shapes
from tests.support.busy_ledger import live
from tests.support.busy_ledger_parts import live_on
from tests.support.sample_org import furnish, open_sample_ledger

FOLDER: Final = Path(__file__).parents[1] / "store" / "ledgers"
_BYTES: Final = "hex"

Tables = dict[str, list[dict[str, Any]]]


async def written_by_this_code(url: str) -> Tables:
    """Let something of every kind happen in an empty database and return its rows."""
    await asyncio.to_thread(migrate, url)
    with open_sample_ledger(url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await live(org)
        await live_on(org)
        with reading(ledger.engine) as connection:
            return dump(connection)


def written_by_version(revision: str) -> Tables:
    """Return the rows of a ledger that the last version with a revision wrote."""
    file = FOLDER / f"{revision}.json"
    assert file.is_file(), f"with the code of revision {revision}: python -m tests.support.old_ledgers"
    tables: Tables = json.loads(file.read_text(encoding="utf-8"))
    return tables


def dump(connection: Connection) -> Tables:
    """Return every row, JSON as its text and bytes in hexadecimal."""
    found: Tables = {}
    for name, shape in shapes(connection).items():
        columns = ", ".join(f'CAST("{each}" AS text)' if each in shape.json else f'"{each}"' for each in shape.columns)
        order = ", ".join(f'"{each}"' for each in shape.key)
        rows = connection.exec_driver_sql(f'SELECT {columns} FROM "{name}" ORDER BY {order}')
        found[name] = [dict(zip(shape.columns, map(_as_text, row), strict=True)) for row in rows]
    return found


def load(connection: Connection, revision: str, tables: Tables) -> None:
    """Bring an empty database to the revision that rows were written at, and put them in."""
    upgrade(connection, revision)
    memory = create_engine("sqlite://")  # which takes what SQLite wrote as it is
    with memory.begin() as written:
        upgrade(written, revision)
        for name, rows in tables.items():
            for row in rows:
                names, places = ", ".join(f'"{each}"' for each in row), ", ".join("?" * len(row))
                values = tuple(_as_value(each) for each in row.values())
                written.exec_driver_sql(f'INSERT INTO "{name}" ({names}) VALUES ({places})', values)
        copy_rows(written, connection, tables)
    memory.dispose()


def _as_text(value: Any) -> Any:
    return {_BYTES: bytes(value).hex()} if isinstance(value, bytes | memoryview) else value


def _as_value(value: Any) -> Any:
    return bytes.fromhex(value[_BYTES]) if isinstance(value, dict) else value


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = asyncio.run(written_by_this_code(f"sqlite:///{folder}/ledger.db"))
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{newest()}.json"
    file.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
    print(file)


if __name__ == "__main__":
    _write()
