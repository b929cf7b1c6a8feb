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
from core.services.grants import refunds
from core.services.people import members
from core.services.sharing import referrals
from core.services.usage import holds
from core.services.usage.reports import report_usage
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger, person

DAY = timedelta(days=1)


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _came_by(org: SampleOrg, invited: Person, inviter: Person) -> bool:
    """Let somebody use somebody's code; return whether that had been so before."""
    code = await referrals.make_code(org.ledger, actor=inviter.actor)
    return (await referrals.use_code(org.ledger, actor=invited.actor, code=code.upper())).replayed


async def _refused(work: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value


async def _earned(org: SampleOrg, who: Person) -> list[tuple[str, bool, int]]:
    """Return somebody's referral lots: amount, whether they may be given, and in how many days they lapse."""
    lots = (await balances.balance(org.ledger, actor=who.actor)).lots
    return [
        (str(lot.amount), lot.giftable, (lot.expires_at - org.clock()).days)
        for lot in lots
        if lot.source is Source.REFERRAL and lot.expires_at is not None
    ]


async def test_both_sides_gain_once_the_invited_has_really_used_credits(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await _came_by(org, org.bo, org.al)
    early = await referrals.reward_due(org.ledger)
    await org.use(org.bo, 49)
    little = await referrals.reward_due(org.ledger)
    await org.use(org.bo, 1, event="2")
    swept = await asyncio.gather(*(referrals.reward_due(org.ledger) for _ in range(2)))
    again = await referrals.reward_due(org.ledger)

    assert (early.done, little.done, again.done) == (0, 0, 0)
    assert (sum(each.done for each in swept), sum(each.left for each in swept)) == (1, 0)
    assert await _earned(org, org.al) == await _earned(org, org.bo) == [("100", False, 90)]
    told = (await balances.status(org.ledger, actor=org.al.actor)).notices
    assert [each.text for each in told] == ["You received 100 cr for a referral (Bo)."]
    assert (await verify(org.ledger)).clean


async def test_nobody_gains_before_the_invited_is_verified(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await members.update_member(org.ledger, actor=org.ada.actor, member_id=org.bo.id, verified=False)
    await _came_by(org, org.bo, org.al)
    await org.use(org.bo, 60)
    before = await referrals.reward_due(org.ledger)
    await members.update_member(org.ledger, actor=org.ada.actor, member_id=org.bo.id, verified=True)
    after = await referrals.reward_due(org.ledger)

    assert (before.done, after.done) == (0, 1)


async def test_an_inviter_who_has_left_gains_nothing_and_the_invited_does(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await _came_by(org, org.bo, org.al)
    await org.use(org.bo, 60)
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.al.id)
    await referrals.reward_due(org.ledger)

    assert await _earned(org, org.bo) == [("100", False, 90)]
    assert (await balances.balance(org.ledger, actor=org.ada.actor, member_id=org.al.id)).lots == ()


async def test_one_came_by_one_person_for_ever(org: SampleOrg) -> None:
    first = await _came_by(org, org.bo, org.al)
    again = await _came_by(org, org.bo, org.al)
    other = await _refused(_came_by(org, org.bo, org.ada))
    seen = await referrals.referrals(org.ledger, actor=org.bo.actor)

    assert (first, again) == (False, True)
    assert other.code is Code.NOT_ALLOWED
    assert seen.invited_by is not None
    assert seen.invited_by.name == "Al"


async def test_nobody_invites_themselves_by_whatever_account(org: SampleOrg) -> None:
    add = {"ledger": org.ledger, "actor": org.ada.actor, "verified": True}
    one = await members.add_member(**add, name="Di", email="di@acme.example")  # type: ignore[arg-type]
    two = await members.add_member(**add, name="Di again", email="Di+second@ACME.example")  # type: ignore[arg-type]
    di, again = await person(org, "Di", known=one), await person(org, "Di again", known=two)

    assert (await _refused(_came_by(org, org.bo, org.bo))).code is Code.NOT_ALLOWED
    assert (await _refused(_came_by(org, again, di))).code is Code.NOT_ALLOWED


async def test_no_ring_closes_however_long(org: SampleOrg) -> None:
    people = [await person(org, f"Person {number}") for number in range(5)]
    for inviter, invited in itertools.pairwise(people):
        await _came_by(org, invited, inviter)
    ring = await _refused(_came_by(org, people[0], people[-1]))
    pair = await _refused(_came_by(org, people[0], people[1]))

    assert [(each.code, each.fields["rule"]) for each in (ring, pair)] == [(Code.POLICY_REFUSED, "ring")] * 2


async def test_two_who_name_each_other_at_one_instant_make_no_ring(org: SampleOrg) -> None:
    """The chain is locked: one of them comes too late."""
    outcomes = await asyncio.gather(
        _came_by(org, org.al, org.bo), _came_by(org, org.bo, org.al), return_exceptions=True
    )
    late = [each for each in outcomes if isinstance(each, Refused)]

    assert [each.fields.get("rule") for each in late] == ["ring"]


async def test_one_inviter_has_a_cap_in_thirty_days(org: SampleOrg) -> None:
    for number in range(10):
        await _came_by(org, await person(org, f"Guest {number}"), org.al)
    eleventh = await _refused(_came_by(org, org.bo, org.al))
    org.clock.advance(30 * DAY - timedelta(microseconds=1))
    later = await person(org, "Later")
    still = await _refused(_came_by(org, later, org.al))
    org.clock.advance(timedelta(microseconds=1))

    assert [each.fields["rule"] for each in (eleventh, still)] == ["referrals_per_month"] * 2
    assert await _came_by(org, later, org.al) is False


async def test_a_code_is_for_newcomers_and_lapses_unrewarded(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await _came_by(org, org.bo, org.al)
    org.clock.advance(30 * DAY)
    old = await _refused(_came_by(org, org.ada, org.al))
    org.clock.advance(60 * DAY)
    await org.use(org.bo, 60)

    assert old.fields["rule"] == "referral_newcomer_days"
    assert (await referrals.reward_due(org.ledger)).done == 0


async def test_a_code_needs_a_verified_owner_and_stays_the_same(org: SampleOrg) -> None:
    codes = await asyncio.gather(*(referrals.make_code(org.ledger, actor=org.al.actor) for _ in range(3)))
    strange = await _refused(referrals.use_code(org.ledger, actor=org.stranger.actor, code=codes[0]))
    unknown = await _refused(referrals.use_code(org.ledger, actor=org.bo.actor, code="ref_nothing"))
    await members.update_member(org.ledger, actor=org.ada.actor, member_id=org.bo.id, verified=False)
    unverified = await _refused(referrals.make_code(org.ledger, actor=org.bo.actor))

    assert len(set(codes)) == 1
    assert [strange.code, unknown.code, unverified.code] == [Code.NOT_FOUND, Code.NOT_FOUND, Code.NOT_VERIFIED]


@pytest.mark.parametrize("code", ["", "ref_\0", "ref_é", "\ud800", "x" * 5_000, "ref_' OR 1=1"])
async def test_what_is_no_code_is_not_found(org: SampleOrg, code: str) -> None:
    refused = await _refused(referrals.use_code(org.ledger, actor=org.bo.actor, code=code))

    assert refused.code is Code.NOT_FOUND


async def test_a_referral_lot_repays_what_is_owed(org: SampleOrg) -> None:
    """G6: what is no promo repays debts; here usage that nothing covered."""
    await org.grant(org.bo, "50")
    await _came_by(org, org.bo, org.al)
    await org.use(org.bo, 110)
    await referrals.reward_due(org.ledger)

    assert [lot.amount for lot in (await balances.balance(org.ledger, actor=org.bo.actor)).lots] == [Credits.of(40)]
    assert (await verify(org.ledger)).clean


async def test_usage_that_nothing_has_paid_earns_no_reward(org: SampleOrg) -> None:
    """Really used is paid: what is owed counts once a grant has repaid it."""
    await _came_by(org, org.bo, org.al)
    await org.use(org.bo, 1_000)
    owed = await referrals.reward_due(org.ledger)
    await org.grant(org.bo, "49")
    too_little = await referrals.reward_due(org.ledger)
    await org.grant(org.bo, "1", key="one more")
    repaid = await referrals.reward_due(org.ledger)

    assert (owed.done, too_little.done, repaid.done) == (0, 0, 1)


async def test_what_was_given_back_in_parts_is_counted_off_once_each(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await _came_by(org, org.bo, org.al)
    await org.use(org.bo, 60)
    charged = (await balances.statement(org.ledger, actor=org.bo.actor)).items[0].transfer_id
    back = {"transfer_id": charged, "amount": Credits.of(6), "reason": "it failed"}
    for key in ("one", "two"):
        await refunds.refund(org.ledger, actor=org.ada.actor, key=key, **back)  # type: ignore[arg-type]

    assert (await referrals.reward_due(org.ledger)).done == 0


async def test_what_people_report_of_themselves_earns_no_reward(org: SampleOrg) -> None:
    """Anybody can invent usage: it counts when a service or an admin reports it, even where it is paid."""
    await org.grant(org.bo)
    await _came_by(org, org.bo, org.al)
    own = await report_usage(org.ledger, actor=org.bo.actor, documents=[_event(org.bo, "own")])
    invented = await referrals.reward_due(org.ledger)
    others = await report_usage(org.ledger, actor=org.ada.actor, documents=[_event(org.bo, "a gateway's")])
    reported = await referrals.reward_due(org.ledger)

    assert (own.accepted, others.accepted) == (1, 1)
    assert own.credits >= Credits.of(50)
    assert (invented.done, reported.done) == (0, 1)


async def test_a_capture_counts_when_somebody_else_makes_it(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await _came_by(org, org.bo, org.al)
    await _captured(org, org.bo, "own")
    own = await referrals.reward_due(org.ledger)
    await _captured(org, org.ada, "a gateway's")
    others = await referrals.reward_due(org.ledger)

    assert (own.done, others.done) == (0, 1)


def _event(whose: Person, name: str) -> dict[str, Any]:
    """Return a CloudEvent of usage that costs more than a referral asks for."""
    data = {"model": "gpt-6-sol", "input_tokens": 2_000_000, "output_tokens": 0}
    known = {"specversion": "1.0", "type": "com.teamcredits.usage", "source": "test", "id": name}
    return {**known, "subject": whose.id, "data": data}


async def _captured(org: SampleOrg, by: Person, key: str) -> None:
    """Let somebody authorize and capture usage of Bo's that costs more than a referral asks for."""
    usage = Usage("gpt-6-sol", 2_000_000)
    opened = await holds.authorize(org.ledger, actor=by.actor, key=key, usage=usage, member=org.bo.id)
    await holds.capture(org.ledger, actor=by.actor, hold_id=opened.item.id, counts=usage.counts())
