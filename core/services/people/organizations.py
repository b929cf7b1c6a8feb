"""Organizations and their teams: how a tenant begins, and how its people are grouped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.services.common.actors import Actor, Role
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import Page
from core.services.common.text import checked_name, is_same_name
from core.services.common.views import MemberView
from core.services.people.members import colleague, member_view, require_admin
from core.services.people.tokens import ALL_SCOPES, new_token
from core.store.queries import organizations, people
from core.store.queries.organizations import OrganizationRecord, TeamRecord
from core.store.queries.people import MemberRecord


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """A tenant as its members see it."""

    id: str
    name: str
    slack_team_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TeamView:
    """A group with its people; ``id`` also names its pool."""

    id: str
    name: str
    members: tuple[str, ...]
    leads: tuple[str, ...]
    created_at: datetime


async def create_organization(
    ledger: LedgerService, *, name: str, admin_name: str, policy: dict[str, Any] | None = None
) -> tuple[str, MemberView, str]:
    """Begin a tenant with its first admin, who is verified; return its id, the admin and the admin's token.

    The token is shown this once. ``policy`` holds what differs from the rules' defaults.
    """
    now = ledger.clock()
    org = OrganizationRecord(ledger.new_id(), checked_name(name), None, now)
    admin = MemberRecord(
        org_id=org.org_id,
        member_id=ledger.new_id(),
        name=checked_name(admin_name, field="admin_name"),
        kind="person",
        role=Role.ADMIN.value,
        joined_at=now,
        verified_at=now,
    )

    rules = {"settlement_hours": ledger.default_settlement_hours, **(policy or {})}
    token_id = ledger.new_id()

    def begin(connection: Connection) -> str:
        organizations.add_organization(connection, org, policy=rules)
        people.add_member(connection, admin)
        secret, _ = new_token(
            ledger, connection, token_id=token_id, owner=admin, scopes=ALL_SCOPES, label="first admin token"
        )
        return secret

    token = await ledger.write(begin)
    return shown_id(Prefix.ORG, org.org_id), member_view(admin), token


async def operator(ledger: LedgerService, *, org: str | None = None) -> Actor:
    """Return who acts from the terminal of the machine the ledger is on: the organization's first admin.

    Without ``org`` there must be exactly one. Raises Refused(not_found) otherwise.
    """

    def find(connection: Connection) -> MemberRecord | None:
        return people.first_admin(connection, org_id=_chosen(organizations.organizations(connection), org).org_id)

    admin = await ledger.read(find)
    if admin is None:
        raise Refused(Code.NOT_FOUND, "This organization has no admin.")
    return Actor(admin.org_id, admin.member_id, Role.ADMIN, ALL_SCOPES)


async def bind_slack_team(ledger: LedgerService, *, org: str | None = None, team_id: str) -> str:
    """Bind an organization to a Slack workspace, once; return its id.

    Without ``org`` the only unbound organization is taken. Bound already to this workspace: nothing changes.
    Raises Refused(not_found) when there is no such organization or more than one, not_allowed when it is bound to
    another workspace, or the workspace to another organization.
    """

    def bind(connection: Connection) -> int:
        bound = organizations.organization_by_slack(connection, team_id=team_id)
        wanted = None if org is None else _chosen(organizations.organizations(connection), org).org_id
        if bound is not None and wanted in {None, bound.org_id}:
            return bound.org_id
        unbound = [each for each in organizations.organizations(connection) if each.slack_team_id is None]
        target = wanted or _chosen(unbound, None).org_id
        if bound is not None or not organizations.bind_slack(connection, org_id=target, team_id=team_id):
            raise Refused(Code.NOT_ALLOWED, "The Slack workspace and the organization are each bound to one other.")
        return target

    return shown_id(Prefix.ORG, await ledger.write(bind))


async def list_organizations(ledger: LedgerService) -> tuple[OrganizationView, ...]:
    """Return all organizations of this database: for the terminal, never for a member."""
    return tuple(map(_organization_view, await ledger.read(organizations.organizations)))


async def own_organization(ledger: LedgerService, *, actor: Actor) -> OrganizationView:
    """Return the actor's organization."""
    found = await ledger.read(lambda connection: organizations.organization(connection, org_id=actor.org_id))
    if found is None:
        raise Refused(Code.NOT_FOUND, "Organization not found.")
    return _organization_view(found)


async def organization(ledger: LedgerService, *, actor: Actor, org_id: str) -> OrganizationView:
    """Return the actor's organization by its id. Raises Refused(not_found) for every other."""
    if parse_id(Prefix.ORG, org_id) != actor.org_id:
        raise Refused(Code.NOT_FOUND, f"Organization {org_id!r} not found.")
    return await own_organization(ledger, actor=actor)


