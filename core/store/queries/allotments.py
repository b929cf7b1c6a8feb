"""Allotments as they are read outside the journal, and what became of a grant."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, text

from core.ledger.accounts import escrow_of
from core.ledger.allotments import Allotment
from core.ledger.credits import ZERO, Credits
from core.ledger.lots import Lot
from core.ledger.transfers import OF_GIFTS, TransferKind
from core.store.queries.lots import positions
from core.store.records import query_records
from core.store.timestamps import from_micros, to_micros

_USED: Final = frozenset({TransferKind.CHARGE, TransferKind.CAPTURE, TransferKind.REFUND})
_GIVEN: Final = OF_GIFTS | {TransferKind.ALLOCATE, TransferKind.REPAY}


@dataclass(frozen=True, slots=True)
class GrantUse:
    """What became of a granted lot, as the wallet or pool it was granted to sees it; together all that was granted.

    ``held`` is set aside for gifts and usage, ``given`` went to others for good, ``lapsed`` is still there or booked.
    """

    left: Credits
    held: Credits
    used: Credits
    given: Credits
    lapsed: Credits
    voided: Credits


def grant_use(connection: Connection, org_id: int, lot: Lot, now: datetime) -> GrantUse:
    """Sum what the account and its escrow gained and gave of the lot since it was granted, by kind of transfer."""
    accounts = (lot.account_id, escrow_of(lot.account_id))
    query = text(
        """SELECT t.kind, CAST(sum(e.amount) AS BIGINT) FROM entry e
           JOIN transfer t ON t.org_id = e.org_id AND t.transfer_id = e.transfer_id
           WHERE e.org_id = :org AND e.account_id IN :accounts AND e.at >= :since AND e.lot_id = :lot GROUP BY t.kind"""
    ).bindparams(bindparam("accounts", expanding=True))
    asked = {"org": org_id, "accounts": accounts, "since": to_micros(lot.granted_at), "lot": lot.lot_id}
    gone = {TransferKind(kind): -amount for kind, amount in connection.execute(query, asked)}
    there = positions(connection, org_id, accounts)
    left, held = (
        Credits(sum(each.remaining.micros for each in there[account] if each.lot.lot_id == lot.lot_id))
        for account in accounts
    )
    lapsed = Credits(gone.get(TransferKind.EXPIRE, 0))
    return GrantUse(
        left=ZERO if lot.expired(now) else left,
        held=held,
        used=Credits(sum(amount for kind, amount in gone.items() if kind in _USED)),
        given=Credits(sum(amount for kind, amount in gone.items() if kind in _GIVEN)),
        lapsed=lapsed + left if lot.expired(now) else lapsed,
        voided=Credits(gone.get(TransferKind.VOID, 0)),
    )


def allotment(connection: Connection, org_id: int, allotment_id: int) -> Allotment | None:
    which = "WHERE org_id = :org AND allotment_id = :number"
    return next(iter(query_records(connection, Allotment, which, org=org_id, number=allotment_id)), None)


def allotments(
    connection: Connection, org_id: int, accounts: Collection[int] | None, *, after: int, limit: int
) -> list[Allotment]:
    """Return an organization's allotments, oldest first: all, or those to some accounts."""
    named = {f"a{place}": account for place, account in enumerate(accounts or ())}
    narrowed = "" if accounts is None else f" AND account_id IN ({', '.join(f':{name}' for name in named)})"
    which = f"WHERE org_id = :org AND allotment_id > :after{narrowed} ORDER BY allotment_id LIMIT :limit"
    return query_records(connection, Allotment, which, org=org_id, after=after, limit=limit, **named)


_NEXT: Final = text(
    """SELECT amount, next_at FROM allotment WHERE org_id = :org AND account_id = :account AND ended_at IS NULL
       ORDER BY next_at, allotment_id LIMIT 1"""
)


def next_allotment(connection: Connection, org_id: int, account: int) -> tuple[Credits, datetime] | None:
    """Return what the next run of an allotment to an account brings, and when. Every balance asks."""
    row = connection.execute(_NEXT, {"org": org_id, "account": account}).first()
    return None if row is None else (Credits(row[0]), from_micros(row[1]))


def due_allotments(connection: Connection, now: datetime, *, after: tuple[int, int], limit: int) -> list[Allotment]:
    """Return allotments of all organizations with a run that is due, beyond ``after`` (org, id). Takes no lock."""
    which = """WHERE ended_at IS NULL AND next_at <= :now AND (org_id, allotment_id) > (:org, :number)
               ORDER BY org_id, allotment_id LIMIT :limit"""
    asked = {"now": to_micros(now), "org": after[0], "number": after[1], "limit": limit}
    return query_records(connection, Allotment, which, **asked)
