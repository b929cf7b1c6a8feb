"""Recomputes what people asked of each other and by whom they came, from the append-only rows (L3)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from core.ledger.ids import Prefix, shown_id
from core.ledger.requests import RequestState
from core.store.verify.report import VerifyReport, rows_of

_WHOLE: Final = RequestState.FILLED.value
_PART: Final = RequestState.ACCEPTED.value


def check_sharing(connection: Connection, report: VerifyReport) -> None:
    """Check requests with their pledges and the gifts these became, and referrals with their rewards."""
    _check_requests(connection, report)
    _check_given(connection, report)
    _check_gifts(connection, report)
    _check_pledges(connection, report)
    _check_referrals(connection, report)


def _check_requests(connection: Connection, report: VerifyReport) -> None:
    """A request is what its asker booked."""
    query = """SELECT r.request_id, t.transfer_id FROM credit_request r
               LEFT JOIN transfer t ON t.org_id = r.org_id AND t.transfer_id = r.request_id AND t.kind = 'ask'
               WHERE t.transfer_id IS NULL OR t.actor_id <> r.asker_id OR t.at <> r.created_at"""
    for row in rows_of(connection, query):
        problem = "was never booked" if row["transfer_id"] is None else "was asked by another person or at another time"
        report.add(shown_id(Prefix.REQUEST, row["request_id"]), problem)


def _check_given(connection: Connection, report: VerifyReport) -> None:
    """What a request brought is the sum of its gifts; one that is filled brought all of it, or a pool paid it."""
    given = f"""CASE r.state WHEN '{_WHOLE}' THEN r.amount WHEN '{_PART}' THEN coalesce(g.given, 0) ELSE 0 END"""
    query = f"""SELECT r.request_id, r.state, r.given, {given} AS due, g.given AS gifts FROM credit_request r
                LEFT JOIN (SELECT p.org_id, p.request_id, sum(g.amount) AS given FROM pledge p
                           JOIN gift g ON g.org_id = p.org_id AND g.gift_id = p.gift_id
                           GROUP BY p.org_id, p.request_id) g ON g.org_id = r.org_id AND g.request_id = r.request_id
                WHERE r.given <> {given} OR (r.state = '{_WHOLE}' AND g.given <> r.amount)"""  # noqa: S608
    for row in rows_of(connection, query):
        due = row["due"] if row["gifts"] is None or row["state"] != _WHOLE else row["gifts"]
        problem = f"is {row['state']} with {row['given']} micro-credits, but {due} were given"
        report.add(shown_id(Prefix.REQUEST, row["request_id"]), problem)


def _check_gifts(connection: Connection, report: VerifyReport) -> None:
    """A pledge became a gift of just that amount from its pledger to the asker, in a request that came true."""
    query = f"""SELECT p.request_id, p.member_id FROM pledge p
                JOIN credit_request r ON r.org_id = p.org_id AND r.request_id = p.request_id
                LEFT JOIN gift g ON g.org_id = p.org_id AND g.gift_id = p.gift_id
                WHERE p.gift_id IS NOT NULL AND (g.gift_id IS NULL OR r.state NOT IN ('{_WHOLE}', '{_PART}')
                OR g.amount <> p.amount OR g.sender_account <> p.member_id * 8
                OR g.recipient_account <> r.asker_id * 8)"""  # noqa: S608
    for row in rows_of(connection, query):
        report.add(_pledge_name(row["request_id"], row["member_id"]), "did not become the gift that it names")


def _check_pledges(connection: Connection, report: VerifyReport) -> None:
    """Whoever promised something or said no did so in the books."""
    query = """SELECT p.request_id, p.member_id FROM pledge p
               WHERE (p.amount > 0 OR p.has_declined) AND NOT EXISTS
               (SELECT 1 FROM transfer t WHERE t.org_id = p.org_id AND t.cause_id = p.request_id
                AND t.kind = 'pledge' AND t.actor_id = p.member_id)"""
    for row in rows_of(connection, query):
        report.add(_pledge_name(row["request_id"], row["member_id"]), "was never booked")


def _check_referrals(connection: Connection, report: VerifyReport) -> None:
    """Who came by whom was booked by them, and so was its reward, at the moment that is stored."""
    query = """SELECT r.invited_id, t.transfer_id, r.rewarded_at, w.at FROM referral r
               LEFT JOIN transfer t ON t.org_id = r.org_id AND t.cause_id = r.inviter_id AND t.kind = 'refer'
               AND t.actor_id = r.invited_id AND t.at = r.created_at
               LEFT JOIN command c ON c.org_id = r.org_id AND c.actor_id = 0
               AND c.key = 'referral:' || CAST(r.invited_id AS TEXT)
               LEFT JOIN transfer w ON w.org_id = c.org_id AND w.transfer_id = c.first_id
               WHERE t.transfer_id IS NULL OR coalesce(r.rewarded_at, 0) <> coalesce(w.at, 0)"""
    for row in rows_of(connection, query):
        booked = "is stored with another reward than was booked"
        problem = "was never booked" if row["transfer_id"] is None else booked
        report.add(f"referral of {shown_id(Prefix.MEMBER, row['invited_id'])}", problem)


def _pledge_name(request: int, member: int) -> str:
    return f"pledge of {shown_id(Prefix.MEMBER, member)} to {shown_id(Prefix.REQUEST, request)}"
