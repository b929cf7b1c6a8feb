"""Who may write: each process start registers once, which gives it ids of its own and a chain of seals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, func, insert, select
from sqlmodel import col

from core.store.tables import SealRow, WriterRow


def register(connection: Connection, now: int) -> int:
    """Add a writer and return its number. Two at once collide on the key; the caller tries again."""
    newest = connection.execute(select(func.max(col(WriterRow.writer_id)))).scalar()
    number: int = (newest or 0) + 1
    connection.execute(insert(WriterRow).values(writer_id=number, started_at=now))
    return number


def heads(connection: Connection) -> dict[str, str]:
    """Return the last seal of every writer, as ``"batch:seal"``, that no other writer has included yet (L8).

    A writer that has ended is included once, so that the first seal of a new one stays small.
    """
    last = (
        select(col(SealRow.writer_id), func.max(col(SealRow.batch)).label("batch"))
        .group_by(col(SealRow.writer_id))
        .subquery()
    )
    found = connection.execute(
        select(col(SealRow.writer_id), col(SealRow.batch), col(SealRow.seal)).join(
            last, (col(SealRow.writer_id) == last.c.writer_id) & (col(SealRow.batch) == last.c.batch)
        )
    ).all()
    included: dict[str, str] = {}
    for row in connection.execute(
        select(col(SealRow.heads)).where(col(SealRow.batch) == 1, col(SealRow.heads).is_not(None))
    ):
        included |= _loaded(row[0])
    present = {str(writer): f"{batch}:{bytes(seal).hex()}" for writer, batch, seal in found}
    return {writer: head for writer, head in present.items() if included.get(writer) != head}


def _loaded(stored: Any) -> Mapping[str, str]:
    heads_found: Mapping[str, str] = orjson.loads(stored) if isinstance(stored, str) else stored
    return heads_found
