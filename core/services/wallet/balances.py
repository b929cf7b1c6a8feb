"""What a member has, may spend and may give, and how it came to be; never more than the ledger would honour."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from core.ledger.accounts import escrow_of, pool_of, wallet_of
from core.ledger.commands import ReadSet
from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.ledger.lots import giftable_until, spending_order
from core.ledger.positions import Position, Slice, held
from core.metering.boosts import Boost
from core.metering.evaluate import Limit, SpendingSnapshot, blocking_window, first_enough, spendable, zero_cap
from core.metering.spending import SpendingProfile
from core.policy.decide import gift_limit
from core.policy.limits import Policy
from core.policy.rules import GiverContext
from core.services.allowances.messages import shut_sentence
from core.services.common.actors import Actor
from core.services.common.authorization import readable
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import Page
from core.services.common.views import (
    AllowanceView,
    BalanceView,
    BoostView,
    NextAllotmentView,
    NoticeView,
    RequestsWaitingView,
    ResetsView,
    SliceView,
    StatementLineView,
    StatusView,
    UsageView,
)
from core.services.gifts.gift_commands import giftable
from core.services.gifts.mappers import gift_view, slice_views
from core.services.usage.payments import spending_profile
from core.services.wallet.messages import notice_text
from core.store import dry_run
from core.store.queries import allotments, charges, gifts, notices, people, requests, resets, statements
from core.store.queries.people import MemberRecord
from core.store.timestamps import from_micros, to_micros

MAX_NOTICES: Final = 20
_DAY: Final = timedelta(hours=24)


async def balance(ledger: LedgerService, *, actor: Actor, member_id: str | None = None) -> BalanceView:
    """Return one's own balance, or that of somebody one may look at: a lead of their team, an admin."""
    now = ledger.clock()
    return await ledger.read(lambda connection: _balance(connection, readable(connection, actor, member_id), now))


async def status(ledger: LedgerService, *, actor: Actor) -> StatusView:
    """Return what one's editor shows: the balance, and what it has not told yet."""
    now = ledger.clock()

    def look(connection: Connection) -> StatusView:
        member = readable(connection, actor, None)
        waiting = notices.unclaimed(connection, actor.org_id, actor.member_id, MAX_NOTICES)
        asked = RequestsWaitingView(*requests.waiting(connection, actor.org_id, actor.member_id, now))
        return StatusView(_balance(connection, member, now), _notice_views(connection, actor.org_id, waiting), asked)

    return await ledger.read(look)


async def topics(ledger: LedgerService, *, actor: Actor) -> tuple[int, ...]:
    """Return whose changes can change one's status: oneself, and the teams whose pools one draws on."""

    def find(connection: Connection) -> tuple[int, ...]:
        return actor.member_id, *people.teams_of(connection, org_id=actor.org_id, member_id=actor.member_id)

    return await ledger.read(find)


async def claim_notice(ledger: LedgerService, *, actor: Actor, notice_id: str) -> bool:
    """Return True to the first window that shows a notice, False to every later one.

    Raises Refused(not_found) for a notice that is not one's own.
    """
    number, now = parse_id(Prefix.NOTICE, notice_id), ledger.clock()
    claimed = await ledger.write(
        lambda connection: notices.claim(connection, actor.org_id, actor.member_id, number, now)
    )
    if claimed is None:
        raise Refused(Code.NOT_FOUND, "Notice not found.")
    if claimed:
        ledger.changes.publish([actor.member_id])
    return claimed


