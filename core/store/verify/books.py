"""Recomputes everything from the append-only rows and compares: positions, sums, gifts, spending, seals (L3, L8).

It reads one state and names each row that differs. It never repairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from core.ledger.gifts import GiftState
from core.ledger.ids import Prefix, shown_id
from core.ledger.transfers import TransferKind
from core.store.engine import is_sqlite
from core.store.seals import SealKey
from core.store.verify.allotments import check_supply
from core.store.verify.boosts import check_boosts
from core.store.verify.report import VerifyReport, gift_name, grouped, rows_of, transfer_name
from core.store.verify.seals import check_heads, check_seals
from core.store.verify.sharing import check_sharing
from core.store.verify.usage import check_spending

_STORED: Final = "account_id % 8 IN (0, 1, 2)"  # wallets, pools, escrows
_ENDS: Final = {
    TransferKind.GIFT_SETTLE.value: GiftState.SETTLED,
    TransferKind.GIFT_CANCEL.value: GiftState.CANCELLED,
    TransferKind.GIFT_DECLINE.value: GiftState.DECLINED,
    TransferKind.GIFT_REJECT.value: GiftState.REJECTED,
    TransferKind.GIFT_RETURN.value: GiftState.RETURNED,
}


def verify(engine: Engine, keys: Iterable[SealKey], heads: Mapping[str, str] | None = None) -> VerifyReport:
    """Check the whole database in one transaction that sees one state.

    ``heads`` are those exported earlier, ``{writer: "batch:seal"}``: with them, whatever was cut off before is
    missed too. What was written and cut off since then cannot be.
    """
    report = VerifyReport()
    level = {} if is_sqlite(engine) else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection, connection.begin():
        _check_sums(connection, report)
        _check_positions(connection, report)
        _check_gifts(connection, report)
        _check_obligations(connection, report)
        _check_deliveries(connection, report)
        _check_commands(connection, report)
        check_spending(connection, report)
        check_supply(connection, report)
        check_boosts(connection, report)
        check_sharing(connection, report)
        check_seals(connection, report, {key.key_id: key for key in keys})
        check_heads(connection, report, heads or {})
    return report


def _check_sums(connection: Connection, report: VerifyReport) -> None:
    """L1: each transfer's lines sum to zero for each lot."""
    query = """SELECT transfer_id, lot_id, sum(amount) AS rest FROM entry
               GROUP BY org_id, transfer_id, lot_id HAVING sum(amount) <> 0"""
    for row in rows_of(connection, query):
        lot = shown_id(Prefix.LOT, row["lot_id"])
        report.add(
            transfer_name(row["transfer_id"]), f"its lines of {lot} sum to {row['rest']} micro-credits, not to zero"
        )


def _check_positions(connection: Connection, report: VerifyReport) -> None:
    """L3: each stored position is the sum of its entries; an empty one is no row."""
    summed = f"""SELECT org_id, account_id, lot_id, sum(amount) AS due FROM entry WHERE {_STORED}
                 GROUP BY org_id, account_id, lot_id"""  # noqa: S608  (our own words)
    joined = "USING (org_id, account_id, lot_id)"
    query = f"""SELECT e.account_id, e.lot_id, e.due, coalesce(p.remaining, 0) AS stored FROM ({summed}) e
                LEFT JOIN position p {joined} WHERE e.due <> coalesce(p.remaining, 0)
                UNION ALL
                SELECT p.account_id, p.lot_id, 0 AS due, p.remaining AS stored FROM position p
                LEFT JOIN ({summed}) e {joined} WHERE e.due IS NULL"""  # noqa: S608
    for row in rows_of(connection, query):
        place = f"position of {shown_id(Prefix.LOT, row['lot_id'])} in account {row['account_id']}"
        report.add(place, f"holds {row['stored']} micro-credits, its entries sum to {row['due']}")
    expiries = """SELECT p.account_id, p.lot_id FROM position p LEFT JOIN lot l USING (org_id, lot_id)
                  WHERE l.lot_id IS NULL OR coalesce(l.expires_at, -1) <> coalesce(p.expires_at, -1)"""
    for row in rows_of(connection, expiries):
        place = f"position of {shown_id(Prefix.LOT, row['lot_id'])} in account {row['account_id']}"
        report.add(place, "does not repeat its lot's expiry")
    report.positions = connection.execute(text("SELECT count(*) FROM position")).scalar_one()


