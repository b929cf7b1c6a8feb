"""Rescue: credits that will lapse, matched with teammates who are near empty, as gifts ready to be made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from core.ledger.accounts import wallet_of
from core.ledger.credits import ZERO, Credits
from core.ledger.given import NOTHING_GIVEN, Given
from core.ledger.lots import GiftOrder, giftable_until
from core.ledger.positions import MAX_SLICES, Position, Slice, draw, held
from core.policy.decide import gift_limit_left
from core.policy.limits import Policy

WITHIN: Final = timedelta(days=7)
MOST: Final = 20  # proposals
LEAST: Final = Credits.of(1)  # less is worth nobody's click
LOW_PERCENT: Final = 10


@dataclass(frozen=True, slots=True)
class Saver:
    """Somebody whose credits will lapse; ``positions`` are what their wallet holds, ``teams`` those that count."""

    member_id: int
    teams: frozenset[int]
    positions: tuple[Position, ...]
    given: Given = NOTHING_GIVEN


@dataclass(frozen=True, slots=True)
class Starved:
    """Somebody who uses credits and has hardly any: what they can spend, and what a week like the last one takes."""

    member_id: int
    teams: frozenset[int]
    spendable: Credits
    week: Credits

    @property
    def needs(self) -> Credits:
        return max(self.week - self.spendable, ZERO)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A gift that would work now and until ``give_until``; its slices are what it would take, with their expiry."""

    giver: int
    receiver: int
    amount: Credits
    slices: tuple[Slice, ...]
    expires_at: datetime
    give_until: datetime


@dataclass(slots=True)
class _Purse:
    """What is left of a saver's lapsing credits, and of what they may give today, while proposals are made."""

    saver: Saver
    left: list[Position]
    given: Given = field(default=NOTHING_GIVEN)


def is_near_empty(spendable: Credits, *, capacity: Credits, week: Credits) -> bool:
    """Return whether less than a tenth is left of what they had, or of what a week takes."""
    return spendable.micros * 100 < max(capacity, week).micros * LOW_PERCENT


def rescue_candidates(
    savers: Iterable[Saver],
    starved: Iterable[Starved],
    policy: Policy,
    now: datetime,
    *,
    within: timedelta = WITHIN,
    most: int = MOST,
) -> tuple[Proposal, ...]:
    """Return at most ``most`` gifts: what lapses soonest first, to whom the least is left.

    Only lots that may travel and are of use after settlement (G3), only between people who share a team, and only as
    much as the policy still lets the giver give; nobody gets more than they lack, and nobody near empty gives.
    """
    poor = sorted(starved, key=lambda each: (each.spendable, each.member_id))
    lacking = {each.member_id: each.needs for each in poor}
    purses = [_purse(saver, policy, now, within) for saver in savers if saver.member_id not in lacking]
    found: list[Proposal] = []
    for purse in sorted((each for each in purses if each.left), key=_soonest):
        for receiver in poor:
            if len(found) == most:
                return tuple(found)
            if purse.saver.teams & receiver.teams:
                proposal = _proposal(purse, receiver, lacking[receiver.member_id], policy)
                if proposal is not None:
                    lacking[receiver.member_id] -= proposal.amount
                    found.append(proposal)
    return tuple(found)


def _purse(saver: Saver, policy: Policy, now: datetime, within: timedelta) -> _Purse:
    useful_until = now + policy.settlement + policy.min_use
    lapsing = [
        each
        for each in saver.positions
        if each.remaining
        and each.lot.giftable
        and each.lot.expires_at is not None
        and each.lot.lasts_until(useful_until)
        and each.lot.expires_at <= now + within
    ]
    lapsing.sort(key=lambda each: GiftOrder.SOONEST.key(each.lot))
    return _Purse(saver, lapsing[:MAX_SLICES], saver.given)


def _soonest(purse: _Purse) -> tuple[object, ...]:
    return (purse.left[0].lot.expires_at, purse.saver.member_id)


def _proposal(purse: _Purse, receiver: Starved, lacks: Credits, policy: Policy) -> Proposal | None:
    wallet = wallet_of(receiver.member_id)
    pairs = policy.gifts_per_pair_and_day
    if pairs is not None and purse.given.per_recipient.get(wallet, 0) >= pairs:
        return None
    limit = gift_limit_left(policy, purse.given, verified=True)
    amount = min(held(purse.left), lacks, *(() if limit is None else (limit,)))
    if amount < LEAST:
        return None
    slices = draw(purse.left, amount, GiftOrder.SOONEST.key)
    purse.left = _without(purse.left, slices)
    purse.given = purse.given.plus(wallet, amount)
    endings = [giftable_until(part.lot, policy.settlement, policy.min_use) for part in slices]
    lapses = [part.lot.expires_at for part in slices]
    return Proposal(
        purse.saver.member_id,
        receiver.member_id,
        amount,
        slices,
        min(each for each in lapses if each is not None),
        min(each for each in endings if each is not None),
    )


def _without(positions: Sequence[Position], slices: Iterable[Slice]) -> list[Position]:
    taken = {part.lot.lot_id: part.amount for part in slices}
    left = [Position(each.lot, each.remaining - taken.get(each.lot.lot_id, ZERO)) for each in positions]
    return [each for each in left if each.remaining]
