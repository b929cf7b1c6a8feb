"""Rescue: credits that will lapse, matched with teammates who are near empty, as gifts ready to be made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from core.ledger.accounts import wallet_of
from core.ledger.credits import ZERO, Credits
from core.ledger.daily_giving import NOTHING_GIVEN, DailyGiving
from core.ledger.lots import GiftOrder, giftable_until
from core.ledger.positions import MAX_SLICES, Position, Slice, draw, held
from core.policy.decide import gift_limit
from core.policy.limits import Policy
from core.policy.rules import GiverContext

WITHIN: Final = timedelta(days=7)
MOST: Final = 20  # proposals
LEAST: Final = Credits.of(1)  # less is worth nobody's click
LOW_PERCENT: Final = 10


@dataclass(frozen=True, slots=True)
class Donor:
    """Somebody whose credits will lapse; ``positions`` are what their wallet holds, ``teams`` those that count."""

    member_id: int
    teams: frozenset[int]
    positions: tuple[Position, ...]
    given: DailyGiving = NOTHING_GIVEN


@dataclass(frozen=True, slots=True)
class NearlyEmpty:
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
class _DonorLots:
    """What is left of a saver's lapsing credits, and of what they may give today, while proposals are made."""

    donor: Donor
    left: list[Position]
    given: DailyGiving = field(default=NOTHING_GIVEN)


def is_near_empty(spendable: Credits, *, capacity: Credits, week: Credits) -> bool:
    """Return whether less than a tenth is left of what they had, or of what a week takes."""
    return spendable.micros * 100 < max(capacity, week).micros * LOW_PERCENT


def rescue_candidates(
    donors: Iterable[Donor],
    nearly_empty: Iterable[NearlyEmpty],
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
    poor = sorted(nearly_empty, key=lambda each: (each.spendable, each.member_id))
    lacking = {each.member_id: each.needs for each in poor}
    sources = [_donor_lots(donor, policy, now, within) for donor in donors if donor.member_id not in lacking]
    found: list[Proposal] = []
    for source in sorted((each for each in sources if each.left), key=_soonest):
        for receiver in poor:
            if len(found) == most:
                return tuple(found)
            if source.donor.teams & receiver.teams:
                proposal = _proposal(source, receiver, lacking[receiver.member_id], policy)
                if proposal is not None:
                    lacking[receiver.member_id] -= proposal.amount
                    found.append(proposal)
    return tuple(found)


def _donor_lots(donor: Donor, policy: Policy, now: datetime, within: timedelta) -> _DonorLots:
    useful_until = now + policy.settlement + policy.min_use
    lapsing = [
        each
        for each in donor.positions
        if each.remaining
        and each.lot.giftable
        and each.lot.expires_at is not None
        and each.lot.lasts_until(useful_until)
        and each.lot.expires_at <= now + within
    ]
    lapsing.sort(key=lambda each: GiftOrder.SOONEST.key(each.lot))
    return _DonorLots(donor, lapsing[:MAX_SLICES], donor.given)


def _soonest(source: _DonorLots) -> tuple[object, ...]:
    return (source.left[0].lot.expires_at, source.donor.member_id)


def _proposal(source: _DonorLots, receiver: NearlyEmpty, lacks: Credits, policy: Policy) -> Proposal | None:
    wallet = wallet_of(receiver.member_id)
    pairs = policy.gifts_per_pair_and_day
    if pairs is not None and source.given.per_recipient.get(wallet, 0) >= pairs:
        return None
    limit = gift_limit(GiverContext(is_verified=True, given=source.given, policy=policy))
    amount = min(held(source.left), lacks, *(() if limit is None else (limit.amount,)))
    if amount < LEAST:
        return None
    slices = draw(source.left, amount, GiftOrder.SOONEST.key)
    source.left = _without(source.left, slices)
    source.given = source.given.plus(wallet, amount)
    endings = [giftable_until(part.lot, policy.settlement, policy.min_use) for part in slices]
    lapses = [part.lot.expires_at for part in slices]
    return Proposal(
        source.donor.member_id,
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
