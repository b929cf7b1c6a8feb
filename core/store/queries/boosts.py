"""Boosts, campaigns and applications as they are read outside the journal."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Connection, bindparam, text

from core.metering.boosts import Boost
from core.metering.campaigns import Application, ApplicationState, BoostBudget, Campaign
from core.store.records import query_records
from core.store.timestamps import to_micros

Found = TypeVar("Found")

MAX_COUNTED: Final = 10_000  # so far a place in line is counted


class NamedRow(NamedTuple):
    """Whom a boost is for: the table that names them, and their name."""

    kind: str  # member, team or org
    name: str


def boost(connection: Connection, org_id: int, boost_id: int) -> Boost | None:
    which = "WHERE r.org_id = :org AND r.boost_id = :number"
    return _first(query_records(connection, Boost, which, org=org_id, number=boost_id))


def boosts_of(connection: Connection, org_id: int, subjects: Collection[int], *, now: datetime) -> list[Boost]:
    """Return the boosts of these subjects that are in force or will be, the first to begin first.

    One that was ended before it began never was.
    """
    named = {f"s{place}": subject for place, subject in enumerate(subjects)}
    which = f"""WHERE r.org_id = :org AND r.subject_id IN ({", ".join(f":{name}" for name in named)})
                AND r.ends_at > :now AND r.ends_at > r.starts_at ORDER BY r.starts_at, r.boost_id"""
    return query_records(connection, Boost, which, org=org_id, now=to_micros(now), **named)


def boosts_to_announce(connection: Connection, now: datetime, limit: int) -> list[Boost]:
    """Return the boosts of which something is to be told, the longest overdue first."""
    which = "WHERE r.tell_at IS NOT NULL AND r.tell_at <= :now ORDER BY r.tell_at LIMIT :most"
    return query_records(connection, Boost, which, now=to_micros(now), most=limit)


def unrevoked_boosts(connection: Connection, campaign: Campaign, limit: int) -> list[int]:
    """Return boosts that still go on, or will, although their campaign was ended early."""
    query = text(
        """SELECT boost_id FROM boost WHERE org_id = :org AND campaign_id = :campaign AND campaign_id IS NOT NULL
           AND ends_at > :ended AND ends_at > starts_at ORDER BY boost_id LIMIT :most"""
    )
    values = {"org": campaign.org_id, "campaign": campaign.campaign_id, "ended": to_micros(campaign.ended_at)}
    return [row[0] for row in connection.execute(query, {**values, "most": limit})]


def subjects_of(
    connection: Connection, org_id: int, numbers: Collection[int], *, kinds: Collection[str] = ("member", "team", "org")
) -> dict[int, NamedRow]:
    """Return what each subject is, and its name; ``kinds`` are those that it may be."""
    found: dict[int, NamedRow] = {}
    named = {"member": ("member", "member_id"), "team": ("team", "team_id"), "org": ("organisation", "org_id")}
    for kind in kinds:
        table, column = named[kind]
        query = text(f"SELECT {column}, name FROM {table} WHERE org_id = :org AND {column} IN :numbers")  # noqa: S608
        values = {"org": org_id, "numbers": list(numbers)}
        rows = connection.execute(query.bindparams(bindparam("numbers", expanding=True)), values)
        found |= {row[0]: NamedRow(kind, row[1]) for row in rows}
    return found


def people_of(connection: Connection, org_id: int, subject_id: int) -> list[int]:
    """Return who is here of a boost's subject: a member, a team's people, or everybody."""
    where = {
        "everybody": "m.org_id = :org",
        "themselves": "m.org_id = :org AND m.member_id = :subject",
        "team": """m.org_id = :org AND m.member_id IN
                   (SELECT t.member_id FROM team_member t WHERE t.org_id = :org AND t.team_id = :subject)""",
    }
    which = "everybody" if subject_id == org_id else "themselves"
    values = {"org": org_id, "subject": subject_id}
    for kind in (which, "team"):
        query = f"SELECT m.member_id FROM member m WHERE {where[kind]} AND m.deactivated_at IS NULL ORDER BY 1"  # noqa: S608
        if people := [row[0] for row in connection.execute(text(query), values)]:
            return people
    return []


def budget(connection: Connection, org_id: int, team_id: int) -> BoostBudget | None:
    which = "WHERE r.org_id = :org AND r.team_id = :team"
    return _first(query_records(connection, BoostBudget, which, org=org_id, team=team_id))


def campaign(connection: Connection, org_id: int, campaign_id: int) -> Campaign | None:
    which = "WHERE r.org_id = :org AND r.campaign_id = :number"
    return _first(query_records(connection, Campaign, which, org=org_id, number=campaign_id))


def campaigns(connection: Connection, org_id: int, *, before: tuple[int, int] | None, limit: int) -> list[Campaign]:
    """Return an organization's campaigns, newest first."""
    at, number = before or (2**62, 0)
    which = """WHERE r.org_id = :org AND (r.created_at < :at OR (r.created_at = :at AND r.campaign_id < :number))
               ORDER BY r.created_at DESC, r.campaign_id DESC LIMIT :most"""
    return query_records(connection, Campaign, which, org=org_id, at=at, number=number, most=limit)


