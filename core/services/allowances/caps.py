"""Caps: how much people may take from lots and pools in a period, and which row counts for whom (S5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from core.ledger.commands import ReadSet
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.metering.caps import Cap, Period, in_force, newest, starts_at
from core.metering.evaluate import Limit
from core.services.common.actors import Actor
from core.services.common.authorization import NamedSubject, leads_of, named_subjects, readable, subject_id
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import Page
from core.services.usage.payments import spending_profile
from core.store import dry_run
from core.store.queries import caps as stored
from core.store.queries import people
from core.store.watch import announce

__all__ = ["CapState", "CapView", "Period", "caps_of_member", "inherit_cap", "list_caps", "set_cap"]


class CapState(StrEnum):
    """Whether a cap counts."""

    IN_FORCE = "in_force"  # it counts now
    PASSED_OVER = "passed_over"  # another one comes first for this person
    SCHEDULED = "scheduled"  # it will count: a cap is lowered with the next window


@dataclass(frozen=True, slots=True)
class CapView:
    """A cap; ``amount`` None is unlimited, zero is blocked. One that ``inherits`` takes its subject's own away.

    ``why`` says in a sentence whether it counts. Of one that is in force for a person, what they have ``used`` of it.
    """

    id: str
    subject: str
    name: str
    pool: str | None
    period: Period
    amount: Credits | None
    inherits: bool
    from_at: datetime
    state: CapState
    why: str
    used: Credits | None = None
    headroom: Credits | None = None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Setting:
    """What is to be set, or with ``inherits`` taken away."""

    period: Period
    amount: Credits | None
    inherits: bool = False


async def set_cap(
    ledger: LedgerService,
    *,
    actor: Actor,
    subject: str,
    period: Period,
    amount: Credits | None,
    pool: str | None = None,
) -> CapView:
    """Set what a member, each member of a team, or everybody may take in a period; with ``pool`` from that pool alone.

    Raising and blocking count at once, lowering with the next window; the first cap of all counts at once, for
    there was none to be lowered. By an admin; that on a pool also by a lead of its team. Raises Refused: not_found,
    not_allowed, invalid_request.
    """
    return await _set(ledger, actor, subject, pool, _Setting(period, amount))


async def inherit_cap(
    ledger: LedgerService, *, actor: Actor, subject: str, period: Period, pool: str | None = None
) -> CapView:
    """Take a cap away: what is set for their teams, or for everybody, counts again. As ``set_cap``, and not_found."""
    return await _set(ledger, actor, subject, pool, _Setting(period, None, inherits=True))


async def list_caps(
    ledger: LedgerService, *, actor: Actor, limit: int = 50, cursor: str | None = None
) -> Page[CapView]:
    """Return what is set in the whole organization, to an admin."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can see every cap; ask for one person's: member=…")
    size, after = checked_limit(limit), 0 if cursor is None else int(place_of(cursor, (int,))[0])
    now = ledger.clock()

    def find(connection: Connection) -> Page[CapView]:
        page = stored.caps(connection, actor.org_id, after=after, limit=size + 1)
        shown = page[:size]
        subjects = {cap.subject_id for cap in shown}
        rows = stored.caps_of(connection, actor.org_id, subjects) if subjects else []
        names = named_subjects(connection, actor.org_id, subjects) if subjects else {}
        known = {cap.cap_id for cap in _that_matter(rows, now)}
        views = tuple(_view(cap, names[cap.subject_id], now) for cap in shown if cap.cap_id in known)
        return Page(views, cursor_of(shown[-1].cap_id) if len(page) > size else None)

    return await ledger.read(find)


async def caps_of_member(ledger: LedgerService, *, actor: Actor, member_id: str | None = None) -> tuple[CapView, ...]:
    """Return every cap that concerns a person, which of them count, and why: to them, their leads and admins."""
    now = ledger.clock()

    def find(connection: Connection) -> tuple[CapView, ...]:
        member = readable(connection, actor, member_id).member_id
        needs = ReadSet(members=(member,), spending_of=(member,))
        spender = spending_profile(dry_run.state_for_reads(connection, actor.org_id, needs, now), actor.org_id, member)
        present = spender.at(now)
        limits = {
            each.meter: each for each in (*present.caps, *(cap for source in present.sources for cap in source.caps))
        }
        drawn = [cap for cap in _that_matter(spender.caps, now) if cap.pool_id in {None, *spender.team_ids}]
        counting = {
            cap.meter: cap
            for cap in in_force(drawn, member_id=member, team_ids=spender.team_ids, org_id=actor.org_id, now=now)
        }
        names = named_subjects(connection, actor.org_id, {cap.subject_id for cap in drawn}) if drawn else {}
        views = (_weighed(cap, counting.get(cap.meter), names, limits, now) for cap in drawn)
        return tuple(sorted(views, key=lambda view: (view.pool or "", view.period, list(CapState).index(view.state))))

    return await ledger.read(find)


