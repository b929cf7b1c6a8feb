"""Recomputes what was spent: usage events, what they left owing, windows and holds, from the append-only rows (L3)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from core.ledger.ids import Prefix, shown_id
from core.ledger.transfers import OF_HOLDS, TransferKind
from core.metering.holds import HoldState
from core.store.timestamps import from_micros
from core.store.verify.report import VerifyReport, grouped, rows_of, transfer_name

_KINDS: Final = ", ".join(sorted(f"'{kind.value}'" for kind in OF_HOLDS))

# What a hold has become, by what was done to it; a late capture is one of a hold that had expired.
_STATES: Final = {
    (): HoldState.OPEN,
    (TransferKind.CAPTURE.value,): HoldState.CAPTURED,
    (TransferKind.RELEASE.value,): HoldState.RELEASED,
    (TransferKind.HOLD_EXPIRE.value,): HoldState.EXPIRED,
    (TransferKind.CAPTURE.value, TransferKind.HOLD_EXPIRE.value): HoldState.CAPTURED,
}


def check_spending(connection: Connection, report: VerifyReport) -> None:
    """Check usage events with what they left owing, the windows of allowances and caps, and holds."""
    _check_usage(connection, report)
    _check_overage(connection, report)
    _check_windows(connection, report)
    _check_reserved(connection, report)
    _check_holds(connection, report)
    _check_escrows(connection, report)


def _check_usage(connection: Connection, report: VerifyReport) -> None:
    """S3, S6: each event's amount is what was charged for it, what its plan covered and what it left owing."""
    query = """SELECT u.transfer_id, u.amount, u.allowance, u.overage, sum(e.amount) AS charged, u.at <> t.at AS moved
               FROM usage_event u
               LEFT JOIN transfer t ON t.org_id = u.org_id AND t.transfer_id = u.transfer_id
               LEFT JOIN entry e ON e.org_id = u.org_id AND e.account_id = u.org_id * 8 + 4 AND e.at = t.at
               AND e.transfer_id = u.transfer_id
               GROUP BY u.org_id, u.transfer_id, u.amount, u.allowance, u.overage, u.at, t.at
               HAVING coalesce(sum(e.amount), 0) + coalesce(u.allowance, 0) + coalesce(u.overage, 0) <> u.amount
               OR u.at <> t.at"""
    for row in rows_of(connection, query):
        parts = f"{row['charged'] or 0} were charged, {row['allowance'] or 0} included and {row['overage'] or 0} owed"
        report.add(_event_name(row["transfer_id"]), f"is of {row['amount']} micro-credits, but {parts}")


def _check_overage(connection: Connection, report: VerifyReport) -> None:
    """S2: what an event left owing is an obligation of just that amount, and no other usage is owed."""
    query = """SELECT u.transfer_id, u.overage, o.amount AS owed FROM usage_event u
               LEFT JOIN obligation o ON o.org_id = u.org_id AND o.cause_id = u.transfer_id
               AND o.debtor_account = u.member_id * 8 AND o.creditor_account = u.org_id * 8 + 4
               WHERE coalesce(u.overage, 0) <> coalesce(o.amount, 0)"""
    for row in rows_of(connection, query):
        problem = f"left {row['overage'] or 0} micro-credits owing, but its obligation is of {row['owed'] or 0}"
        report.add(_event_name(row["transfer_id"]), problem)
    strange = """SELECT o.cause_id FROM obligation o
                 LEFT JOIN usage_event u ON u.org_id = o.org_id AND u.transfer_id = o.cause_id
                 WHERE o.creditor_account % 8 = 4 AND u.transfer_id IS NULL"""
    for row in rows_of(connection, strange):
        report.add(f"obligation of {transfer_name(row['cause_id'])}", "is for usage that is not there")


def _check_windows(connection: Connection, report: VerifyReport) -> None:
    """S5, S6: what was used of a window is the sum of its postings."""
    which = "org_id, member_id, meter, opens_at, closes_at"
    summed = f"SELECT {which}, sum(amount) AS due FROM window_posting GROUP BY {which}"  # noqa: S608  (our own words)
    query = f"""SELECT member_id, meter, opens_at, closes_at, p.due, w.used
                FROM ({summed}) p LEFT JOIN usage_window w USING ({which}) WHERE coalesce(w.used, 0) <> p.due
                UNION ALL
                SELECT member_id, meter, opens_at, closes_at, 0 AS due, w.used
                FROM usage_window w LEFT JOIN ({summed}) p USING ({which})
                WHERE p.due IS NULL AND w.used <> 0"""  # noqa: S608
    for row in rows_of(connection, query):
        report.add(_window_name(row), f"has {row['used'] or 0} micro-credits used, its postings sum to {row['due']}")