async def statement(
    ledger: LedgerService, *, actor: Actor, member_id: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[StatementLineView]:
    """Return a wallet's movements, newest first, to whoever may see its balance."""
    size = checked_limit(limit)
    before = None
    if cursor is not None:
        at, number = place_of(cursor, (int, int))
        before = (from_micros(int(at)), int(number))

    def find(connection: Connection) -> list[statements.Movement]:
        wallet = wallet_of(readable(connection, actor, member_id).member_id)
        return statements.movements(connection, actor.org_id, wallet, before=before, limit=size + 1)

    found = await ledger.read(find)
    last = found[size - 1 : size]
    following = cursor_of(to_micros(last[0].at), last[0].transfer_id) if len(found) > size else None
    return Page(tuple(line_view(movement) for movement in found[:size]), following)


def line_view(movement: statements.Movement) -> StatementLineView:
    """Return a movement as its member sees it."""
    parts = tuple(
        SliceView(shown_id(Prefix.LOT, lot.lot_id), lot.source, amount, lot.expires_at, giftable=lot.giftable)
        for lot, amount in movement.parts
    )
    return StatementLineView(
        shown_id(Prefix.TRANSFER, movement.transfer_id),
        movement.at,
        movement.kind.value,
        total([amount for _, amount in movement.parts]),
        movement.counterpart,
        movement.note,
        parts,
        _usage_view(movement.usage),
    )


def _usage_view(spent: statements.UsageOfMovement | None) -> UsageView | None:
    if spent is None:
        return None
    return UsageView(
        spent.model,
        spent.card,
        spent.is_fallback,
        spent.happened_at,
        spent.cost,
        spent.allowance,
        spent.overage,
        spent.is_late,
    )


def _balance(connection: Connection, member: MemberRecord, now: datetime) -> BalanceView:
    wallet = wallet_of(member.member_id)
    needs = ReadSet(members=(member.member_id,), spending_of=(member.member_id,), positions=(escrow_of(wallet),))
    batch = dry_run.state_for_reads(connection, member.org_id, needs, now)
    spender = spending_profile(batch, member.org_id, member.member_id)
    present = spender.at(now)
    policy = Policy.of(batch.policies.get(member.org_id))
    given, first_given = gifts.given_since(connection, member.org_id, wallet, now - _DAY)
    own = _live(batch.held_by(wallet), now)
    shared = [position for pool in map(pool_of, spender.team_ids) for position in _live(batch.held_by(pool), now)]
    halted = _halted(member)
    is_shut = halted is not None or zero_cap(present) is not None
    may_give = [] if halted else giftable(own, now, now + policy.settlement + policy.min_use)
    endings = [giftable_until(each.lot, policy.settlement, policy.min_use) for each in may_give]
    limit = gift_limit(GiverContext(member.verified_at is not None, given, policy))
    held_gifts = gifts.outgoing(connection, member.org_id, wallet)
    banked = resets.banked(connection, member.org_id, member.member_id, now)
    return BalanceView(
        member_id=shown_id(Prefix.MEMBER, member.member_id),
        name=member.name,
        spendable=spendable(present),
        available=ZERO if is_shut else held(own),
        giftable=held(may_give),
        gift_limit_left=ZERO if halted else limit and limit.amount,
        gift_limit_rule=None if halted else limit and limit.rule,
        giftable_until=min((ending for ending in endings if ending is not None), default=None),
        held_gifts=held_gifts,
        held_usage=held(batch.held_by(escrow_of(wallet))) - held_gifts,
        owed=charges.owed_by(connection, member.org_id, wallet),
        incoming=gifts.incoming(connection, member.org_id, wallet),
        pool=ZERO if is_shut else total(source.can_give for source in present.sources[1:]),
        capacity=_capacity([*own, *shared], batch.positions) + _included(present.allowance),
        lots=_lot_views(own),
        allowance=tuple(map(_window_view, present.allowance)),
        boost=_boost_view(spender.boost(now)),
        resets_at=_resets_at(spender, now),
        resets_banked=ResetsView(banked.count, banked.expires_at),
        next_allotment=_next_allotment(connection, member.org_id, wallet),
        blocked=halted or _shut(present),
        as_of=now,
        valid_until=_valid_until(spender, [*endings, banked.expires_at], first_given, now),
    )


def _live(positions: Iterable[Position], now: datetime) -> list[Position]:
    """L5: what has lapsed is not there, whether or not the job has run."""
    return [position for position in positions if position.remaining and not position.lot.expired(now)]


def _halted(member: MemberRecord) -> tuple[str, str] | None:
    """Return why somebody can neither spend nor give, in a code and a sentence."""
    if member.deactivated_at is not None:
        return Code.NOT_ALLOWED.value, "This person has left."
    if member.frozen_at is not None:
        return Code.ACCOUNT_FROZEN.value, "Your wallet is frozen. Ask an admin to unfreeze it."
    return None


def _shut(present: SpendingSnapshot) -> tuple[str, str] | None:
    """Return why nothing can be spent where a cap of zero says so (S5): the code is what an authorization answers.

    What a plan includes does not count toward caps: as long as some of it is left, nobody is blocked. Nor does a
    cap keep anybody from giving.
    """
    cap = zero_cap(present)
    if cap is None or spendable(present):
        return None
    return Code.INSUFFICIENT_CREDITS.value, shut_sentence(cap.meter)


def _capacity(positions: Iterable[Position], own: Container[int]) -> Credits:
    """Return what "low" is measured against: lots as they were granted here, others as far as they are left."""
    return total([each.lot.amount if each.lot.account_id in own else each.remaining for each in positions])


def _included(allowance: Iterable[Limit]) -> Credits:
    """Windows nest: a plan includes no more than its smallest window."""
    return min((window.limit for window in allowance if window.limit is not None), default=ZERO)


def _window_view(window: Limit) -> AllowanceView:
    """A window of 5 hours that nobody has opened resets at no time."""
    assert window.limit is not None, "a plan's window has a limit"
    return AllowanceView(window.meter, window.limit, window.used, window.closes_at if window.is_open else None)


def _resets_at(spender: SpendingProfile, now: datetime) -> datetime | None:
    """Return when the window resets that blocks first; with nothing left, when there is something again."""
    present = spender.at(now)
    if present.blocked:
        return None
    if not spendable(present):
        return first_enough(((moment, spender.at(moment)) for moment in spender.changes(now)), Credits(1))
    window = blocking_window([window for window in present.allowance if window.is_open])
    return None if window is None else window.closes_at


def _boost_view(boost: Boost | None) -> BoostView | None:
    return None if boost is None else BoostView(boost.factor, boost.ends_at)


def _next_allotment(connection: Connection, org_id: int, wallet: int) -> NextAllotmentView | None:
    found = allotments.next_allotment(connection, org_id, wallet)
    return None if found is None else NextAllotmentView(*found)


def _lot_views(positions: Iterable[Position]) -> tuple[SliceView, ...]:
    in_order = sorted(positions, key=lambda position: spending_order(position.lot))
    return slice_views(Slice(position.lot, position.remaining) for position in in_order)


def _valid_until(
    spender: SpendingProfile, endings: Iterable[datetime | None], first_given: datetime | None, now: datetime
) -> datetime | None:
    """L11: the next instant at which the balance changes without a commit."""
    moments = [*endings, next(spender.changes(now), None)]
    moments.append(None if first_given is None else first_given + _DAY)
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _notice_views(connection: Connection, org_id: int, waiting: list[notices.NoticeRecord]) -> tuple[NoticeView, ...]:
    ids = [each.gift_id for each in waiting if each.gift_id is not None]
    known = {record.gift_id: gift_view(record) for record in gifts.by_ids(connection, org_id, ids)} if ids else {}
    return tuple(
        NoticeView(
            shown_id(Prefix.NOTICE, each.notice_id),
            each.kind,
            notice_text(each.kind, each.body, known.get(each.gift_id or 0)),
            each.created_at,
        )
        for each in waiting
    )
