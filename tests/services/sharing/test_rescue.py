"""Rescue proposals from a real ledger: who sees which, and that each is a gift that works."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from core.services.grants import grants
from core.services.people import freezes, organizations
from core.services.sharing import rescue
from core.services.sharing.rescue import RescueView
from core.services.wallet import balances
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger, person

DAY = timedelta(days=1)


@pytest.fixture
async def org(database_url: str) -> Any:
    """Al's 200 lapse in five days; Bo, in his team, has used all of what he had."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await _lapsing(org, org.al, "200", org.clock() + 5 * DAY)
        await org.grant(org.bo, "100")
        await org.use(org.bo, 99)
        yield org


async def _lapsing(org: SampleOrg, who: Person, amount: str, at: datetime) -> None:
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key=f"lapses {at} {who.id}",
        to=Recipient(member=who.id),
        amount=Credits.parse(amount),
        source=Source.ALLOTMENT,
        expires_at=at,
    )


async def _seen(org: SampleOrg, who: Person, **asked: int) -> tuple[RescueView, ...]:
    return await rescue.proposals(org.ledger, actor=who.actor, **asked)


async def test_what_lapses_is_matched_with_a_teammate_who_is_near_empty_and_the_gift_works(org: SampleOrg) -> None:
    [found] = await _seen(org, org.ada)
    sent = await gifts.give(
        org.ledger, actor=org.al.actor, key="g", to=[Recipient(member=found.to.id)], amount=found.amount
    )

    assert (found.giver.name, found.to.name, str(found.amount)) == ("Al", "Bo", "98")
    assert (found.expires_at, found.give_until) == (org.clock() + 5 * DAY, org.clock() + 3 * DAY)
    assert [(lot.lot_id, lot.amount) for lot in sent.item[0].lots] == [(lot.lot_id, lot.amount) for lot in found.lots]


async def test_a_lead_sees_their_teams_and_others_what_they_could_give(org: SampleOrg) -> None:
    cy = await person(org, "Cy")
    other = await organizations.create_team(org.ledger, actor=org.ada.actor, name="Elsewhere")
    for member in (cy, org.bo):
        await organizations.add_to_team(org.ledger, actor=org.ada.actor, team_id=other.id, member_id=member.id)
    await _lapsing(org, cy, "50", org.clock() + 4 * DAY)

    assert [each.giver.name for each in await _seen(org, org.ada)] == ["Cy", "Al"]
    assert [each.giver.name for each in await _seen(org, org.al)] == ["Al"]
    assert [each.giver.name for each in await _seen(org, cy)] == ["Cy"]
    assert await _seen(org, org.bo) == ()
    assert await _seen(org, org.stranger) == ()
    assert [str(each.amount) for each in await _seen(org, org.ada, limit=1)] == ["50"]


async def test_who_can_spend_enough_uses_nothing_or_is_frozen_needs_no_rescue(org: SampleOrg) -> None:
    idle = await person(org, "Idle")
    await organizations.add_to_team(org.ledger, actor=org.ada.actor, team_id=org.team, member_id=idle.id)
    before = await _seen(org, org.ada)
    await freezes.freeze(org.ledger, actor=org.ada.actor, member_id=org.bo.id, reason=None)
    frozen = await _seen(org, org.ada)
    await freezes.unfreeze(org.ledger, actor=org.ada.actor, member_id=org.bo.id, reason="found")
    await org.fund(org.team)
    pooled = await _seen(org, org.ada)

    assert [each.to.name for each in before] == ["Bo"]
    assert (frozen, pooled) == ((), ())


async def test_usage_of_another_week_and_lots_of_another_week_do_not_count(org: SampleOrg) -> None:
    assert await _seen(org, org.ada, days=4) == ()
    await _lapsing(org, org.al, "50", org.clock() + 14 * DAY)
    org.clock.advance(7 * DAY)

    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(50)
    assert await _seen(org, org.ada, days=30) == ()


async def test_what_may_no_longer_be_given_today_is_not_proposed(org: SampleOrg) -> None:
    await org.grant(org.al, "2000")
    for number in range(2):
        await gifts.give(
            org.ledger,
            actor=org.al.actor,
            key=f"g{number}",
            to=[Recipient(member=org.bo.id)],
            amount=Credits.of(1),
        )

    assert await _seen(org, org.ada) == (), "two gifts a day to one person are all that the policy allows"
