"""Whom a plan or a cap is for: a member, a team or the whole organization; and who may look at whom."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.services.common.actors import Actor
from core.store.queries import boosts, organizations, people
from core.store.queries.people import MemberRecord

_NAMES: Final = {Prefix.MEMBER: "member", Prefix.TEAM: "team", Prefix.ORG: "organisation"}


class NamedSubject(NamedTuple):
    """Somebody or something as people see it."""

    id: str
    name: str


def subject_id(connection: Connection, actor: Actor, text: str, *kinds: Prefix) -> int:
    """Return the number of a member, team or organization of one of the kinds.

    Raises Refused(not_found) for whatever is not in the actor's organization, and for other kinds.
    """
    kind = next((kind for kind in kinds if text.startswith(f"{kind.value}_")), None)
    if kind is None:
        what = " or ".join(f"a {_NAMES[kind]} ({kind.value}_…)" for kind in kinds)
        raise Refused(Code.NOT_FOUND, f"There is no {text[:40]!r} here; name {what}.")
    number = parse_id(kind, text)
    found: object
    if kind is Prefix.MEMBER:
        found = people.member(connection, org_id=actor.org_id, member_id=number)
    elif kind is Prefix.TEAM:
        found = organizations.team(connection, org_id=actor.org_id, team_id=number)
    else:
        found = number == actor.org_id or None
    if found is None:
        raise Refused(Code.NOT_FOUND, f"There is no {_NAMES[kind]} {text[:40]!r} here.")
    return number


def named_subjects(connection: Connection, org_id: int, numbers: Collection[int]) -> dict[int, NamedSubject]:
    """Return the outside id and the name of members, teams and the organization by their numbers."""
    prefixes = {"member": Prefix.MEMBER, "team": Prefix.TEAM, "org": Prefix.ORG}
    found = boosts.subjects_of(connection, org_id, numbers)
    return {number: NamedSubject(shown_id(prefixes[each.kind], number), each.name) for number, each in found.items()}


def readable(connection: Connection, actor: Actor, member_id: str | None) -> MemberRecord:
    """Return the member looked at: oneself, somebody of a team one leads, by an admin anybody.

    Raises Refused: not_found, not_allowed.
    """
    number = actor.member_id if member_id is None else parse_id(Prefix.MEMBER, member_id)
    found = people.member(connection, org_id=actor.org_id, member_id=number)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"Member {str(member_id)[:40]!r} not found.")
    if number == actor.member_id or actor.is_admin or set(leads_of(connection, actor)) & set(found.teams):
        return found
    raise Refused(Code.NOT_ALLOWED, "Only they, a lead of their team or an admin can see that.")


def leads_of(connection: Connection, actor: Actor) -> tuple[int, ...]:
    """Return the teams that the actor leads."""
    me = people.member(connection, org_id=actor.org_id, member_id=actor.member_id)
    return () if me is None else me.leads


def require_lead(connection: Connection, actor: Actor) -> None:
    """Raise Refused(not_allowed) unless a lead of a team or an admin asks."""
    if not actor.is_admin and not leads_of(connection, actor):
        raise Refused(Code.NOT_ALLOWED, "Only a lead of a team or an admin can see that.")
