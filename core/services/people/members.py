"""Members: how people come in, are found and are looked after.

A person from Slack is known by (team, user), never by name or e-mail. Freezing and leaving are commands of
the journal; they live beside the gifts they return.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from core.ledger.commands import SYSTEM
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.services.common.actors import Actor, Role, Scope
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import Page
from core.services.common.text import EMAIL_LENGTH, checked_name, cleaned_name
from core.services.common.views import MemberView
from core.services.gifts.settlement import return_open_gifts
from core.services.people.freeze_commands import Deactivate
from core.store.queries import organizations, people
from core.store.queries.people import MemberRecord
from core.store.queries.usage_subjects import subjects_by_email

MemberKind = Literal["person", "service", "bot"]
_TIME_ZONE_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class SlackProfile:
    """A person as Slack describes them."""

    team_id: str
    user_id: str
    name: str
    email: str | None
    email_confirmed: bool
    is_bot: bool
    is_guest: bool  # restricted or ultra restricted
    is_stranger: bool  # of another workspace, met in a shared channel
    deleted: bool
    time_zone: str

    @property
    def is_verified(self) -> bool:
        """G7: a full member with a confirmed e-mail is who they say they are."""
        return self.email_confirmed and not (self.is_bot or self.is_guest or self.is_stranger or self.deleted)


async def join_from_slack(ledger: LedgerService, profile: SlackProfile) -> MemberView:
    """Create or update the member that a Slack person is, in the organization bound to their workspace.

    ``verified_at`` is set while Slack vouches for them and taken away when it does not. Somebody deleted in Slack
    comes in deactivated; Slack never brings back who has left. Raises Refused(unknown_member) for a stranger and
    when no organization is bound to the workspace.
    """
    now, new_id = ledger.clock(), ledger.new_id()

    def join(connection: Connection) -> tuple[MemberRecord, bool]:
        bound = organizations.organization_by_slack(connection, team_id=profile.team_id)
        if bound is None or profile.is_stranger:
            raise Refused(Code.UNKNOWN_MEMBER, "This person belongs to a Slack workspace that is not connected here.")
        person = _person(profile, MemberRecord(bound.org_id, new_id, "", "person", "member", joined_at=now), now)
        if people.add_member(connection, person):
            return person, False
        met = people.member_by_slack(connection, team_id=profile.team_id, user_id=profile.user_id)
        if met is None:
            raise Refused(Code.UNKNOWN_MEMBER, "This person is no longer here.")
        updated = _person(profile, met, now)
        if updated != met:
            people.save_member(connection, updated)
        return updated, met.deactivated_at is None and profile.deleted

    joined, goes = await ledger.write(join)
    if goes:
        await leave(ledger, actor_id=SYSTEM, org_id=joined.org_id, member_id=joined.member_id)
    return member_view(joined)


async def slack_actor(ledger: LedgerService, *, team_id: str, user_id: str) -> Actor | None:
    """Return who acts when a Slack person acts; None when they were not met yet.

    Raises Refused(not_allowed) when they have left.
    """
    met = await ledger.read(lambda connection: people.member_by_slack(connection, team_id=team_id, user_id=user_id))
    return None if met is None else actor_of(met)


async def slack_member(ledger: LedgerService, *, team_id: str, user_id: str) -> MemberView | None:
    """Return the member that a Slack person is, or None when they were not met yet."""
    met = await ledger.read(lambda connection: people.member_by_slack(connection, team_id=team_id, user_id=user_id))
    return None if met is None else member_view(met)


async def member(ledger: LedgerService, *, actor: Actor, member_id: str) -> MemberView:
    """Return a colleague. Raises Refused(not_found), for another organization's people too."""
    return member_view(await ledger.read(lambda connection: colleague(connection, actor, member_id)))