def _check_gifts(connection: Connection, report: VerifyReport) -> None:
    """L3: a gift's state and settlement instant follow from its transfers; what it reserved is its amount."""
    query = """SELECT g.gift_id, g.state, g.settles_at AS stored_settles_at, g.amount, g.decision, t.kind,
                      t.settles_at
               FROM gift g LEFT JOIN transfer t ON t.org_id = g.org_id AND t.cause_id = g.gift_id
               ORDER BY g.gift_id, t.transfer_id"""
    for rows in grouped(rows_of(connection, query), "gift_id"):
        report.gifts += 1
        gift = rows[0]
        kinds = [row["kind"] for row in rows]
        due_state = _state_of(kinds, gift["decision"])
        if due_state != gift["state"]:
            report.add(gift_name(gift["gift_id"]), f"is stored as {gift['state']}, its transfers make it {due_state}")
        due_at = max((row["settles_at"] for row in rows if row["settles_at"] is not None), default=None)
        if due_at != gift["stored_settles_at"]:
            report.add(gift_name(gift["gift_id"]), "is stored with another settlement instant than its transfers set")
    reserved = """SELECT g.gift_id, g.amount, sum(e.amount) AS reserved FROM gift g
                  LEFT JOIN entry e ON e.org_id = g.org_id AND e.account_id = g.sender_account + 2
                  AND e.at = g.created_at AND e.transfer_id = g.gift_id
                  GROUP BY g.org_id, g.gift_id, g.amount HAVING coalesce(sum(e.amount), 0) <> g.amount"""
    for row in rows_of(connection, reserved):
        report.add(
            gift_name(row["gift_id"]), f"is of {row['amount']} micro-credits, but {row['reserved']} were reserved"
        )


def _check_obligations(connection: Connection, report: VerifyReport) -> None:
    """G6, S2: what was repaid of an obligation is what its repayments moved to the creditor."""
    query = """SELECT o.cause_id, o.repaid, sum(e.amount) AS moved FROM obligation o
               LEFT JOIN transfer t ON t.org_id = o.org_id AND t.cause_id = o.cause_id AND t.kind = 'repay'
               LEFT JOIN entry e ON e.org_id = o.org_id AND e.account_id = o.creditor_account AND e.at = t.at
               AND e.transfer_id = t.transfer_id
               GROUP BY o.org_id, o.cause_id, o.repaid HAVING coalesce(sum(e.amount), 0) <> o.repaid"""
    for row in rows_of(connection, query):
        name = f"obligation of {transfer_name(row['cause_id'])}"
        report.add(name, f"is repaid by {row['repaid']} micro-credits, but {row['moved'] or 0} were moved")


def _check_deliveries(connection: Connection, report: VerifyReport) -> None:
    """L9: what was marked as arrived is in the books of the other organization, what bounced is back."""
    query = """SELECT d.gift_id, d.state FROM delivery d
               LEFT JOIN transfer t ON t.cause_id = d.gift_id
               AND ((d.state = 'arrived' AND t.org_id = d.to_org AND t.kind = 'gift_arrive')
                    OR (d.state = 'bounced' AND t.org_id = d.org_id AND t.kind = 'gift_bounce'))
               WHERE d.state <> 'queued' AND t.transfer_id IS NULL"""
    for row in rows_of(connection, query):
        report.add(f"delivery of {gift_name(row['gift_id'])}", f"is marked as {row['state']}, but nothing shows it")


def _state_of(kinds: list[str | None], decision: Any) -> str:
    """Return the state that a gift's transfers make, in whichever order processes numbered them."""
    ends = [_ENDS[kind] for kind in kinds if kind in _ENDS]
    if TransferKind.GIFT_RESERVE.value not in kinds or len(ends) > 1:
        return "impossible"
    if TransferKind.GIFT_BOUNCE.value in kinds:
        return GiftState.RETURNED.value if ends == [GiftState.SETTLED] else "impossible"
    if TransferKind.GIFT_REVERSE.value in kinds:
        return GiftState.REVERSED.value
    if ends:
        return ends[0].value
    reviewed = '"outcome":"review"' in str(decision).replace(" ", "").replace("'", '"')
    waits = reviewed and TransferKind.GIFT_APPROVE.value not in kinds
    return (GiftState.IN_REVIEW if waits else GiftState.PENDING).value


def _check_commands(connection: Connection, report: VerifyReport) -> None:
    """L6: each key that took effect names a transfer."""
    orphans = """SELECT c.key, c.actor_id FROM command c
                 LEFT JOIN transfer t ON t.org_id = c.org_id AND t.transfer_id = c.first_id
                 WHERE t.transfer_id IS NULL"""
    for row in rows_of(connection, orphans):
        report.add(f"command {row['key']!r} of actor {row['actor_id']}", "names a transfer that is not there")
