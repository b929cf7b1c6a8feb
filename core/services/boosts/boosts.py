"""Boosts: who has one, dropping one, ending one early, and what leads may drop (S6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.metering.boosts import MAX_LASTS, Boost, Factor
from core.metering.campaigns import BoostBudget, month_of
from core.services.boosts.boost_commands import EndBoost, GrantBoost, SetBudget
from core.services.boosts.views import BoostDetail, BudgetView, boost_detail, budget_view
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult
from core.services.common.validation import checked_key, checked_words
from core.services.people.members import colleague
from core.store.queries import boosts as stored
from core.store.queries import organizations, people

MAX_BUDGET_DAYS: Final = 31


@dataclass(frozen=True, slots=True)
class BoostTarget:
    """Whom a boost is for: exactly one of them."""

    member: str | None = None
    team: str | None = None
    org: str | None = None


async def grant(  # noqa: PLR0913  (what a boost is made of, all named)
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    to: BoostTarget,
    factor: Factor,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    days: int | None = None,
    reason: str | None = None,
) -> CommandResult[BoostDetail]:
    """Give a boost until ``ends_at`` or for ``days``: an admin to anybody, a lead to their team from its budget.

    Raises Refused: invalid_request, not_allowed, policy_refused, not_found, unknown_member.
    """
    if (ends_at is None) == (days is None):
        raise Refused(
            Code.INVALID_REQUEST, "Say either when the boost ends or how many days it lasts.", field="ends_at"
        )
    if days is not None and not 1 <= days <= MAX_LASTS.days:
        raise Refused(Code.INVALID_REQUEST, f"A boost lasts 1 to {MAX_LASTS.days} days.", field="days")
    subject_id = _subject(actor, to)
    command = GrantBoost(
        actor.org_id,
        actor.member_id,
        checked_key(key),
        subject_id,
        to.team is not None,
        factor,
        starts_at,
        ends_at,
        None if days is None else timedelta(days=days),
        checked_words(reason, "reason"),
        is_admin=actor.is_admin,
    )
    receipt = await ledger.execute(command)
    return CommandResult(await _detail(ledger, actor.org_id, receipt.first_id), receipt.replayed)


async def end(
    ledger: LedgerService, *, actor: Actor, boost_id: str, reason: str | None = None
) -> CommandResult[BoostDetail]:
    """End a boost early: an admin any, a lead one of their team. Limits fall at once; nothing resets."""
    number = parse_id(Prefix.BOOST, boost_id)
    found = await ledger.read(lambda connection: stored.boost(connection, actor.org_id, number))
    team = 0 if found is None else found.subject_id
    words = checked_words(reason, "reason")
    command = EndBoost(actor.org_id, actor.member_id, number, team, words, is_admin=actor.is_admin)
    receipt = await ledger.execute(command)
    return CommandResult(await _detail(ledger, actor.org_id, number), receipt.replayed)


async def boosts(
    ledger: LedgerService, *, actor: Actor, member_id: str | None = None, team_id: str | None = None
) -> tuple[BoostDetail, ...]:
    """Return the boosts of a member (one's own without a name) or of a team that run or will, first to begin first.

    A colleague's are an admin's to see, and a team's everybody's in the organization.
    """
    now = ledger.clock()

    def find(connection: Connection) -> tuple[BoostDetail, ...]:
        subjects = _subjects(connection, actor, member_id, team_id)
        found = stored.boosts_of(connection, actor.org_id, subjects, now=now)
        named = stored.subjects_of(connection, actor.org_id, {boost.subject_id for boost in found})
        return tuple(boost_detail(boost, named, now) for boost in found)

    return await ledger.read(find)


async def set_budget(
    ledger: LedgerService, *, actor: Actor, team_id: str, days_per_month: int, max_factor: Factor
) -> BudgetView:
    """An admin gives a team's leads days of boosts to drop each month; 0 is none."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can set a budget of boost days.")
    if not 0 <= days_per_month <= MAX_BUDGET_DAYS:
        sentence = f"A month has 0 to {MAX_BUDGET_DAYS} boost days."
        raise Refused(Code.INVALID_REQUEST, sentence, field="days_per_month")
    team = parse_id(Prefix.TEAM, team_id)
    key = f"boost-budget:{ledger.new_id()}"  # what counts is what it is set to, so each is a command of its own
    await ledger.execute(SetBudget(actor.org_id, actor.member_id, key, team, days_per_month, max_factor))
    return await budget(ledger, actor=actor, team_id=team_id)


async def budget(ledger: LedgerService, *, actor: Actor, team_id: str) -> BudgetView:
    """Return what is left of a team's budget this month, to its people and admins."""
    number, now = parse_id(Prefix.TEAM, team_id), ledger.clock()

    def find(connection: Connection) -> BudgetView:
        team = organizations.team(connection, org_id=actor.org_id, team_id=number)
        if team is None:
            raise Refused(Code.NOT_FOUND, f"Team {team_id!r} not found.")
        if not actor.is_admin and actor.member_id not in team.members:
            raise Refused(Code.NOT_ALLOWED, "Only the team and admins can see its budget.")
        none = BoostBudget(actor.org_id, number, 0, Factor.parse("1000"), month_of(now), 0)
        return budget_view((stored.budget(connection, actor.org_id, number) or none).in_month(now))

    return await ledger.read(find)


def _subject(actor: Actor, to: BoostTarget) -> int:
    named = [name for name in (to.member, to.team, to.org) if name is not None]
    if len(named) != 1:
        raise Refused(Code.INVALID_REQUEST, "Name a member, or a team, or the organization.", field="to")
    prefix = Prefix.MEMBER if to.member else Prefix.TEAM if to.team else Prefix.ORG
    subject_id = parse_id(prefix, named[0])
    if prefix is Prefix.ORG and subject_id != actor.org_id:
        raise Refused(Code.NOT_FOUND, f"Organization {named[0]!r} not found.")
    if prefix is not Prefix.TEAM and not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin, or a lead for their own team, can grant a boost.")
    return subject_id


def _subjects(connection: Connection, actor: Actor, member_id: str | None, team_id: str | None) -> set[int]:
    """Return whose boosts were asked for: a member's come from themselves, their teams and the organization."""
    if team_id is not None and member_id is not None:
        raise Refused(Code.INVALID_REQUEST, "Name a member or a team, not both.", field="team")
    if team_id is not None:
        team = organizations.team(connection, org_id=actor.org_id, team_id=parse_id(Prefix.TEAM, team_id))
        if team is None:
            raise Refused(Code.NOT_FOUND, f"Team {team_id!r} not found.")
        return {team.team_id}
    number = actor.member_id
    if member_id is not None:
        number = colleague(connection, actor, member_id).member_id
        if number != actor.member_id and not actor.is_admin:
            raise Refused(Code.NOT_ALLOWED, "Only an admin can see somebody else's boosts.")
    return {number, actor.org_id, *people.teams_of(connection, org_id=actor.org_id, member_id=number)}


async def _detail(ledger: LedgerService, org_id: int, boost_id: int) -> BoostDetail:
    now = ledger.clock()

    def find(connection: Connection) -> BoostDetail:
        found: Boost | None = stored.boost(connection, org_id, boost_id)
        assert found is not None, "the journal has just written it"
        return boost_detail(found, stored.subjects_of(connection, org_id, [found.subject_id]), now)

    return await ledger.read(find)