async def find_members(
    ledger: LedgerService, *, actor: Actor, query: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[MemberView]:
    """Return present colleagues whose name contains ``query``, by name."""
    text = checked_name(query, field="query") if query else None
    place = None if cursor is None else place_of(cursor, (str, int))
    after = None if place is None else (str(place[0]), int(place[1]))
    size = checked_limit(limit)
    found = await ledger.read(
        lambda connection: people.find_members(connection, org_id=actor.org_id, text=text, after=after, limit=size + 1)
    )
    shown = found[:size]
    following = cursor_of(shown[-1].name, shown[-1].member_id) if len(found) > size else None
    return Page(tuple(member_view(each) for each in shown), following)


async def add_member(  # noqa: PLR0913  (each is one fact of a new member, most with a default)
    ledger: LedgerService,
    *,
    actor: Actor,
    name: str,
    email: str | None = None,
    kind: MemberKind = "person",
    role: Role = Role.MEMBER,
    verified: bool = False,
    joined_at: datetime | None = None,
    slack: tuple[str, str] | None = None,
) -> MemberView:
    """Add a member by an admin; ``slack`` is their (team, user), which must be nobody else's.

    Raises Refused: not_allowed, already_exists when somebody who is here has the e-mail address, invalid_request.
    """
    require_admin(actor)
    now = ledger.clock()
    record = MemberRecord(
        org_id=actor.org_id,
        member_id=ledger.new_id(),
        name=checked_name(name),
        kind=kind,
        role=role.value,
        email=checked_name(email, field="email", most=EMAIL_LENGTH) if email else None,
        joined_at=_not_later(joined_at, now),
        verified_at=now if verified else None,
        slack_team_id=slack[0] if slack else None,
        slack_user_id=slack[1] if slack else None,
        linked_at=now if slack else None,
    )

    def add(connection: Connection) -> bool:
        _require_free_address(connection, record)
        return people.add_member(connection, record)

    if not await ledger.write(add):
        raise Refused(Code.INVALID_REQUEST, "Somebody else already has this Slack identity.")
    return member_view(record)


async def update_member(
    ledger: LedgerService,
    *,
    actor: Actor,
    member_id: str,
    name: str | None = None,
    role: Role | None = None,
    verified: bool | None = None,
    joined_at: datetime | None = None,
) -> MemberView:
    """Change what an admin may change; None leaves as it is. The last admin stays one."""
    require_admin(actor)
    now = ledger.clock()

    def change(connection: Connection) -> MemberRecord:
        old = colleague(connection, actor, member_id)
        new = replace(
            old,
            name=old.name if name is None else checked_name(name),
            role=old.role if role is None else role.value,
            joined_at=old.joined_at if joined_at is None else _not_later(joined_at, now),
            verified_at=old.verified_at if verified is None else ((old.verified_at or now) if verified else None),
        )
        steps_down = (old.role, new.role) == (Role.ADMIN, Role.MEMBER)
        if steps_down and people.lock_admins(connection, org_id=actor.org_id) <= 1:
            raise Refused(Code.NOT_ALLOWED, "An organization needs an admin; make somebody else one first.")
        people.save_member(connection, new)
        return new

    changed = await ledger.write(change)
    ledger.changes.publish([changed.member_id])
    return member_view(changed)


async def deactivate(ledger: LedgerService, *, actor: Actor, member_id: str) -> MemberView:
    """Let a colleague go, by an admin, never oneself: open gifts go back, tokens end (G4). Twice is once."""
    require_admin(actor)
    gone = await ledger.read(lambda connection: colleague(connection, actor, member_id))
    if gone.member_id == actor.member_id:
        raise Refused(Code.NOT_ALLOWED, "You can't deactivate yourself. Ask another admin.")
    if gone.deactivated_at is None:
        await leave(ledger, actor_id=actor.member_id, org_id=actor.org_id, member_id=gone.member_id)
    return await member(ledger, actor=actor, member_id=member_id)


async def leave(ledger: LedgerService, *, actor_id: int, org_id: int, member_id: int) -> None:
    """Deactivate a member: open gifts from and to them go back (G4). Leaving twice is leaving once."""
    await ledger.execute(Deactivate(org_id, actor_id, f"leave:{member_id}", member_id))
    await return_open_gifts(ledger, org_id, member_id)


def member_view(record: MemberRecord) -> MemberView:
    """Return a member as colleagues see them; ``teams`` and ``leads`` are ids of teams."""
    return MemberView(
        id=shown_id(Prefix.MEMBER, record.member_id),
        name=record.name,
        kind=record.kind,
        role=Role(record.role),
        teams=tuple(shown_id(Prefix.TEAM, team) for team in record.teams),
        leads=tuple(shown_id(Prefix.TEAM, team) for team in record.leads),
        verified_at=record.verified_at,
        joined_at=record.joined_at,
        frozen_at=record.frozen_at,
        deactivated_at=record.deactivated_at,
        slack_user_id=record.slack_user_id,
    )


def actor_of(record: MemberRecord) -> Actor:
    """Return a member as they act by a door that knows them itself: everything their role allows but usage.

    Raises Refused(not_allowed) when they have left.
    """
    if record.deactivated_at is not None:
        raise Refused(Code.NOT_ALLOWED, "Your membership has ended; ask an admin.")
    role = Role(record.role)
    scopes = {Scope.READ, Scope.GIVE} | ({Scope.ADMIN} if role is Role.ADMIN else set())
    return Actor(record.org_id, record.member_id, role, frozenset(scopes))


def colleague(connection: Connection, actor: Actor, member_id: str) -> MemberRecord:
    """Return a member of the actor's organization. Raises Refused(not_found)."""
    number = parse_id(Prefix.MEMBER, member_id)
    found = people.member(connection, org_id=actor.org_id, member_id=number)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"Member {member_id!r} not found.")
    return found


