"""Referrals: one inviter each, never oneself, never in a ring; both gain once the invited has used credits."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.metering.usage import Usage
from core.services import balances, holds, members, referrals, refunds
from core.services.usage.reporting import report_usage
from core.services.verify import verify
from tests.support.house import House, Person, furnish, open_house_ledger, person

DAY = timedelta(days=1)


@pytest.fixture
async def house(database_url: str) -> Any:
    with open_house_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _came_by(house: House, invited: Person, inviter: Person) -> bool:
    """Let somebody use somebody's code; return whether that had been so before."""
    code = await referrals.make_code(house.ledger, actor=inviter.actor)
    return (await referrals.use_code(house.ledger, actor=invited.actor, code=code.upper())).replayed


async def _refused(work: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value


async def _earned(house: House, who: Person) -> list[tuple[str, bool, int]]:
    """Return somebody's referral lots: amount, whether they may be given, and in how many days they lapse."""
    lots = (await balances.balance(house.ledger, actor=who.actor)).lots
    return [
        (str(lot.amount), lot.giftable, (lot.expires_at - house.clock()).days)
        for lot in lots
        if lot.source is Source.REFERRAL and lot.expires_at is not None
    ]


async def test_both_sides_gain_once_the_invited_has_really_used_credits(house: House) -> None:
    await house.grant(house.bo)
    await _came_by(house, house.bo, house.al)
    early = await referrals.reward_due(house.ledger)
    await house.use(house.bo, 49)
    little = await referrals.reward_due(house.ledger)
    await house.use(house.bo, 1, event="2")
    swept = await asyncio.gather(*(referrals.reward_due(house.ledger) for _ in range(2)))
    again = await referrals.reward_due(house.ledger)

    assert (early.done, little.done, again.done) == (0, 0, 0)
    assert (sum(each.done for each in swept), sum(each.left for each in swept)) == (1, 0)
    assert await _earned(house, house.al) == await _earned(house, house.bo) == [("100", False, 90)]
    told = (await balances.status(house.ledger, actor=house.al.actor)).notices
    assert [each.text for each in told] == ["You received 100 cr for a referral (Bo)."]
    assert (await verify(house.ledger)).clean


async def test_nobody_gains_before_the_invited_is_verified(house: House) -> None:
    await house.grant(house.bo)
    await members.update_member(house.ledger, actor=house.ada.actor, member_id=house.bo.id, verified=False)
    await _came_by(house, house.bo, house.al)
    await house.use(house.bo, 60)
    before = await referrals.reward_due(house.ledger)
    await members.update_member(house.ledger, actor=house.ada.actor, member_id=house.bo.id, verified=True)
    after = await referrals.reward_due(house.ledger)

    assert (before.done, after.done) == (0, 1)


async def test_an_inviter_who_has_left_gains_nothing_and_the_invited_does(house: House) -> None:
    await house.grant(house.bo)
    await _came_by(house, house.bo, house.al)
    await house.use(house.bo, 60)
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=house.al.id)
    await referrals.reward_due(house.ledger)

    assert await _earned(house, house.bo) == [("100", False, 90)]
    assert (await balances.balance(house.ledger, actor=house.ada.actor, member_id=house.al.id)).lots == ()


async def test_one_came_by_one_person_for_ever(house: House) -> None:
    first = await _came_by(house, house.bo, house.al)
    again = await _came_by(house, house.bo, house.al)
    other = await _refused(_came_by(house, house.bo, house.ada))
    seen = await referrals.referrals(house.ledger, actor=house.bo.actor)

    assert (first, again) == (False, True)
    assert other.code is Code.NOT_ALLOWED
    assert seen.invited_by is not None
    assert seen.invited_by.name == "Al"


async def test_nobody_invites_themselves_by_whatever_account(house: House) -> None:
    add = {"ledger": house.ledger, "actor": house.ada.actor, "verified": True}
    one = await members.add_member(**add, name="Di", email="di@acme.example")  # type: ignore[arg-type]
    two = await members.add_member(**add, name="Di again", email="Di+second@ACME.example")  # type: ignore[arg-type]
    di, again = await person(house, "Di", known=one), await person(house, "Di again", known=two)

    assert (await _refused(_came_by(house, house.bo, house.bo))).code is Code.NOT_ALLOWED
    assert (await _refused(_came_by(house, again, di))).code is Code.NOT_ALLOWED


async def test_no_ring_closes_however_long(house: House) -> None:
    people = [await person(house, f"Person {number}") for number in range(5)]
    for inviter, invited in itertools.pairwise(people):
        await _came_by(house, invited, inviter)
    ring = await _refused(_came_by(house, people[0], people[-1]))
    pair = await _refused(_came_by(house, people[0], people[1]))

    assert [(each.code, each.fields["rule"]) for each in (ring, pair)] == [(Code.POLICY_REFUSED, "ring")] * 2


async def test_two_who_name_each_other_at_one_instant_make_no_ring(house: House) -> None:
    """The chain is locked: one of them comes too late."""
    outcomes = await asyncio.gather(
        _came_by(house, house.al, house.bo), _came_by(house, house.bo, house.al), return_exceptions=True
    )
    late = [each for each in outcomes if isinstance(each, Refused)]

    assert [each.fields.get("rule") for each in late] == ["ring"]


async def test_one_inviter_has_a_cap_in_thirty_days(house: House) -> None:
    for number in range(10):
        await _came_by(house, await person(house, f"Guest {number}"), house.al)
    eleventh = await _refused(_came_by(house, house.bo, house.al))
    house.clock.advance(30 * DAY - timedelta(microseconds=1))
    later = await person(house, "Later")
    still = await _refused(_came_by(house, later, house.al))
    house.clock.advance(timedelta(microseconds=1))

    assert [each.fields["rule"] for each in (eleventh, still)] == ["referrals_per_month"] * 2
    assert await _came_by(house, later, house.al) is False


