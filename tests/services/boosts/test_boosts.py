"""Boosts: dropped by an admin, or by a lead from a budget; ended early; told to everybody they concern (S6)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.metering.boosts import Factor
from core.services.boosts import boosts
from core.services.boosts.boosts import BoostTarget
from core.services.boosts.sweeps import boosts_due
from core.services.boosts.views import BoostDetail
from core.services.people import members
from core.services.wallet import balances
from tests.support.sample_org import Person, SampleOrg, either_org, org

__all__ = ["either_org", "org"]

DAY = timedelta(days=1)
TEN = Factor.parse("10")


async def drop(
    org: SampleOrg,
    by: Person,
    to: BoostTarget,
    *,
    key: str = "a drop",
    factor: Factor = TEN,
    days: int | None = 2,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> BoostDetail:
    answer = await boosts.grant(
        org.ledger, actor=by.actor, key=key, to=to, factor=factor, days=days, starts_at=starts_at, ends_at=ends_at
    )
    return answer.item


async def budget(org: SampleOrg, days: int = 5, most: str = "10") -> None:
    await boosts.set_budget(
        org.ledger,
        actor=org.ada.actor,
        team_id=org.team,
        days_per_month=days,
        max_factor=Factor.parse(most),
    )


async def days_left(org: SampleOrg) -> int:
    return (await boosts.budget(org.ledger, actor=org.al.actor, team_id=org.team)).days_left


async def running(org: SampleOrg, person: Person) -> list[str]:
    found = await boosts.boosts(org.ledger, actor=person.actor)
    return [f"{each.factor} {each.subject.kind}" for each in found if each.is_running]


async def texts(org: SampleOrg, person: Person) -> list[str]:
    return [each.text for each in (await balances.status(org.ledger, actor=person.actor)).notices]


async def test_an_admin_boosts_a_member_a_team_and_everybody(either_org: SampleOrg) -> None:
    org = either_org
    await drop(org, org.ada, BoostTarget(member=org.bo.id), key="1", factor=Factor.parse("1.5"))
    await drop(org, org.ada, BoostTarget(team=org.team), key="2", factor=Factor.parse("2"))
    everybody = await drop(org, org.ada, BoostTarget(org=org.id), key="3")
    await boosts_due(org.ledger)

    assert await running(org, org.bo) == ["1.5 member", "2 team", "10 org"]
    assert await running(org, org.ada) == ["10 org"]
    assert everybody.subject.name == "Acme"
    assert len(await texts(org, org.bo)) == 3
    assert len(await texts(org, org.ada)) == 1
    assert await texts(org, org.stranger) == []


async def test_a_lead_boosts_the_own_team_from_its_budget_and_no_further(either_org: SampleOrg) -> None:
    org = either_org
    await budget(org, days=5)
    await drop(org, org.al, BoostTarget(team=org.team), key="1", days=3)
    assert await days_left(org) == 2

    with pytest.raises(Refused, match="takes 3 boost days; 2 of 5 are left") as refused:
        await drop(org, org.al, BoostTarget(team=org.team), key="2", days=3)
    with pytest.raises(Refused, match="at most 10×"):
        await drop(org, org.al, BoostTarget(team=org.team), key="3", factor=Factor.parse("11"), days=1)

    assert refused.value.code is Code.POLICY_REFUSED
    assert refused.value.fields == {"days": 3, "days_left": 2}
    assert await days_left(org) == 2


async def test_the_same_drop_again_costs_nothing_more(org: SampleOrg) -> None:
    await budget(org)
    first = await drop(org, org.al, BoostTarget(team=org.team))
    again = await drop(org, org.al, BoostTarget(team=org.team))

    assert first == again
    assert await days_left(org) == 3


async def test_a_budget_begins_afresh_with_the_month(org: SampleOrg) -> None:
    await budget(org)
    await drop(org, org.al, BoostTarget(team=org.team), days=5)
    assert await days_left(org) == 0

    org.clock.advance(31 * DAY)

    assert await days_left(org) == 5
    await drop(org, org.al, BoostTarget(team=org.team), key="next month", days=4)
    assert await days_left(org) == 1


async def test_begun_days_count_whole_and_those_not_begun_come_back(either_org: SampleOrg) -> None:
    org = either_org
    await budget(org)
    ends_at = org.clock() + 3 * DAY + timedelta(hours=1)
    boost = await drop(org, org.al, BoostTarget(team=org.team), days=None, ends_at=ends_at)
    assert await days_left(org) == 1

    org.clock.advance(timedelta(hours=30))
    ended = (await boosts.end(org.ledger, actor=org.al.actor, boost_id=boost.id)).item
    await boosts_due(org.ledger)

    assert ended.ends_at == org.clock()
    assert await days_left(org) == 3
    assert await running(org, org.bo) == []
    assert (await texts(org, org.bo))[-1].startswith("Your 10× boost has ended")


async def test_who_may_not_drop_is_told_so(org: SampleOrg) -> None:
    cases = (
        (org.bo, BoostTarget(team=org.team), Code.NOT_ALLOWED),
        (org.al, BoostTarget(team=org.team), Code.POLICY_REFUSED),  # a lead without a budget
        (org.al, BoostTarget(member=org.bo.id), Code.NOT_ALLOWED),
        (org.al, BoostTarget(org=org.id), Code.NOT_ALLOWED),
        (org.ada, BoostTarget(org=org.strange_org), Code.NOT_FOUND),
        (org.ada, BoostTarget(team=org.strange_team), Code.NOT_FOUND),
        (org.ada, BoostTarget(member=org.stranger.id), Code.UNKNOWN_MEMBER),
        (org.ada, BoostTarget(), Code.INVALID_REQUEST),
        (org.ada, BoostTarget(member=org.bo.id, team=org.team), Code.INVALID_REQUEST),
    )
    for by, to, code in cases:
        with pytest.raises(Refused) as refused:
            await drop(org, by, to)
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
async def test_a_boost_that_cannot_be_is_refused(
    org: SampleOrg, starts: int, ends: int | None, days: int | None
) -> None:
    now = org.clock()
    ends_at = None if ends is None else now + ends * DAY

    with pytest.raises(Refused) as refused:
        await drop(
            org,
            org.ada,
            BoostTarget(member=org.bo.id),
            starts_at=now + starts * DAY,
            ends_at=ends_at,
            days=days,
        )

    assert refused.value.code is Code.INVALID_REQUEST


async def test_a_boost_that_is_over_cannot_be_ended_and_a_members_boost_is_no_leads_to_end(org: SampleOrg) -> None:
    boost = await drop(org, org.ada, BoostTarget(member=org.bo.id))
    with pytest.raises(Refused) as refused:
        await boosts.end(org.ledger, actor=org.al.actor, boost_id=boost.id)
    assert refused.value.code is Code.NOT_ALLOWED

    org.clock.advance(3 * DAY)

    with pytest.raises(Refused) as refused:
        await boosts.end(org.ledger, actor=org.ada.actor, boost_id=boost.id)
    assert refused.value.code is Code.CAMPAIGN_CLOSED


async def test_a_boost_ended_before_it_began_never_was(org: SampleOrg) -> None:
    boost = await drop(org, org.ada, BoostTarget(member=org.bo.id), starts_at=org.clock() + DAY)
    await boosts.end(org.ledger, actor=org.ada.actor, boost_id=boost.id)
    at_once = await boosts.boosts(org.ledger, actor=org.bo.actor)
    org.clock.advance(2 * DAY)
    await boosts_due(org.ledger)

    assert at_once == await boosts.boosts(org.ledger, actor=org.bo.actor) == ()
    assert await texts(org, org.bo) == []


async def test_who_has_left_is_told_nothing(org: SampleOrg) -> None:
    await drop(org, org.ada, BoostTarget(team=org.team), starts_at=org.clock() + DAY)
    bo = parse_id(Prefix.MEMBER, org.bo.id)
    await members.leave(org.ledger, org_id=org.ada.actor.org_id, actor_id=org.ada.actor.member_id, member_id=bo)
    org.clock.advance(DAY)
    await boosts_due(org.ledger)

    assert await texts(org, org.bo) == []
    assert len(await texts(org, org.al)) == 1