def require_admin(actor: Actor) -> None:
    """Raise Refused(not_allowed) unless an admin acts, by a door or token that may."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can do this.")


def _require_free_address(connection: Connection, record: MemberRecord) -> None:
    """Raise Refused(already_exists) when an e-mail address is somebody's who is here: usage is charged by it.

    It is looked up as usage looks it up, in any case. Only admins are refused: whoever comes from Slack is known by
    their user id, and comes in whatever address they share.
    """
    if record.email is None:
        return
    organizations.lock_organization(connection, org_id=record.org_id)
    found = subjects_by_email(connection, org_id=record.org_id, emails={record.email})
    here = min((each.member_id for each in found if not each.has_left), default=None)
    holder = None if here is None else people.member(connection, org_id=record.org_id, member_id=here)
    if holder is not None:
        shown = shown_id(Prefix.MEMBER, holder.member_id)
        sentence = f"{holder.name} ({shown}) has this e-mail address already. Use that member, or let them go first."
        raise Refused(Code.ALREADY_EXISTS, sentence, member=shown)


def _person(profile: SlackProfile, old: MemberRecord, now: datetime) -> MemberRecord:
    """Return the member with what Slack says of them now."""
    return replace(
        old,
        name=cleaned_name(profile.name, instead=old.name or profile.user_id),
        email=_email(profile),
        kind="bot" if profile.is_bot else "person",
        time_zone=cleaned_name(profile.time_zone, instead="UTC", most=_TIME_ZONE_LENGTH),
        slack_team_id=profile.team_id,
        slack_user_id=profile.user_id,
        verified_at=(old.verified_at or now) if profile.is_verified else None,
        linked_at=old.linked_at or now,
        deactivated_at=old.deactivated_at or (now if profile.deleted else None),
    )


def _email(profile: SlackProfile) -> str | None:
    confirmed = profile.email if profile.email_confirmed else None
    return cleaned_name(confirmed or "", instead="", most=EMAIL_LENGTH) or None


def _not_later(joined_at: datetime | None, now: datetime) -> datetime:
    if joined_at is not None and joined_at > now:
        message = "must not lie in the future"
        raise Refused(
            Code.INVALID_REQUEST, f"joined_at {message}.", errors=[{"field": "joined_at", "message": message}]
        )
    return joined_at or now
