"""A wallet's statement: its movements, newest first, each with its lots and its other side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, select, tuple_

from core.ledger.accounts import owner_of
from core.ledger.credits import Credits
from core.ledger.lots import Lot
from core.ledger.transfers import TransferKind
from core.store.queries.gifts import sides
from core.store.queries.lots import LOT_COLUMNS, lot_of
from core.store.tables import EntryRow, GiftRow, HoldRow, LotRow, NoteRow, TransferRow, UsageEventRow
from core.store.timestamps import from_micros, to_micros

_ENTRY: Final = EntryRow.metadata.tables["entry"]
_GIFT: Final = GiftRow.metadata.tables["gift"]
_LOT: Final = LotRow.metadata.tables["lot"]
_NOTE: Final = NoteRow.metadata.tables["note"]
_TRANSFER: Final = TransferRow.metadata.tables["transfer"]
_USAGE: Final = UsageEventRow.metadata.tables["usage_event"]
_HOLD: Final = HoldRow.metadata.tables["hold"]


@dataclass(frozen=True, slots=True)
class UsageOfMovement:
    """What usage cost by which card, how much of it a plan covered and nothing did, and when it happened if told."""

    model: str
    card: str
    is_fallback: bool
    happened_at: datetime | None
    cost: Credits
    allowance: Credits
    overage: Credits
    is_late: bool


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer as an account sees it: signed parts of lots, who is on the other side, and what was used."""

    transfer_id: int
    kind: TransferKind
    at: datetime
    parts: tuple[tuple[Lot, Credits], ...]
    counterpart: str | None
    note: str | None
    usage: UsageOfMovement | None = None


def movements(
    connection: Connection, org_id: int, account: int, *, before: tuple[datetime, int] | None, limit: int
) -> list[Movement]:
    """Return an account's movements, newest first, older than ``before`` (at, transfer)."""
    places = _numbers(connection, org_id, account, before, limit)
    numbers = [number for _, number in places]
    parts, usage = _parts(connection, org_id, account, places), _usage(connection, org_id, numbers)
    query = (
        select(_TRANSFER, _NOTE.c.body)
        .outerjoin(_NOTE, and_(_NOTE.c.org_id == _TRANSFER.c.org_id, _NOTE.c.transfer_id == _TRANSFER.c.transfer_id))
        .where(_TRANSFER.c.org_id == org_id, _TRANSFER.c.transfer_id.in_(numbers))
        .order_by(_TRANSFER.c.at.desc(), _TRANSFER.c.transfer_id.desc())
    )
    rows = connection.execute(query).all()
    names = _counterparts(connection, org_id, account, [row.cause_id for row in rows if row.cause_id is not None])
    return [
        Movement(
            row.transfer_id,
            TransferKind(row.kind),
            from_micros(row.at),
            parts.get(row.transfer_id, ()),
            names.get(row.cause_id),
            row.body,
            usage.get(row.transfer_id),
        )
        for row in rows
    ]


def _numbers(
    connection: Connection, org_id: int, account: int, before: tuple[datetime, int] | None, limit: int
) -> list[tuple[int, int]]:
    """Return (at, transfer) of what moved the account, and of usage that its owner's plan or nothing covered."""
    found: set[tuple[int, int]] = set()
    for table, own in ((_ENTRY, _ENTRY.c.account_id == account), (_USAGE, _USAGE.c.member_id == owner_of(account))):
        query = select(table.c.at, table.c.transfer_id).where(table.c.org_id == org_id, own)
        if before is not None:
            query = query.where(tuple_(table.c.at, table.c.transfer_id) < (to_micros(before[0]), before[1]))
        newest = (table.c.at.desc(), table.c.transfer_id.desc())
        query = query.group_by(table.c.at, table.c.transfer_id).order_by(*newest).limit(limit)
        found.update((row[0], row[1]) for row in connection.execute(query))
    return sorted(found, reverse=True)[:limit]


def _usage(connection: Connection, org_id: int, numbers: Iterable[int]) -> dict[int, UsageOfMovement]:
    """Return what was used, by the transfer that charged it; late is a capture after the hold's deadline."""
    query = (
        select(_USAGE, _HOLD.c.is_late)
        .join(_TRANSFER, and_(_TRANSFER.c.org_id == _USAGE.c.org_id, _TRANSFER.c.transfer_id == _USAGE.c.transfer_id))
        .outerjoin(_HOLD, and_(_HOLD.c.org_id == _TRANSFER.c.org_id, _HOLD.c.hold_id == _TRANSFER.c.cause_id))
        .where(_USAGE.c.org_id == org_id, _USAGE.c.transfer_id.in_(numbers))
    )
    return {
        row.transfer_id: UsageOfMovement(
            row.model,
            row.card,
            bool(row.is_fallback),
            from_micros(row.happened_at),
            Credits(row.amount),
            Credits(row.allowance or 0),
            Credits(row.overage or 0),
            bool(row.is_late),
        )
        for row in connection.execute(query)
    }


def _parts(
    connection: Connection, org_id: int, account: int, places: list[tuple[int, int]]
) -> dict[int, tuple[tuple[Lot, Credits], ...]]:
    if not places:
        return {}
    query = (
        select(_ENTRY.c.transfer_id, _ENTRY.c.amount, *LOT_COLUMNS)
        .join(_LOT, and_(_LOT.c.org_id == _ENTRY.c.org_id, _LOT.c.lot_id == _ENTRY.c.lot_id))
        .where(
            _ENTRY.c.org_id == org_id,
            _ENTRY.c.account_id == account,
            _ENTRY.c.at.between(places[-1][0], places[0][0]),
            _ENTRY.c.transfer_id.in_([number for _, number in places]),
        )
        .order_by(_ENTRY.c.transfer_id, _ENTRY.c.line)
    )
    found: dict[int, tuple[tuple[Lot, Credits], ...]] = {}
    for number, amount, *facts in connection.execute(query):
        found[number] = (*found.get(number, ()), (lot_of(facts), Credits(amount)))
    return found


def _counterparts(connection: Connection, org_id: int, account: int, gift_ids: list[int]) -> dict[int, str]:
    """Return the other side's name of each gift."""
    query = select(_GIFT.c.gift_id, _GIFT.c.sender_account, _GIFT.c.recipient_account).where(
        _GIFT.c.org_id == org_id, _GIFT.c.gift_id.in_(gift_ids)
    )
    others = {
        gift_id: recipient if sender == account else sender for gift_id, sender, recipient in connection.execute(query)
    }
    names = sides(connection, {(org_id, other) for other in others.values()})
    return {gift_id: names[other].name for gift_id, other in others.items()}


def movement(connection: Connection, org_id: int, account: int, transfer_id: int) -> Movement:
    """Return one transfer as an account sees it."""
    query = select(_TRANSFER.c.at).where(_TRANSFER.c.org_id == org_id, _TRANSFER.c.transfer_id == transfer_id)
    at = from_micros(connection.execute(query).scalar_one())
    return movements(connection, org_id, account, before=(at, transfer_id + 1), limit=1)[0]