def _check_reserved(connection: Connection, report: VerifyReport) -> None:
    """S5: no window keeps more reserved than holds that are open, or were until it closed, have put there.

    It may be less, for a reset takes it back. A late capture hides until when its hold was open: clocks go back, too.
    """
    which = "org_id, member_id, meter, opens_at, closes_at"
    query = f"""SELECT w.member_id, w.meter, w.opens_at, w.closes_at, w.reserved, coalesce(held.most, 0) AS most
                FROM usage_window w LEFT JOIN (
                    SELECT p.org_id, p.member_id, p.meter, p.opens_at, p.closes_at, sum(p.amount) AS most
                    FROM hold h JOIN window_posting p ON p.org_id = h.org_id AND p.transfer_id = h.hold_id
                    WHERE h.state = 'open' OR h.closed_at >= p.closes_at OR h.is_late
                    GROUP BY p.org_id, p.member_id, p.meter, p.opens_at, p.closes_at
                ) held USING ({which}) WHERE w.reserved > coalesce(held.most, 0)"""  # noqa: S608  (our own words)
    for row in rows_of(connection, query):
        problem = f"has {row['reserved']} micro-credits reserved, its holds have reserved {row['most']}"
        report.add(_window_name(row), problem)


def _check_holds(connection: Connection, report: VerifyReport) -> None:
    """S2: what became of a hold follows from its transfers; what it cost from the usage event of its capture."""
    query = f"""SELECT h.hold_id, h.state, h.charged, h.overage, h.is_late, h.closed_at, t.kind, t.at,
                       u.amount AS event_amount, u.overage AS event_overage
                FROM hold h
                LEFT JOIN transfer t ON t.org_id = h.org_id AND t.cause_id = h.hold_id AND t.kind IN ({_KINDS})
                LEFT JOIN usage_event u ON u.org_id = t.org_id AND u.transfer_id = t.transfer_id
                ORDER BY h.hold_id, t.kind"""  # noqa: S608  (our own words)
    for rows in grouped(rows_of(connection, query), "hold_id"):
        report.holds += 1
        _check_hold(report, rows)


def _check_hold(report: VerifyReport, rows: list[Any]) -> None:
    hold, name = rows[0], _hold_name(rows[0]["hold_id"])
    kinds = sorted(row["kind"] for row in rows if row["kind"] is not None)
    opened = kinds.count(TransferKind.HOLD.value)
    done = tuple(kind for kind in kinds if kind != TransferKind.HOLD.value)
    due = _STATES.get(done) if opened == 1 else None
    if due is None or due.value != hold["state"]:
        state = "impossible" if due is None else due.value
        report.add(name, f"is stored as {hold['state']}, its transfers make it {state}")
        return
    last = next((row for row in rows if row["kind"] in done[:1]), None)
    facts = (hold["charged"], hold["overage"], bool(hold["is_late"]), hold["closed_at"])
    if last is None:
        expected = (0, 0, False, None)
    else:
        cost = (last["event_amount"] or 0, last["event_overage"] or 0)
        expected = (*cost, len(done) > 1, last["at"])
    if facts != expected:
        stated, ought = _told(facts), _told(expected)
        report.add(name, f"is stored with {stated}, its transfers make it {ought}")


def _check_escrows(connection: Connection, report: VerifyReport) -> None:
    """S2: a hold's amount is what it set aside and what its plan covers; once it is over, nothing of it is left."""
    query = f"""SELECT h.hold_id, h.amount, h.allowance, h.state, x.put, x.rest FROM hold h
                LEFT JOIN (SELECT t.org_id, t.cause_id, sum(e.amount) AS rest,
                                  sum(CASE WHEN t.kind = 'hold' THEN e.amount END) AS put
                           FROM entry e CROSS JOIN transfer t
                           WHERE e.account_id % 8 = 2 AND t.org_id = e.org_id AND t.transfer_id = e.transfer_id
                           AND t.kind IN ({_KINDS}) GROUP BY t.org_id, t.cause_id) x
                ON x.org_id = h.org_id AND x.cause_id = h.hold_id"""  # noqa: S608  (our own words)
    for row in rows_of(connection, query):
        put, rest = row["put"] or 0, row["rest"] or 0
        if put + row["allowance"] != row["amount"]:
            parts = f"{put} were set aside and {row['allowance']} are included"
            report.add(_hold_name(row["hold_id"]), f"is of {row['amount']} micro-credits, but {parts}")
        if rest != (put if row["state"] == HoldState.OPEN.value else 0):
            report.add(_hold_name(row["hold_id"]), f"is {row['state']}, but {rest} of its micro-credits are set aside")


def _told(facts: tuple[int, int, bool, int | None]) -> str:
    charged, overage, is_late, closed_at = facts
    when = "open" if closed_at is None else f"over at {from_micros(closed_at).isoformat()}"
    return f"{charged} micro-credits charged, {overage} owed, {'late, ' if is_late else ''}{when}"


def _event_name(number: int) -> str:
    return f"usage event of {transfer_name(number)}"


def _window_name(row: Any) -> str:
    who = shown_id(Prefix.MEMBER, row["member_id"])
    opens, closes = (from_micros(row[end]).isoformat() for end in ("opens_at", "closes_at"))
    return f"window {row['meter']} of {who} from {opens} to {closes}"


def _hold_name(number: int) -> str:
    return shown_id(Prefix.HOLD, number)