async def test_a_code_is_for_newcomers_and_lapses_unrewarded(house: House) -> None:
    await house.grant(house.bo)
    await _came_by(house, house.bo, house.al)
    house.clock.advance(30 * DAY)
    old = await _refused(_came_by(house, house.ada, house.al))
    house.clock.advance(60 * DAY)
    await house.use(house.bo, 60)

    assert old.fields["rule"] == "referral_newcomer_days"
    assert (await referrals.reward_due(house.ledger)).done == 0


async def test_a_code_needs_a_verified_owner_and_stays_the_same(house: House) -> None:
    codes = await asyncio.gather(*(referrals.make_code(house.ledger, actor=house.al.actor) for _ in range(3)))
    strange = await _refused(referrals.use_code(house.ledger, actor=house.stranger.actor, code=codes[0]))
    unknown = await _refused(referrals.use_code(house.ledger, actor=house.bo.actor, code="ref_nothing"))
    await members.update_member(house.ledger, actor=house.ada.actor, member_id=house.bo.id, verified=False)
    unverified = await _refused(referrals.make_code(house.ledger, actor=house.bo.actor))

    assert len(set(codes)) == 1
    assert [strange.code, unknown.code, unverified.code] == [Code.NOT_FOUND, Code.NOT_FOUND, Code.NOT_VERIFIED]


@pytest.mark.parametrize("code", ["", "ref_\0", "ref_é", "\ud800", "x" * 5_000, "ref_' OR 1=1"])
async def test_what_is_no_code_is_not_found(house: House, code: str) -> None:
    refused = await _refused(referrals.use_code(house.ledger, actor=house.bo.actor, code=code))

    assert refused.code is Code.NOT_FOUND


async def test_a_referral_lot_repays_what_is_owed(house: House) -> None:
    """G6: what is no promo repays debts; here usage that nothing covered."""
    await house.grant(house.bo, "50")
    await _came_by(house, house.bo, house.al)
    await house.use(house.bo, 110)
    await referrals.reward_due(house.ledger)

    assert [lot.amount for lot in (await balances.balance(house.ledger, actor=house.bo.actor)).lots] == [Credits.of(40)]
    assert (await verify(house.ledger)).clean


async def test_usage_that_nothing_has_paid_earns_no_reward(house: House) -> None:
    """Really used is paid: what is owed counts once a grant has repaid it."""
    await _came_by(house, house.bo, house.al)
    await house.use(house.bo, 1_000)
    owed = await referrals.reward_due(house.ledger)
    await house.grant(house.bo, "49")
    too_little = await referrals.reward_due(house.ledger)
    await house.grant(house.bo, "1", key="one more")
    repaid = await referrals.reward_due(house.ledger)

    assert (owed.done, too_little.done, repaid.done) == (0, 0, 1)


async def test_what_was_given_back_in_parts_is_counted_off_once_each(house: House) -> None:
    await house.grant(house.bo)
    await _came_by(house, house.bo, house.al)
    await house.use(house.bo, 60)
    charged = (await balances.statement(house.ledger, actor=house.bo.actor)).items[0].transfer_id
    back = {"transfer_id": charged, "amount": Credits.of(6), "reason": "it failed"}
    for key in ("one", "two"):
        await refunds.refund(house.ledger, actor=house.ada.actor, key=key, **back)  # type: ignore[arg-type]

    assert (await referrals.reward_due(house.ledger)).done == 0


async def test_what_people_report_of_themselves_earns_no_reward(house: House) -> None:
    """Anybody can invent usage: it counts when a service or an admin reports it, even where it is paid."""
    await house.grant(house.bo)
    await _came_by(house, house.bo, house.al)
    own = await report_usage(house.ledger, actor=house.bo.actor, documents=[_event(house.bo, "own")])
    invented = await referrals.reward_due(house.ledger)
    others = await report_usage(house.ledger, actor=house.ada.actor, documents=[_event(house.bo, "a gateway's")])
    reported = await referrals.reward_due(house.ledger)

    assert (own.accepted, others.accepted) == (1, 1)
    assert own.credits >= Credits.of(50)
    assert (invented.done, reported.done) == (0, 1)


async def test_a_capture_counts_when_somebody_else_makes_it(house: House) -> None:
    await house.grant(house.bo)
    await _came_by(house, house.bo, house.al)
    await _captured(house, house.bo, "own")
    own = await referrals.reward_due(house.ledger)
    await _captured(house, house.ada, "a gateway's")
    others = await referrals.reward_due(house.ledger)

    assert (own.done, others.done) == (0, 1)


def _event(whose: Person, name: str) -> dict[str, Any]:
    """Return a CloudEvent of usage that costs more than a referral asks for."""
    data = {"model": "gpt-6-sol", "input_tokens": 2_000_000, "output_tokens": 0}
    known = {"specversion": "1.0", "type": "com.teamcredits.usage", "source": "test", "id": name}
    return {**known, "subject": whose.id, "data": data}


async def _captured(house: House, by: Person, key: str) -> None:
    """Let somebody authorize and capture usage of Bo's that costs more than a referral asks for."""
    usage = Usage("gpt-6-sol", 2_000_000)
    opened = await holds.authorize(house.ledger, actor=by.actor, key=key, usage=usage, member=house.bo.id)
    await holds.capture(house.ledger, actor=by.actor, hold_id=opened.item.id, counts=usage.counts())
