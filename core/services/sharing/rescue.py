"""Rescue: which credits would lapse unused, and which teammate they would help. Nothing is done, only proposed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from core.ledger.accounts import wallet_of
from core.ledger.commands import ReadSet
from core.ledger.credits import Credits, total
from core.ledger.daily_giving import GIVEN_WINDOW, NOTHING_GIVEN
from core.ledger.errors import Code, Refused
from core.ledger.positions import Position
from core.metering.evaluate import spendable
from core.policy.limits import Policy
from core.policy.rescue import MOST, Donor, NearlyEmpty, Proposal, is_near_empty, rescue_candidates
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.parties import party
from core.services.common.views import PartyView, SliceView
from core.services.gifts.mappers import slice_views
from core.services.usage.payments import spending_profile
from core.store import dry_run
from core.store.queries import gifts, organizations, people
from core.store.queries import rescue as store

WEEK: Final = timedelta(days=7)
DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 30
MAX_PROPOSALS: Final = MOST
MAX_LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class RescueView:
    """A gift ready to be made: its lots keep their expiry, and after ``give_until`` it would help nobody."""

    giver: PartyView
    to: PartyView
    amount: Credits
    lots: tuple[SliceView, ...]
    expires_at: datetime
    give_until: datetime


async def proposals(
    ledger: LedgerService, *, actor: Actor, days: int = DEFAULT_DAYS, limit: int = MAX_PROPOSALS
) -> tuple[RescueView, ...]:
    """Return gifts that would save credits from lapsing within some days, what lapses soonest first.

    An admin sees all teams, a lead the teams they lead and what they could give themselves, others the latter.
    """
    if not 1 <= days <= MAX_DAYS:
        raise Refused(Code.INVALID_REQUEST, f"The days are 1 to {MAX_DAYS}.", field="days")
    if not 1 <= limit <= MAX_LIMIT:
        raise Refused(Code.INVALID_REQUEST, f"The limit is 1 to {MAX_LIMIT}.", field="limit")
    now = ledger.clock()

    def find(connection: Connection) -> tuple[RescueView, ...]:
        policy = Policy.of(organizations.policy(connection, org_id=actor.org_id))
        donors, nearly_empty = _matching(connection, actor, policy, now, timedelta(days=days))
        found = rescue_candidates(donors, nearly_empty, policy, now, within=timedelta(days=days), most=limit)
        return _views(connection, actor.org_id, found)

    return await ledger.read(find)


def _matching(
    connection: Connection, actor: Actor, policy: Policy, now: datetime, within: timedelta
) -> tuple[list[Donor], list[NearlyEmpty]]:
    me = people.member(connection, org_id=actor.org_id, member_id=actor.member_id)
    own, led = (frozenset(me.teams), frozenset(me.leads)) if me else (frozenset[int](), frozenset[int]())
    watched = frozenset(store.all_teams(connection, actor.org_id)) if actor.is_admin else led
    donors = _donors(connection, actor.org_id, policy, now, within, watched, None) if watched else {}
    if own - watched:
        mine = _donors(connection, actor.org_id, policy, now, within, own, actor.member_id)
        donors = {**donors, **mine}
    teams = frozenset[int]().union(*(donor.teams for donor in donors.values()))
    if not teams:
        return [], []
    return list(donors.values()), _nearly_empty(connection, actor.org_id, now, teams)


def _donors(
    connection: Connection,
    org_id: int,
    policy: Policy,
    now: datetime,
    within: timedelta,
    teams: Collection[int],
    giver: int | None,
) -> dict[int, Donor]:
    """Return who in some teams (or ``giver`` alone) holds credits that lapse within a time but still may travel."""
    found = store.lapsing(
        connection,
        org_id,
        after=now + policy.settlement + policy.min_use,
        until=now + within,
        teams=teams,
        verified_only=policy.require_verified,
        giver=giver,
    )
    seats = store.team_members(connection, org_id, found, teams)
    given = store.given_by(connection, org_id, found, now - GIVEN_WINDOW)
    return {
        member: Donor(member, seats[member], tuple(positions), given.get(member, NOTHING_GIVEN))
        for member, positions in found.items()
    }


def _nearly_empty(connection: Connection, org_id: int, now: datetime, teams: Collection[int]) -> list[NearlyEmpty]:
    """Return who in some teams uses credits and is near empty, by the evaluator that the gateway asks too (S1)."""
    since = now - WEEK
    dry = store.emptiest(connection, org_id, now=now, since=since, teams=teams)
    used = {member: store.used_since(connection, org_id, member, since) for member in dry}
    using = tuple(member for member in dry if used[member])
    if not using:
        return []
    seats = store.team_members(connection, org_id, using, teams)
    batch = dry_run.state_for_reads(connection, org_id, ReadSet(members=using, spending_of=using), now)
    found = []
    for member in using:
        left = spendable(spending_profile(batch, org_id, member).at(now))
        if is_near_empty(left, capacity=_capacity(batch.held_by(wallet_of(member)), now), week=used[member]):
            found.append(NearlyEmpty(member, seats[member], left, used[member]))
    return found


def _capacity(positions: Iterable[Position], now: datetime) -> Credits:
    """Return what somebody's unexpired lots were when they were granted."""
    return total(each.lot.amount for each in positions if not each.lot.expired(now))


def _views(connection: Connection, org_id: int, found: tuple[Proposal, ...]) -> tuple[RescueView, ...]:
    members = {member for each in found for member in (each.giver, each.receiver)}
    sides = gifts.sides(connection, {(org_id, wallet_of(member)) for member in members})
    names = {member: party(org_id, sides[wallet_of(member)]) for member in members}
    return tuple(
        RescueView(
            names[each.giver],
            names[each.receiver],
            each.amount,
            slice_views(each.slices),
            each.expires_at,
            each.give_until,
        )
        for each in found
    )
