"""Verify for boosts: counters, applications and boosts say the same, and each was booked (L3, S6, S7)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from core.ledger.ids import Prefix, shown_id
from core.metering.campaigns import ApplicationState
from core.store.verify.report import VerifyReport, rows_of

_COUNTED: Final = ", ".join(
    f"count(CASE WHEN a.state = '{state.value}' THEN 1 END) AS n_{state.value}" for state in ApplicationState
)
_DIFFERS: Final = " OR ".join(
    f"c.{state.value} <> count(CASE WHEN a.state = '{state.value}' THEN 1 END)" for state in ApplicationState
)


def check_boosts(connection: Connection, report: VerifyReport) -> None:
    """Add a finding for each counter, application and boost that differs."""
    _check_counters(connection, report)
    _check_applications(connection, report)
    _check_boosts(connection, report)


def _check_counters(connection: Connection, report: VerifyReport) -> None:
    """A campaign's counters are the numbers of its applications, and so its capacity was kept."""
    states = ", ".join(f"c.{state.value}" for state in ApplicationState)
    query = f"""SELECT c.campaign_id, {states}, {_COUNTED} FROM campaign c
                LEFT JOIN application a ON a.org_id = c.org_id AND a.campaign_id = c.campaign_id
                GROUP BY c.org_id, c.campaign_id, {states} HAVING {_DIFFERS}"""  # noqa: S608  (our own words)
    for row in rows_of(connection, query):
        for state in ApplicationState:
            counted, there = row[state.value], row[f"n_{state.value}"]
            if counted != there:
                name = shown_id(Prefix.CAMPAIGN, row["campaign_id"])
                report.add(name, f"counts {counted} applications as {state.value}, but there are {there}")


def _check_applications(connection: Connection, report: VerifyReport) -> None:
    """An application was booked, and so was its withdrawal; who is admitted has the boost of the campaign.

    The plus keeps SQLite from looking a person's boost up by its campaign, which has thousands.
    """
    query = """SELECT a.application_id, a.state, t.transfer_id AS booked, w.transfer_id AS taken_back, b.boost_id
               FROM application a
               LEFT JOIN transfer t ON t.org_id = a.org_id AND t.transfer_id = a.application_id AND t.kind = 'apply'
               LEFT JOIN transfer w ON w.org_id = a.org_id AND w.cause_id = a.application_id AND w.kind = 'withdraw'
               LEFT JOIN boost b ON b.org_id = a.org_id AND b.subject_id = a.member_id
                 AND +b.campaign_id = a.campaign_id
               WHERE t.transfer_id IS NULL OR (w.transfer_id IS NULL) = (a.state = 'withdrawn')
                 OR (a.state = 'admitted' AND b.boost_id IS NULL)"""
    for row in rows_of(connection, query):
        name = shown_id(Prefix.APPLICATION, row["application_id"])
        if row["booked"] is None:
            report.add(name, "was never booked")
        elif row["state"] == ApplicationState.ADMITTED.value and row["boost_id"] is None:
            report.add(name, "is admitted, but has no boost")
        else:
            booked = "not booked as withdrawn" if row["taken_back"] is None else "booked as withdrawn"
            report.add(name, f"is {row['state']}, but {booked}")


def _check_boosts(connection: Connection, report: VerifyReport) -> None:
    """A boost was booked, or is what its campaign gives and to one who was admitted once."""
    dropped = """SELECT b.boost_id FROM boost b
                 LEFT JOIN transfer t ON t.org_id = b.org_id AND t.transfer_id = b.boost_id AND t.kind = 'boost'
                 WHERE b.campaign_id IS NULL AND t.transfer_id IS NULL"""
    for row in rows_of(connection, dropped):
        report.add(shown_id(Prefix.BOOST, row["boost_id"]), "was never booked")
    given = """SELECT b.boost_id, a.state FROM boost b
               LEFT JOIN campaign c ON c.org_id = b.org_id AND c.campaign_id = b.campaign_id
               LEFT JOIN application a ON a.org_id = b.org_id AND a.campaign_id = b.campaign_id
                 AND a.member_id = b.subject_id AND a.state IN ('admitted', 'withdrawn')
               WHERE b.campaign_id IS NOT NULL
                 AND (a.state IS NULL OR b.factor <> c.factor OR b.ends_at > c.ends_at)"""
    for row in rows_of(connection, given):
        problem = "is of somebody who was not admitted" if row["state"] is None else "is not what its campaign gives"
        report.add(shown_id(Prefix.BOOST, row["boost_id"]), problem)