async def _set(ledger: LedgerService, actor: Actor, subject: str, pool: str | None, setting: _Setting) -> CapView:
    now, number = ledger.clock(), ledger.new_id()

    def change(connection: Connection) -> tuple[list[int] | None, CapView]:
        who, drawn = _allowed(connection, actor, subject, pool)
        old = [cap for cap in stored.caps_of(connection, actor.org_id, {who}) if cap.pool_id == drawn]
        old = [cap for cap in old if cap.period is setting.period]
        fresh = Cap(actor.org_id, number, who, drawn, setting.period, setting.amount, now, now, setting.inherits)
        if setting.inherits and not any(not cap.inherits for cap in old):
            raise Refused(Code.NOT_FOUND, "There's no such cap to remove.")
        fresh = replace(fresh, from_at=_counts_from(old, fresh, _wider(connection, who, fresh), now))
        kept = set() if fresh.from_at <= now else {cap.cap_id for cap in newest(old, now).values()}
        stored.save_cap(connection, fresh, instead_of=[cap for cap in old if cap.cap_id not in kept])
        topics = None if who == actor.org_id else [who]
        announce(connection, topics)
        return topics, _view(fresh, named_subjects(connection, actor.org_id, {who})[who], now)

    topics, view = await ledger.write(change)
    ledger.changes.publish(topics)
    return view


def _allowed(connection: Connection, actor: Actor, subject: str, pool: str | None) -> tuple[int, int | None]:
    """Return whom a cap is for and on which pool. Raises Refused: not_found, not_allowed, invalid_request."""
    drawn = None if pool is None else subject_id(connection, actor, pool, Prefix.TEAM)
    who = subject_id(connection, actor, subject, Prefix.MEMBER, Prefix.TEAM, Prefix.ORG)
    if not actor.is_admin and (drawn is None or drawn not in leads_of(connection, actor)):
        raise Refused(
            Code.NOT_ALLOWED, "Only an admin can do this; what is drawn from a team's pool its leads cap too."
        )
    if (
        drawn is not None
        and who != drawn
        and drawn not in people.teams_of(connection, org_id=actor.org_id, member_id=who)
    ):
        sentence = "A cap on a pool is for its team, or for a member of it."
        raise Refused(Code.INVALID_REQUEST, sentence, errors=[{"field": "subject", "message": sentence}])
    return who, drawn


def _wider(connection: Connection, who: int, fresh: Cap) -> list[Cap]:
    """Return what is set for the teams of a member, and for everybody."""
    org = fresh.org_id
    teams = people.teams_of(connection, org_id=org, member_id=who)
    rows = stored.caps_of(connection, org, {*teams, org} - {who}) if who != org else []
    return [cap for cap in rows if cap.meter == fresh.meter]


def _counts_from(old: Iterable[Cap], fresh: Cap, wider: Iterable[Cap], now: datetime) -> datetime:
    """Return from when on a new cap counts (S5)."""
    teams = {cap.subject_id for cap in wider} - {fresh.org_id}
    inherited = in_force(wider, member_id=fresh.subject_id, team_ids=teams, org_id=fresh.org_id, now=now)
    own = [cap for cap in newest(old, now).values() if not cap.inherits]
    present = (own or inherited)[:1]
    after = inherited[:1] if fresh.inherits else [fresh]
    if not present or not after:
        return now
    return starts_at(after[0].amount, present[0].amount, fresh.period, now)


def _that_matter(caps: Iterable[Cap], now: datetime) -> list[Cap]:
    """Return the caps that count for their subjects now, or will; not those that were replaced or taken away."""
    known = list(caps)
    current = newest(known, now)
    scheduled = [cap for cap in known if cap.from_at > now and _replaces(cap, current.get((cap.meter, cap.subject_id)))]
    return [*(cap for cap in current.values() if not cap.inherits), *scheduled]


def _replaces(cap: Cap, current: Cap | None) -> bool:
    return current is None or (cap.created_at, cap.cap_id) > (current.created_at, current.cap_id)


def _weighed(
    cap: Cap, counting: Cap | None, names: Mapping[int, NamedSubject], limits: Mapping[str, Limit], now: datetime
) -> CapView:
    """Return a cap as it stands for a person, beside the one that counts for them."""
    view, level = _view(cap, names[cap.subject_id], now), _level(names[cap.subject_id])
    if view.state is CapState.SCHEDULED or counting is None:
        return view
    if cap.cap_id == counting.cap_id:
        limit = limits[cap.meter]
        return replace(view, why=_WHY[level], used=limit.used, headroom=limit.headroom, resets_at=limit.closes_at)
    winner = names[counting.subject_id]
    why = "is more restrictive" if _level(winner) == level else "comes first"
    return replace(view, state=CapState.PASSED_OVER, why=f"That of {winner.name} {why}.")


_WHY: Final = {
    Prefix.MEMBER: "Set for them alone, so it comes before that of teams and of the organization.",
    Prefix.TEAM: "The most restrictive of their teams'; nothing is set for them alone.",
    Prefix.ORG: "The organization's; nothing is set for them or their teams.",
}


def _level(named: NamedSubject) -> Prefix:
    return Prefix(named.id.partition("_")[0])


def _view(cap: Cap, named: NamedSubject, now: datetime) -> CapView:
    scheduled = cap.from_at > now
    verb = "It is taken away" if cap.inherits else "It counts"
    why = f"{verb} from {cap.from_at:%Y-%m-%d %H:%M} UTC on." if scheduled else f"{verb} now."
    return CapView(
        shown_id(Prefix.CAP, cap.cap_id),
        named.id,
        named.name,
        None if cap.pool_id is None else shown_id(Prefix.TEAM, cap.pool_id),
        cap.period,
        cap.amount,
        cap.inherits,
        cap.from_at,
        CapState.SCHEDULED if scheduled else CapState.IN_FORCE,
        why,
    )
