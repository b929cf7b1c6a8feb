"""Holds as they are read outside the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, text

from core.metering.holds import Hold, HoldState
from core.store.records import query_records
from core.store.tables import OPEN_HOLD, HoldRow
from core.store.timestamps import to_micros

_HOLD: Final = HoldRow.metadata.tables["hold"]
_TRANSFER: Final = HoldRow.metadata.tables["transfer"]


def hold(connection: Connection, org_id: int, hold_id: int) -> Hold | None:
    which = "WHERE r.org_id = :org AND r.hold_id = :hold"
    return next(iter(query_records(connection, Hold, which, org=org_id, hold=hold_id)), None)


def opened(connection: Connection, org_id: int, hold_id: int) -> tuple[Hold, int] | None:
    """Return a hold and who opened it: the actor of the transfer of its name."""
    found = hold(connection, org_id, hold_id)
    if found is None:
        return None
    query = select(_TRANSFER.c.actor_id).where(_TRANSFER.c.org_id == org_id, _TRANSFER.c.transfer_id == hold_id)
    return found, int(connection.execute(query).scalar_one())


def of_member(
    connection: Connection, org_id: int, member_id: int, *, state: HoldState | None, before: int, limit: int
) -> list[Hold]:
    """Return a member's holds, newest first; ``before`` is the last one of the page before."""
    which = "WHERE r.org_id = :org AND r.member_id = :member AND r.hold_id < :before"
    if state is not None:
        which += " AND r.state = :state"
    which += " ORDER BY r.hold_id DESC LIMIT :limit"
    values = {"org": org_id, "member": member_id, "before": before, "limit": limit}
    return query_records(connection, Hold, which, **values, **({} if state is None else {"state": state.value}))


def due(connection: Connection, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Return (organization, hold) of open holds whose deadline has passed, by their index. Takes no lock."""
    query = (
        select(_HOLD.c.org_id, _HOLD.c.hold_id)
        .where(text(OPEN_HOLD), _HOLD.c.deadline_at <= to_micros(now))
        .order_by(_HOLD.c.deadline_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]