def campaigns_at_work(connection: Connection, now: datetime) -> list[Campaign]:
    """Return the campaigns for which time or a free place has something to do: a draw, a waitlist, an early end."""
    which = """WHERE r.ends_at > :now AND (
                 (r.ended_at IS NOT NULL)
                 OR (r.method = 'lottery' AND r.closes_at <= :now AND (r.drawn_at IS NULL OR r.applied > 0))
                 OR (r.waitlisted > 0 AND r.admitted < r.capacity))
               ORDER BY r.created_at"""
    return query_records(connection, Campaign, which, now=to_micros(now))


def application(connection: Connection, org_id: int, application_id: int) -> Application | None:
    which = "WHERE r.org_id = :org AND r.application_id = :number"
    return _first(query_records(connection, Application, which, org=org_id, number=application_id))


def application_of(connection: Connection, org_id: int, campaign_id: int, member_id: int) -> Application | None:
    which = "WHERE r.org_id = :org AND r.member_id = :member AND r.campaign_id = :campaign"
    values = {"org": org_id, "member": member_id, "campaign": campaign_id}
    return _first(query_records(connection, Application, which, **values))


def applications(
    connection: Connection,
    org_id: int,
    campaign_id: int,
    *,
    state: ApplicationState | None,
    after: tuple[str, int, int] | None,
    limit: int,
) -> list[Application]:
    """Return a campaign's applications by state and rank, in the order in which they move up."""
    last_state, rank, number = after or ("", 0, 0)
    values: dict[str, Any] = {"org": org_id, "campaign": campaign_id, "s": last_state, "rank": rank, "number": number}
    only = "" if state is None else "AND r.state = :state"
    if state is not None:
        values["state"] = state.value
    which = f"""WHERE r.org_id = :org AND r.campaign_id = :campaign {only} AND (r.state > :s
                 OR (r.state = :s AND (r.rank > :rank OR (r.rank = :rank AND r.application_id > :number))))
               ORDER BY r.state, r.rank, r.application_id LIMIT :most"""
    return query_records(connection, Application, which, **values, most=limit)


def applications_of_leavers(connection: Connection, now: datetime, limit: int) -> list[tuple[int, int, int]]:
    """Return (organization, campaign, member) of applications that still count although their people have left."""
    query = text(
        """SELECT a.org_id, a.campaign_id, a.member_id FROM member m
           JOIN application a ON a.org_id = m.org_id AND a.member_id = m.member_id
           JOIN campaign c ON c.org_id = a.org_id AND c.campaign_id = a.campaign_id
           WHERE m.deactivated_at IS NOT NULL AND a.state IN ('applied', 'admitted', 'waitlisted')
             AND c.ends_at > :now AND c.ended_at IS NULL LIMIT :most"""
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query, {"now": to_micros(now), "most": limit})]


def next_in_line(connection: Connection, campaign: Campaign, state: ApplicationState, limit: int) -> list[int]:
    """Return the applications of a state with the lowest ranks."""
    query = text(
        """SELECT application_id FROM application WHERE org_id = :org AND campaign_id = :campaign AND state = :state
           ORDER BY "rank", application_id LIMIT :most"""
    )
    values = {"org": campaign.org_id, "campaign": campaign.campaign_id, "state": state.value, "most": limit}
    return [row[0] for row in connection.execute(query, values)]


def draw_order(
    connection: Connection, campaign: Campaign, *, after: tuple[int, int] | None, limit: int
) -> list[Application]:
    """Return a lottery's applications in the order of the draw, also those withdrawn."""
    rank, number = after or (0, 0)
    which = """WHERE r.org_id = :org AND r.campaign_id = :campaign
                 AND (r.rank > :rank OR (r.rank = :rank AND r.application_id > :number))
               ORDER BY r.rank, r.application_id LIMIT :most"""
    values = {"org": campaign.org_id, "campaign": campaign.campaign_id, "rank": rank, "number": number}
    return query_records(connection, Application, which, **values, most=limit)


def place_in_line(connection: Connection, waiting: Application) -> int | None:
    """Return how many wait before somebody, plus one; None past ``MAX_COUNTED``."""
    query = text(
        """SELECT count(*) FROM (SELECT 1 FROM application WHERE org_id = :org AND campaign_id = :campaign
           AND state = :state AND ("rank", application_id) < (:rank, :number) LIMIT :most) AS line"""
    )
    values = {
        "org": waiting.org_id,
        "campaign": waiting.campaign_id,
        "state": waiting.state.value,
        "rank": waiting.rank,
        "number": waiting.application_id,
        "most": MAX_COUNTED,
    }
    before = int(connection.execute(query, values).scalar_one())
    return before + 1 if before < MAX_COUNTED else None


def _first(found: list[Found]) -> Found | None:
    return found[0] if found else None
