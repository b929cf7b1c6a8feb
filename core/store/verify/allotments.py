"""Recomputes what allotments gave and what refunds and resets gave back, from the append-only rows (L3)."""

from __future__ import annotations

from sqlalchemy import Connection

from core.ledger.ids import Prefix, shown_id
from core.store.verify.report import VerifyReport, rows_of, transfer_name


def check_supply(connection: Connection, report: VerifyReport) -> None:
    """Check allotments, refunds with what they cancelled, and when windows were reset."""
    _check_allotments(connection, report)
    _check_refunds(connection, report)
    _check_totals(connection, report)
    _check_cancelled(connection, report)
    _check_resets(connection, report)


def _check_allotments(connection: Connection, report: VerifyReport) -> None:
    """S9: what an allotment has given is the sum of the lots that its runs granted."""
    query = """SELECT a.allotment_id, a.granted, sum(l.amount) AS due FROM allotment a
               LEFT JOIN transfer t ON t.org_id = a.org_id AND t.cause_id = a.allotment_id AND t.kind = 'grant'
               LEFT JOIN lot l ON l.org_id = t.org_id AND l.lot_id = t.transfer_id
               GROUP BY a.org_id, a.allotment_id, a.granted HAVING coalesce(sum(l.amount), 0) <> a.granted"""
    for row in rows_of(connection, query):
        name = shown_id(Prefix.ALLOTMENT, row["allotment_id"])
        report.add(name, f"has given {row['granted']} micro-credits, its lots sum to {row['due'] or 0}")


def _check_refunds(connection: Connection, report: VerifyReport) -> None:
    """S9: the lots that a refund gave back are what it moved, and each refund in the books is accounted for."""
    query = """SELECT r.transfer_id, r.amount - r.cancelled - r.allowance AS lots, -sum(e.amount) AS moved
               FROM refund r
               LEFT JOIN transfer t ON t.org_id = r.org_id AND t.transfer_id = r.transfer_id AND t.kind = 'refund'
               AND t.cause_id = r.charge_id
               LEFT JOIN entry e ON e.org_id = r.org_id AND e.account_id = r.org_id * 8 + 4 AND e.at = t.at
               AND e.transfer_id = t.transfer_id
               GROUP BY r.org_id, r.transfer_id, r.amount, r.cancelled, r.allowance
               HAVING coalesce(-sum(e.amount), 0) <> r.amount - r.cancelled - r.allowance"""
    for row in rows_of(connection, query):
        name = f"refund {transfer_name(row['transfer_id'])}"
        report.add(name, f"gave back lots of {row['lots']} micro-credits, but moved {row['moved'] or 0}")
    strange = """SELECT t.transfer_id FROM transfer t
                 LEFT JOIN refund r ON r.org_id = t.org_id AND r.transfer_id = t.transfer_id
                 WHERE t.kind = 'refund' AND r.transfer_id IS NULL"""
    for row in rows_of(connection, strange):
        report.add(f"refund {transfer_name(row['transfer_id'])}", "is in the books, but of no charge")


def _check_totals(connection: Connection, report: VerifyReport) -> None:
    """S9: no charge is given back more than once in total."""
    query = """SELECT r.charge_id, sum(r.amount) AS given, u.amount FROM refund r
               LEFT JOIN usage_event u ON u.org_id = r.org_id AND u.transfer_id = r.charge_id
               GROUP BY r.org_id, r.charge_id, u.amount HAVING sum(r.amount) > coalesce(u.amount, 0)"""
    for row in rows_of(connection, query):
        name = f"charge {transfer_name(row['charge_id'])}"
        report.add(name, f"is of {row['amount'] or 0} micro-credits, but {row['given']} were given back")


def _check_cancelled(connection: Connection, report: VerifyReport) -> None:
    """S2: what of an obligation is no longer owed is what refunds of its cause cancelled."""
    query = """SELECT o.cause_id, o.cancelled, r.due FROM obligation o LEFT JOIN
               (SELECT org_id, charge_id, sum(cancelled) AS due FROM refund GROUP BY org_id, charge_id) r
               ON r.org_id = o.org_id AND r.charge_id = o.cause_id
               WHERE coalesce(o.cancelled, 0) <> coalesce(r.due, 0)"""
    for row in rows_of(connection, query):
        name = f"obligation of {transfer_name(row['cause_id'])}"
        report.add(name, f"is cancelled by {row['cancelled'] or 0} micro-credits, its refunds by {row['due'] or 0}")


def _check_resets(connection: Connection, report: VerifyReport) -> None:
    """S8: a window was reset when the last reset took something from it, and not otherwise."""
    query = """SELECT w.member_id, w.meter FROM usage_window w LEFT JOIN
               (SELECT p.org_id, p.member_id, p.meter, p.opens_at, p.closes_at, max(t.at) AS at FROM transfer t
                JOIN window_posting p ON p.org_id = t.org_id AND p.transfer_id = t.transfer_id
                WHERE t.kind = 'reset' GROUP BY p.org_id, p.member_id, p.meter, p.opens_at, p.closes_at) r
               ON r.org_id = w.org_id AND r.member_id = w.member_id AND r.meter = w.meter
               AND r.opens_at = w.opens_at AND r.closes_at = w.closes_at
               WHERE coalesce(w.reset_at, -1) <> coalesce(r.at, -1)"""
    for row in rows_of(connection, query):
        name = f"window {row['meter']} of {shown_id(Prefix.MEMBER, row['member_id'])}"
        report.add(name, "is stored with another reset than its transfers made")