async def create_team(ledger: LedgerService, *, actor: Actor, name: str) -> TeamView:
    """Begin a team, with an empty pool, by an admin. Raises Refused: not_allowed, already_exists for its name."""
    require_admin(actor)
    record = TeamRecord(actor.org_id, ledger.new_id(), checked_name(name), ledger.clock())

    def begin(connection: Connection) -> None:
        organizations.lock_organization(connection, org_id=actor.org_id)
        _require_new_name(connection, record)
        organizations.add_team(connection, record)

    await ledger.write(begin)
    return _team_view(record)


async def team(ledger: LedgerService, *, actor: Actor, team_id: str) -> TeamView:
    """Return a team. Raises Refused(not_found), for another organization's teams too."""
    return _team_view(await ledger.read(lambda connection: _team(connection, actor, team_id)))


async def list_teams(
    ledger: LedgerService, *, actor: Actor, limit: int = 50, cursor: str | None = None
) -> Page[TeamView]:
    """Return the organization's teams, oldest first."""
    after = 0 if cursor is None else int(place_of(cursor, (int,))[0])
    size = checked_limit(limit)
    found = await ledger.read(
        lambda connection: organizations.teams(connection, org_id=actor.org_id, after=after, limit=size + 1)
    )
    following = cursor_of(found[size - 1].team_id) if len(found) > size else None
    return Page(tuple(map(_team_view, found[:size])), following)


async def add_to_team(
    ledger: LedgerService, *, actor: Actor, team_id: str, member_id: str, is_lead: bool = False
) -> TeamView:
    """Put a member into a team, or change whether they lead it, by an admin. Twice is once."""
    require_admin(actor)

    def put(connection: Connection) -> TeamRecord:
        place = _team(connection, actor, team_id)
        who = colleague(connection, actor, member_id)
        organizations.add_team_member(
            connection, org_id=actor.org_id, team_id=place.team_id, member_id=who.member_id, is_lead=is_lead
        )
        return _team(connection, actor, team_id)

    return await _changed(ledger, await ledger.write(put))


async def remove_from_team(ledger: LedgerService, *, actor: Actor, team_id: str, member_id: str) -> TeamView:
    """Take a member out of a team, by an admin. Raises Refused(not_found) when they are not in it."""
    require_admin(actor)

    def take(connection: Connection) -> TeamRecord:
        place = _team(connection, actor, team_id)
        who = colleague(connection, actor, member_id)
        if not organizations.remove_team_member(
            connection, org_id=actor.org_id, team_id=place.team_id, member_id=who.member_id
        ):
            raise Refused(Code.NOT_FOUND, f"{who.name} is not in this team.")
        return _team(connection, actor, team_id)

    return await _changed(ledger, await ledger.write(take), parse_id(Prefix.MEMBER, member_id))


async def _changed(ledger: LedgerService, record: TeamRecord, *others: int) -> TeamView:
    """Tell the people of a team: their share of its pool is another."""
    ledger.changes.publish([*record.members, *others])
    return _team_view(record)


def _team(connection: Connection, actor: Actor, team_id: str) -> TeamRecord:
    found = organizations.team(connection, org_id=actor.org_id, team_id=parse_id(Prefix.TEAM, team_id))
    if found is None:
        raise Refused(Code.NOT_FOUND, f"Team {team_id!r} not found.")
    return found


def _require_new_name(connection: Connection, record: TeamRecord) -> None:
    """Raise Refused(already_exists) when a team has this name: people find teams by their names."""
    known = organizations.team_names(connection, org_id=record.org_id)
    same = next(((number, name) for number, name in known if is_same_name(name, record.name)), None)
    if same is not None:
        shown = shown_id(Prefix.TEAM, same[0])
        sentence = f"There is a team {same[1]!r} already ({shown}). Use that one, or choose another name."
        raise Refused(Code.ALREADY_EXISTS, sentence, team=shown)


def _chosen(candidates: list[OrganizationRecord], org: str | None) -> OrganizationRecord:
    """Return the organization that is named, or the only one."""
    wanted = None if org is None else parse_id(Prefix.ORG, org)
    found = [each for each in candidates if wanted in {None, each.org_id}]
    if len(found) != 1:
        hint = "name one of: " + ", ".join(shown_id(Prefix.ORG, each.org_id) for each in found[:5]) if found else ""
        raise Refused(Code.NOT_FOUND, f"There is not exactly one such organization; {hint or 'there is none'}.")
    return found[0]


def _organization_view(record: OrganizationRecord) -> OrganizationView:
    return OrganizationView(shown_id(Prefix.ORG, record.org_id), record.name, record.slack_team_id, record.created_at)


def _team_view(record: TeamRecord) -> TeamView:
    return TeamView(
        id=shown_id(Prefix.TEAM, record.team_id),
        name=record.name,
        members=tuple(shown_id(Prefix.MEMBER, each) for each in record.members),
        leads=tuple(shown_id(Prefix.MEMBER, each) for each in record.leads),
        created_at=record.created_at,
    )
