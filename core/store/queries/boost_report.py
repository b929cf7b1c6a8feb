"""What a report on a boost counts, read from usage, notices, requests, lots and members."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from core.ledger.accounts import AccountKind, kind_of, owner_of
from core.ledger.credits import Credits
from core.metering.boost_report import DailyUsage, ReportSpan
from core.metering.campaigns import ApplicationState
from core.store.timestamps import to_micros

FULL_PERCENT = 100


class ResolutionCounts(NamedTuple):
    """Who met what in a span."""

    at_limit: frozenset[int]
    asked: frozenset[int]
    bought: frozenset[int]
    left: frozenset[int]


def people(connection: Connection, org_id: int, *, team_id: int | None, until: datetime, since: datetime) -> list[int]:
    """Return who was here for some of the time: people and services of the organization, or of one team."""
    of_team = "AND member_id IN (SELECT member_id FROM team_member WHERE org_id = :org AND team_id = :team)"
    query = f"""SELECT member_id FROM member WHERE org_id = :org AND kind <> 'bot' AND joined_at < :until
                AND (deactivated_at IS NULL OR deactivated_at > :since) {of_team if team_id is not None else ""}
                ORDER BY member_id"""  # noqa: S608  (our own words)
    values: dict[str, Any] = {"org": org_id, "until": to_micros(until), "since": to_micros(since)}
    if team_id is not None:
        values["team"] = team_id
    return [row[0] for row in connection.execute(text(query), values)]


def states(connection: Connection, org_id: int, campaign_id: int) -> dict[int, ApplicationState]:
    """Return what became of each person's application."""
    query = text("SELECT member_id, state FROM application WHERE org_id = :org AND campaign_id = :campaign")
    rows = connection.execute(query, {"org": org_id, "campaign": campaign_id})
    return {member: ApplicationState(state) for member, state in rows}


def ratings(connection: Connection, org_id: int, campaign_id: int) -> dict[int, int]:
    """Return how often each rating was given."""
    query = text(
        """SELECT rating, count(*) FROM application WHERE org_id = :org AND campaign_id = :campaign
           AND rating IS NOT NULL GROUP BY rating"""
    )
    rows = connection.execute(query, {"org": org_id, "campaign": campaign_id})
    return {int(rating): int(count) for rating, count in rows}


def used(connection: Connection, org_id: int, span: ReportSpan) -> dict[int, DailyUsage]:
    """Return what each person used, by the moment it was booked."""
    query = text(
        """SELECT u.member_id, count(*), CAST(sum(u.amount) AS BIGINT) FROM transfer t
           JOIN usage_event u ON u.org_id = t.org_id AND u.transfer_id = t.transfer_id
           WHERE t.org_id = :org AND t.at >= :begins AND t.at < :ends GROUP BY u.member_id"""
    )
    rows = connection.execute(query, _within(org_id, span))
    return {member: DailyUsage(int(requests), Credits(int(amount))) for member, requests, amount in rows}


def resolutions(connection: Connection, org_id: int, span: ReportSpan) -> ResolutionCounts:
    """Return who hit a limit, asked, bought or left."""
    values = _within(org_id, span)

    def members(query: str) -> frozenset[int]:
        return frozenset(row[0] for row in connection.execute(text(query), values))

    told = connection.execute(
        text(
            """SELECT member_id, CAST(body AS TEXT) FROM outbox WHERE org_id = :org AND kind = 'threshold'
               AND created_at >= :begins AND created_at < :ends"""
        ),
        values,
    )
    lots = members(
        """SELECT DISTINCT account_id FROM lot WHERE org_id = :org AND source = 'purchase'
           AND granted_at >= :begins AND granted_at < :ends"""
    )
    return ResolutionCounts(
        at_limit=frozenset(member for member, body in told if int(orjson.loads(body)["percent"]) >= FULL_PERCENT),
        asked=members(
            """SELECT DISTINCT asker_id FROM credit_request WHERE org_id = :org
               AND created_at >= :begins AND created_at < :ends"""
        ),
        bought=frozenset(owner_of(account) for account in lots if kind_of(account) is AccountKind.WALLET),
        left=members(
            """SELECT member_id FROM member WHERE org_id = :org
               AND deactivated_at >= :begins AND deactivated_at < :ends"""
        ),
    )


def _within(org_id: int, span: ReportSpan) -> dict[str, Any]:
    return {"org": org_id, "begins": to_micros(span.begins_at), "ends": to_micros(span.ends_at)}
