"""Rescue proposals from a real ledger: who sees which, and that each is a gift that works."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.services import balances, freezes, gifts, grants, organisations, rescue
from core.services.gifts import Recipient
from core.services.rescue import RescueView
from tests.support.house import House, Person, furnish, open_house_ledger, person

DAY = timedelta(days=1)


@pytest.fixture
async def house(database_url: str) -> Any:
    """Al's 200 lapse in five days; Bo, in his team, has used all of what he had."""
    with open_house_ledger(database_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        await _lapsing(house, house.al, "200", house.clock() + 5 * DAY)
        await house.grant(house.bo, "100")
        await house.use(house.bo, 99)
        yield house


async def _lapsing(house: House, who: Person, amount: str, at: datetime) -> None:
    await grants.grant(
        house.ledger,
        actor=house.ada.actor,
        key=f"lapses {at} {who.id}",
        to=Recipient(member=who.id),
        amount=Credits.parse(amount),
        source=Source.ALLOTMENT,
        expires_at=at,
    )


async def _seen(house: House, who: Person, **asked: int) -> tuple[RescueView, ...]:
    return await rescue.proposals(house.ledger, actor=who.actor, **asked)


async def test_what_lapses_is_matched_with_a_teammate_who_is_near_empty_and_the_gift_works(house: House) -> None:
    [found] = await _seen(house, house.ada)
    sent = await gifts.give(
        house.ledger, actor=house.al.actor, key="g", to=[Recipient(member=found.to.id)], amount=found.amount
    )

    assert (found.giver.name, found.to.name, str(found.amount)) == ("Al", "Bo", "98")
    assert (found.expires_at, found.give_until) == (house.clock() + 5 * DAY, house.clock() + 3 * DAY)
    assert [(lot.lot_id, lot.amount) for lot in sent.item[0].lots] == [(lot.lot_id, lot.amount) for lot in found.lots]


async def test_a_lead_sees_their_teams_and_others_what_they_could_give(house: House) -> None:
    cy = await person(house, "Cy")
    other = await organisations.create_team(house.ledger, actor=house.ada.actor, name="Elsewhere")
    for member in (cy, house.bo):
        await organisations.add_to_team(house.ledger, actor=house.ada.actor, team_id=other.id, member_id=member.id)
    await _lapsing(house, cy, "50", house.clock() + 4 * DAY)

    assert [each.giver.name for each in await _seen(house, house.ada)] == ["Cy", "Al"]
    assert [each.giver.name for each in await _seen(house, house.al)] == ["Al"]
    assert [each.giver.name for each in await _seen(house, cy)] == ["Cy"]
    assert await _seen(house, house.bo) == ()
    assert await _seen(house, house.stranger) == ()
    assert [str(each.amount) for each in await _seen(house, house.ada, limit=1)] == ["50"]


async def test_who_can_spend_enough_uses_nothing_or_is_frozen_needs_no_rescue(house: House) -> None:
    idle = await person(house, "Idle")
    await organisations.add_to_team(house.ledger, actor=house.ada.actor, team_id=house.team, member_id=idle.id)
    before = await _seen(house, house.ada)
    await freezes.freeze(house.ledger, actor=house.ada.actor, member_id=house.bo.id, reason=None)
    frozen = await _seen(house, house.ada)
    await freezes.unfreeze(house.ledger, actor=house.ada.actor, member_id=house.bo.id, reason="found")
    await house.fund(house.team)
    pooled = await _seen(house, house.ada)

    assert [each.to.name for each in before] == ["Bo"]
    assert (frozen, pooled) == ((), ())


async def test_usage_of_another_week_and_lots_of_another_week_do_not_count(house: House) -> None:
    assert await _seen(house, house.ada, days=4) == ()
    await _lapsing(house, house.al, "50", house.clock() + 14 * DAY)
    house.clock.advance(7 * DAY)

    assert (await balances.balance(house.ledger, actor=house.al.actor)).available == Credits.of(50)
    assert await _seen(house, house.ada, days=30) == ()


async def test_what_may_no_longer_be_given_today_is_not_proposed(house: House) -> None:
    await house.grant(house.al, "2000")
    for number in range(2):
        await gifts.give(
            house.ledger,
            actor=house.al.actor,
            key=f"g{number}",
            to=[Recipient(member=house.bo.id)],
            amount=Credits.of(1),
        )

    assert await _seen(house, house.ada) == (), "two gifts a day to one person are all that the policy allows"
