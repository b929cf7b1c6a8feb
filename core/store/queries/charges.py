"""How charges were paid, as the books tell it, and what was given back of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from core.ledger.accounts import AccountKind, account_id, escrow_of, kind_of, owner_of, pool_of, wallet_of
from core.ledger.credits import Credits, total
from core.ledger.positions import Slice
from core.metering.caps import Span
from core.metering.refunds import Bill, BillPart, Counted, Refund
from core.store.queries.lots import LOT_NAMES, lot_of
from core.store.records import query_records
from core.store.tables import OPEN_OBLIGATION
from core.store.timestamps import from_micros

_LOT = ", ".join(f"l.{name}" for name in LOT_NAMES)
_OWN_LOT = "JOIN lot l ON l.org_id = e.org_id AND l.lot_id = e.lot_id"


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """A charge or capture as the books have it: who paid for which model when, and how."""

    charge_id: int
    member_id: int
    member: str
    model: str
    at: datetime
    bill: Bill


def charge(connection: Connection, org_id: int, charge_id: int) -> ChargeRecord | None:
    """Return a charge or capture by the id of its transfer; None when there is none."""
    query = """SELECT u.member_id, m.name, u.model, u.allowance, u.overage, t.at, t.cause_id FROM usage_event u
               JOIN transfer t ON t.org_id = u.org_id AND t.transfer_id = u.transfer_id
               JOIN member m ON m.org_id = u.org_id AND m.member_id = u.member_id
               WHERE u.org_id = :org AND u.transfer_id = :number"""
    row = connection.execute(text(query), {"org": org_id, "number": charge_id}).first()
    if row is None:
        return None
    given = refunds(connection, org_id, charge_id)
    causes = [charge_id, *([] if row.cause_id is None else [row.cause_id]), *(each.transfer_id for each in given)]
    bill = Bill(
        Credits(row.allowance or 0),
        (*_drawn(connection, org_id, charge_id, row), *_repaid(connection, org_id, charge_id, row.member_id)),
        Credits(row.overage or 0),
        tuple(each for cause in causes for each in _counted(connection, org_id, cause)),
        total(each.amount for each in given),
    )
    return ChargeRecord(charge_id, row.member_id, row.name, row.model, from_micros(row.at), bill)


_OWED: Final = text(
    f"""SELECT CAST(coalesce(sum(amount - repaid - coalesce(cancelled, 0)), 0) AS BIGINT) FROM obligation
        WHERE org_id = :org AND debtor_account = :account AND {OPEN_OBLIGATION}"""  # noqa: S608  (our own words)
)


def owed_by(connection: Connection, org_id: int, account: int) -> Credits:
    """Return what an account owes: usage that nothing covered, and claw-backs, as far as no grant has repaid them."""
    return Credits(connection.execute(_OWED, {"org": org_id, "account": account}).scalar_one())


def refunds(connection: Connection, org_id: int, charge_id: int) -> list[Refund]:
    """Return what was given back of a charge, the first refund first."""
    which = "WHERE r.org_id = :org AND r.charge_id = :charge ORDER BY r.transfer_id"
    return query_records(connection, Refund, which, org=org_id, charge=charge_id)


def _drawn(connection: Connection, org_id: int, charge_id: int, row: Row[Any]) -> list[BillPart]:
    """Return the slices that a charge consumed, in the order of the draw (L4).

    They came from the payer's wallet and from pools, or from what a hold had set aside of these.
    """
    wallet = wallet_of(row.member_id)
    query = f"""SELECT e.account_id, e.line, -e.amount, {_LOT} FROM
                (SELECT CAST(:wallet AS BIGINT) AS account_id UNION ALL SELECT CAST(:escrow AS BIGINT)
                 UNION ALL SELECT team_id * 8 + 1 FROM team WHERE org_id = :org
                 UNION ALL SELECT team_id * 8 + 2 FROM team WHERE org_id = :org) a
                JOIN entry e ON e.org_id = :org AND e.account_id = a.account_id AND e.at = :at
                AND e.transfer_id = :number {_OWN_LOT} WHERE e.amount < 0 ORDER BY e.line"""  # noqa: S608
    asked = {"org": org_id, "at": row.at, "number": charge_id}
    lines = """SELECT line - 1 FROM entry WHERE org_id = :org AND account_id = :consumed AND at = :at
               AND transfer_id = :number"""
    consumed = account_id(org_id, AccountKind.CONSUMED)
    used = set(connection.execute(text(lines), asked | {"consumed": consumed}).scalars())
    sources = {"wallet": wallet, "escrow": escrow_of(wallet)}
    return [
        BillPart(_source(account, row.member_id), Slice(lot_of(facts), Credits(amount)))
        for account, line, amount, *facts in connection.execute(text(query), asked | sources)
        if line in used
    ]


def _source(account: int, member_id: int) -> int:
    """Return the wallet or pool that an escrow belongs to."""
    if kind_of(account) is not AccountKind.ESCROW:
        return account
    owner = owner_of(account)
    return wallet_of(owner) if owner == member_id else pool_of(owner)


def _repaid(connection: Connection, org_id: int, charge_id: int, member_id: int) -> list[BillPart]:
    """Return the slices that have repaid what was owed of a charge, in the order of time (S2)."""
    query = f"""SELECT -e.amount, {_LOT} FROM transfer t
                JOIN entry e ON e.org_id = t.org_id AND e.account_id = :wallet AND e.at = t.at
                AND e.transfer_id = t.transfer_id {_OWN_LOT}
                WHERE t.org_id = :org AND t.cause_id = :number AND t.kind = 'repay' AND e.amount < 0
                ORDER BY t.at, t.transfer_id, e.line"""  # noqa: S608  (our own column names)
    wallet = wallet_of(member_id)
    rows = connection.execute(text(query), {"org": org_id, "number": charge_id, "wallet": wallet})
    return [BillPart(wallet, Slice(lot_of(facts), Credits(amount)), is_late=True) for amount, *facts in rows]


def _counted(connection: Connection, org_id: int, transfer_id: int) -> list[Counted]:
    query = """SELECT t.at, p.meter, p.opens_at, p.closes_at, p.amount FROM window_posting p
               JOIN transfer t ON t.org_id = p.org_id AND t.transfer_id = p.transfer_id
               WHERE p.org_id = :org AND p.transfer_id = :number ORDER BY p.line"""
    rows = connection.execute(text(query), {"org": org_id, "number": transfer_id})
    return [
        Counted(from_micros(at), meter, Span(from_micros(opens), from_micros(closes)), Credits(amount))
        for at, meter, opens, closes, amount in rows
    ]
