"""Lots and positions as they are read outside the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, or_, select, text, tuple_

from core.ledger.accounts import AccountKind, kind_of
from core.ledger.credits import Credits
from core.ledger.lots import Lot, Source
from core.ledger.positions import Position
from core.store.tables import OPEN_GIFT, EntryRow, GiftRow, LotRow, PositionRow
from core.store.timestamps import from_micros, to_micros

_LOT: Final = LotRow.metadata.tables["lot"]
_ENTRY: Final = EntryRow.metadata.tables["entry"]
_GIFT: Final = GiftRow.metadata.tables["gift"]
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


class ExpiredPosition(NamedTuple):
    """A position of a lapsed lot, and its place among all of them."""

    expires_at: int
    org_id: int
    account_id: int
    lot_id: int


BEGINNING: Final = ExpiredPosition(0, 0, 0, 0)
_KIND_MASK: Final = 7
_IN_OPEN_GIFT: Final = exists().where(
    _GIFT.c.org_id == _POSITION.c.org_id,
    _GIFT.c.sender_account == _POSITION.c.account_id - int(AccountKind.ESCROW) + int(AccountKind.WALLET),
    text(OPEN_GIFT),
    _ENTRY.c.org_id == _POSITION.c.org_id,
    _ENTRY.c.account_id == _POSITION.c.account_id,
    _ENTRY.c.at == _GIFT.c.created_at,
    _ENTRY.c.transfer_id == _GIFT.c.gift_id,
    _ENTRY.c.lot_id == _POSITION.c.lot_id,
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


def expired_positions(
    connection: Connection, now: datetime, limit: int, *, after: ExpiredPosition = BEGINNING
) -> list[ExpiredPosition]:
    """Return positions whose lot has lapsed, the first to lapse first, beyond ``after``. Takes no lock.

    Of escrows only what an open gift holds: what a usage hold keeps stays chargeable until its deadline (L5).
    """
    place = tuple_(_POSITION.c.expires_at, _POSITION.c.org_id, _POSITION.c.account_id, _POSITION.c.lot_id)
    query = (
        select(_POSITION.c.expires_at, _POSITION.c.org_id, _POSITION.c.account_id, _POSITION.c.lot_id)
        .where(_POSITION.c.expires_at.is_not(None), _POSITION.c.expires_at <= to_micros(now))
        .where(_POSITION.c.expires_at >= after.expires_at, place > tuple(after))
        .where(or_(_POSITION.c.account_id.bitwise_and(_KIND_MASK) != int(AccountKind.ESCROW), _IN_OPEN_GIFT))
        .order_by(_POSITION.c.expires_at, _POSITION.c.org_id, _POSITION.c.account_id, _POSITION.c.lot_id)
        .limit(limit)
    )
    return [ExpiredPosition(*row) for row in connection.execute(query)]


def is_escrow(account: int) -> bool:
    return kind_of(account) is AccountKind.ESCROW
