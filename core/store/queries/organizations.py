"""Organizations and teams: tenants, groups, who is in them, and the pools they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, delete, select, update

from core.ledger.accounts import AccountKind, account_id
from core.store.queries.people import add_account, insert_once
from core.store.tables import OrganizationRow, PolicyRow, TeamMemberRow, TeamRow
from core.store.timestamps import from_micros, to_micros

_ORG: Final = OrganizationRow.metadata.tables["organisation"]
_POLICY: Final = PolicyRow.metadata.tables["policy"]
_TEAM: Final = TeamRow.metadata.tables["team"]
_TEAM_MEMBER: Final = TeamMemberRow.metadata.tables["team_member"]
MAX_ORGANISATIONS: Final = 1_000  # read at once, by the terminal and the Slack door


@dataclass(frozen=True, slots=True)
class OrganizationRecord:
    """An organization as stored."""

    org_id: int
    name: str
    slack_team_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TeamRecord:
    """A team as stored; ``members`` and ``leads`` are ids, leads among the members."""

    org_id: int
    team_id: int
    name: str
    created_at: datetime
    members: tuple[int, ...] = ()
    leads: tuple[int, ...] = ()


def add_organization(connection: Connection, record: OrganizationRecord, *, policy: dict[str, Any]) -> None:
    """Insert an organization with its pool and the first version of its policy."""
    connection.execute(
        _ORG.insert().values(
            org_id=record.org_id,
            name=record.name,
            slack_team_id=record.slack_team_id,
            created_at=to_micros(record.created_at),
        )
    )
    connection.execute(
        _POLICY.insert().values(org_id=record.org_id, version=1, body=policy, created_at=to_micros(record.created_at))
    )
    _add_pool(connection, org_id=record.org_id, owner=record.org_id)


def organization(connection: Connection, *, org_id: int) -> OrganizationRecord | None:
    return next(iter(_organizations(connection, select(_ORG).where(_ORG.c.org_id == org_id))), None)


def organization_by_slack(connection: Connection, *, team_id: str) -> OrganizationRecord | None:
    return next(iter(_organizations(connection, select(_ORG).where(_ORG.c.slack_team_id == team_id))), None)


def organizations(connection: Connection) -> list[OrganizationRecord]:
    """Return the organizations of this database, oldest first."""
    return _organizations(connection, select(_ORG).order_by(_ORG.c.org_id).limit(MAX_ORGANISATIONS))


def has_organization(connection: Connection) -> bool:
    """Return whether there is any: the cheapest question that needs the database to answer."""
    return connection.execute(select(_ORG.c.org_id).limit(1)).first() is not None


def bind_slack(connection: Connection, *, org_id: int, team_id: str) -> bool:
    """Bind an organization that is not yet bound; False when it is."""
    unbound = (_ORG.c.org_id == org_id, _ORG.c.slack_team_id.is_(None))
    return connection.execute(update(_ORG).where(*unbound).values(slack_team_id=team_id)).rowcount == 1


def lock_organization(connection: Connection, *, org_id: int) -> None:
    """Let changes that first look at what is there come one after the other in one organization."""
    connection.execute(select(_ORG.c.org_id).where(_ORG.c.org_id == org_id).with_for_update())


def add_team(connection: Connection, record: TeamRecord) -> None:
    """Insert a team with its pool."""
    connection.execute(
        _TEAM.insert().values(
            org_id=record.org_id, team_id=record.team_id, name=record.name, created_at=to_micros(record.created_at)
        )
    )
    _add_pool(connection, org_id=record.org_id, owner=record.team_id)


def team(connection: Connection, *, org_id: int, team_id: int) -> TeamRecord | None:
    found = _teams(connection, org_id, select(_TEAM).where(_TEAM.c.org_id == org_id, _TEAM.c.team_id == team_id))
    return found[0] if found else None


def teams(connection: Connection, *, org_id: int, after: int, limit: int) -> list[TeamRecord]:
    """Return teams in the order they were made."""
    query = select(_TEAM).where(_TEAM.c.org_id == org_id, _TEAM.c.team_id > after)
    return _teams(connection, org_id, query.order_by(_TEAM.c.team_id).limit(limit))


def team_names(connection: Connection, *, org_id: int) -> list[tuple[int, str]]:
    """Return the id and the name of every team, oldest first."""
    query = select(_TEAM.c.team_id, _TEAM.c.name).where(_TEAM.c.org_id == org_id).order_by(_TEAM.c.team_id)
    return [(row.team_id, row.name) for row in connection.execute(query)]


def add_team_member(connection: Connection, *, org_id: int, team_id: int, member_id: int, is_lead: bool) -> None:
    """Put a member into a team, or change whether they lead it."""
    place = {"org_id": org_id, "team_id": team_id, "member_id": member_id}
    if insert_once(connection, "team_member", {**place, "is_lead": is_lead}):
        return
    connection.execute(update(_TEAM_MEMBER).filter_by(**place).values(is_lead=is_lead))


def remove_team_member(connection: Connection, *, org_id: int, team_id: int, member_id: int) -> bool:
    """Take a member out of a team; False when they were not in it."""
    place = {"org_id": org_id, "team_id": team_id, "member_id": member_id}
    return connection.execute(delete(_TEAM_MEMBER).filter_by(**place)).rowcount == 1


def _add_pool(connection: Connection, *, org_id: int, owner: int) -> None:
    for kind in (AccountKind.POOL, AccountKind.ESCROW):
        add_account(connection, org_id=org_id, account=account_id(owner, kind))


def _organizations(connection: Connection, query: Select[Any]) -> list[OrganizationRecord]:
    return [
        OrganizationRecord(row.org_id, row.name, row.slack_team_id, from_micros(row.created_at))
        for row in connection.execute(query)
    ]


def _teams(connection: Connection, org_id: int, query: Select[Any]) -> list[TeamRecord]:
    rows = connection.execute(query).all()
    if not rows:
        return []
    wanted = _TEAM_MEMBER.c.team_id.in_([row.team_id for row in rows])
    seats = connection.execute(
        select(_TEAM_MEMBER).where(_TEAM_MEMBER.c.org_id == org_id, wanted).order_by(_TEAM_MEMBER.c.member_id)
    ).all()
    return [
        TeamRecord(
            org_id,
            row.team_id,
            row.name,
            from_micros(row.created_at),
            tuple(each.member_id for each in seats if each.team_id == row.team_id),
            tuple(each.member_id for each in seats if each.team_id == row.team_id and each.is_lead),
        )
        for row in rows
    ]


_IN_FORCE: Final = (
    select(_POLICY.c.body).where(_POLICY.c.org_id == bindparam("org")).order_by(_POLICY.c.version.desc()).limit(1)
)


def policy(connection: Connection, *, org_id: int) -> dict[str, Any] | None:
    """Return the body of the policy in force, or None for an organization without one."""
    found: dict[str, Any] | None = connection.execute(_IN_FORCE, {"org": org_id}).scalar()
    return found
