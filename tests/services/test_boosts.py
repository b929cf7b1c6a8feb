"""Boosts: dropped by an admin, or by a lead from a budget; ended early; told to everybody they concern (S6)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.metering.boosts import Factor
from core.services import balances, members
from core.services.boosts import boosts
from core.services.boosts.boosts import BoostTarget
from core.services.boosts.rounds import boosts_due
from core.services.boosts.views import BoostDetail
from tests.support.house import House, Person, either_house, house

__all__ = ["either_house", "house"]

DAY = timedelta(days=1)
TEN = Factor.parse("10")


async def drop(
    house: House,
    by: Person,
    to: BoostTarget,
    *,
    key: str = "a drop",
    factor: Factor = TEN,
    days: int | None = 2,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> BoostDetail:
    answer = await boosts.drop(
        house.ledger, actor=by.actor, key=key, to=to, factor=factor, days=days, starts_at=starts_at, ends_at=ends_at
    )
    return answer.item


async def budget(house: House, days: int = 5, most: str = "10") -> None:
    await boosts.set_budget(
        house.ledger,
        actor=house.ada.actor,
        team_id=house.team,
        days_per_month=days,
        max_factor=Factor.parse(most),
    )


async def days_left(house: House) -> int:
    return (await boosts.budget(house.ledger, actor=house.al.actor, team_id=house.team)).days_left


async def running(house: House, person: Person) -> list[str]:
    found = await boosts.boosts(house.ledger, actor=person.actor)
    return [f"{each.factor} {each.subject.kind}" for each in found if each.is_running]


async def texts(house: House, person: Person) -> list[str]:
    return [each.text for each in (await balances.status(house.ledger, actor=person.actor)).notices]


async def test_an_admin_boosts_a_member_a_team_and_everybody(either_house: House) -> None:
    house = either_house
    await drop(house, house.ada, BoostTarget(member=house.bo.id), key="1", factor=Factor.parse("1.5"))
    await drop(house, house.ada, BoostTarget(team=house.team), key="2", factor=Factor.parse("2"))
    everybody = await drop(house, house.ada, BoostTarget(org=house.org), key="3")
    await boosts_due(house.ledger)

    assert await running(house, house.bo) == ["1.5 member", "2 team", "10 org"]
    assert await running(house, house.ada) == ["10 org"]
    assert everybody.subject.name == "Acme"
    assert len(await texts(house, house.bo)) == 3
    assert len(await texts(house, house.ada)) == 1
    assert await texts(house, house.stranger) == []


async def test_a_lead_boosts_the_own_team_from_its_budget_and_no_further(either_house: House) -> None:
    house = either_house
    await budget(house, days=5)
    await drop(house, house.al, BoostTarget(team=house.team), key="1", days=3)
    assert await days_left(house) == 2

    with pytest.raises(Refused, match="takes 3 boost days; 2 of 5 are left") as refused:
        await drop(house, house.al, BoostTarget(team=house.team), key="2", days=3)
    with pytest.raises(Refused, match="at most 10×"):
        await drop(house, house.al, BoostTarget(team=house.team), key="3", factor=Factor.parse("11"), days=1)

    assert refused.value.code is Code.POLICY_REFUSED
    assert refused.value.fields == {"days": 3, "days_left": 2}
    assert await days_left(house) == 2


async def test_the_same_drop_again_costs_nothing_more(house: House) -> None:
    await budget(house)
    first = await drop(house, house.al, BoostTarget(team=house.team))
    again = await drop(house, house.al, BoostTarget(team=house.team))

    assert first == again
    assert await days_left(house) == 3


async def test_a_budget_begins_afresh_with_the_month(house: House) -> None:
    await budget(house)
    await drop(house, house.al, BoostTarget(team=house.team), days=5)
    assert await days_left(house) == 0

    house.clock.advance(31 * DAY)

    assert await days_left(house) == 5
    await drop(house, house.al, BoostTarget(team=house.team), key="next month", days=4)
    assert await days_left(house) == 1


async def test_begun_days_count_whole_and_those_not_begun_come_back(either_house: House) -> None:
    house = either_house
    await budget(house)
    ends_at = house.clock() + 3 * DAY + timedelta(hours=1)
    boost = await drop(house, house.al, BoostTarget(team=house.team), days=None, ends_at=ends_at)
    assert await days_left(house) == 1

    house.clock.advance(timedelta(hours=30))
    ended = (await boosts.end(house.ledger, actor=house.al.actor, boost_id=boost.id)).item
    await boosts_due(house.ledger)

    assert ended.ends_at == house.clock()
    assert await days_left(house) == 3
    assert await running(house, house.bo) == []
    assert (await texts(house, house.bo))[-1].startswith("Your 10× boost is over")


async def test_who_may_not_drop_is_told_so(house: House) -> None:
    cases = (
        (house.bo, BoostTarget(team=house.team), Code.NOT_ALLOWED),
        (house.al, BoostTarget(team=house.team), Code.POLICY_REFUSED),  # a lead without a budget
        (house.al, BoostTarget(member=house.bo.id), Code.NOT_ALLOWED),
        (house.al, BoostTarget(org=house.org), Code.NOT_ALLOWED),
        (house.ada, BoostTarget(org=house.strange_org), Code.NOT_FOUND),
        (house.ada, BoostTarget(team=house.strange_team), Code.NOT_FOUND),
        (house.ada, BoostTarget(member=house.stranger.id), Code.UNKNOWN_MEMBER),
        (house.ada, BoostTarget(), Code.INVALID_REQUEST),
        (house.ada, BoostTarget(member=house.bo.id, team=house.team), Code.INVALID_REQUEST),
    )
    for by, to, code in cases:
        with pytest.raises(Refused) as refused:
            await drop(house, by, to)
        assert refused.value.code is code


@pytest.mark.parametrize(
    ("starts", "ends", "days"),
    [
        (0, 0, None),
        (2, 1, None),
        (-3, -1, None),
        (0, 400, None),
        (400, 401, None),
        (0, None, 0),
        (0, None, None),
        (0, 3, 3),
    ],
)
async def test_a_boost_that_cannot_be_is_refused(house: House, starts: int, ends: int | None, days: int | None) -> None:
    now = house.clock()
    ends_at = None if ends is None else now + ends * DAY

    with pytest.raises(Refused) as refused:
        await drop(
            house,
            house.ada,
            BoostTarget(member=house.bo.id),
            starts_at=now + starts * DAY,
            ends_at=ends_at,
            days=days,
        )

    assert refused.value.code is Code.INVALID_REQUEST


async def test_a_boost_that_is_over_cannot_be_ended_and_a_members_boost_is_no_leads_to_end(house: House) -> None:
    boost = await drop(house, house.ada, BoostTarget(member=house.bo.id))
    with pytest.raises(Refused) as refused:
        await boosts.end(house.ledger, actor=house.al.actor, boost_id=boost.id)
    assert refused.value.code is Code.NOT_ALLOWED

    house.clock.advance(3 * DAY)

    with pytest.raises(Refused) as refused:
        await boosts.end(house.ledger, actor=house.ada.actor, boost_id=boost.id)
    assert refused.value.code is Code.CAMPAIGN_CLOSED


async def test_a_boost_ended_before_it_began_never_was(house: House) -> None:
    boost = await drop(house, house.ada, BoostTarget(member=house.bo.id), starts_at=house.clock() + DAY)
    await boosts.end(house.ledger, actor=house.ada.actor, boost_id=boost.id)
    at_once = await boosts.boosts(house.ledger, actor=house.bo.actor)
    house.clock.advance(2 * DAY)
    await boosts_due(house.ledger)

    assert at_once == await boosts.boosts(house.ledger, actor=house.bo.actor) == ()
    assert await texts(house, house.bo) == []


async def test_who_has_left_is_told_nothing(house: House) -> None:
    await drop(house, house.ada, BoostTarget(team=house.team), starts_at=house.clock() + DAY)
    bo = parse_id(Prefix.MEMBER, house.bo.id)
    await members.leave(house.ledger, org_id=house.ada.actor.org_id, actor_id=house.ada.actor.member_id, member_id=bo)
    house.clock.advance(DAY)
    await boosts_due(house.ledger)

    assert await texts(house, house.bo) == []
    assert len(await texts(house, house.al)) == 1
