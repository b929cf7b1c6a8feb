"""Lots and positions as they are read outside the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select

from core.ledger.accounts import AccountKind, kind_of
from core.ledger.credits import Credits
from core.ledger.lots import Lot, Source
from core.ledger.positions import Position
from core.store.instants import from_micros, to_micros
from core.store.tables import Lot as LotRow
from core.store.tables import Position as PositionRow

_LOT: Final = LotRow.metadata.tables["lot"]
_POSITION: Final = PositionRow.metadata.tables["position"]

LOT_NAMES: Final = (
    "lot_id",
    "source",
    "expires_at",
    "giftable",
    "priority",
    "granted_at",
    "amount",
    "account_id",
    "origin_org",
    "origin_lot",
)
LOT_COLUMNS: Final = tuple(_LOT.c[name] for name in LOT_NAMES)


_HELD: Final = (
    select(_POSITION.c.account_id, _POSITION.c.remaining, *LOT_COLUMNS)
    .join(_LOT, and_(_LOT.c.org_id == _POSITION.c.org_id, _LOT.c.lot_id == _POSITION.c.lot_id))
    .where(_POSITION.c.org_id == bindparam("org"), _POSITION.c.account_id.in_(bindparam("accounts", expanding=True)))
)


def lot_of(row: Sequence[Any]) -> Lot:
    """Return a lot from its stored values, in the order of ``LOT_NAMES``."""
    lot_id, source, expires_at, giftable, priority, granted_at, amount, account, origin_org, origin_lot = row
    return Lot(
        lot_id,
        Source(source),
        from_micros(expires_at),
        bool(giftable),
        priority,
        from_micros(granted_at),
        Credits(amount),
        account,
        origin_org,
        origin_lot,
    )


def lot(connection: Connection, org_id: int, lot_id: int) -> Lot | None:
    query = select(*LOT_COLUMNS).where(_LOT.c.org_id == org_id, _LOT.c.lot_id == lot_id)
    row = connection.execute(query).first()
    return None if row is None else lot_of(row)


def positions(connection: Connection, org_id: int, accounts: Collection[int]) -> dict[int, list[Position]]:
    """Return what each account holds, lapsed lots included."""
    found: defaultdict[int, list[Position]] = defaultdict(list)
    for account, remaining, *facts in connection.execute(_HELD, {"org": org_id, "accounts": list(accounts)}):
        found[account].append(Position(lot_of(facts), Credits(remaining)))
    return found


def lapsed(connection: Connection, now: datetime, limit: int) -> list[tuple[int, int, int]]:
    """Return (organisation, account, lot) of positions whose lot has lapsed, found by their index. Takes no lock."""
    query = (
        select(_POSITION.c.org_id, _POSITION.c.account_id, _POSITION.c.lot_id)
        .where(_POSITION.c.expires_at.is_not(None), _POSITION.c.expires_at <= to_micros(now))
        .order_by(_POSITION.c.expires_at)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def is_escrow(account: int) -> bool:
    return kind_of(account) is AccountKind.ESCROW
