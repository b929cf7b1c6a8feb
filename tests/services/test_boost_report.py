"""``boost report``: usage before, during and after for each cohort, and what became of people after."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import Source
from core.metering.boost_report import Afterwards, Cohort, CohortReport, Phase
from core.metering.boosts import Factor
from core.metering.usage import Usage
from core.services import grants, members, plans
from core.services.boosts import applications, campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.report import BoostReport, boost_report
from core.services.gifts import Recipient
from core.services.ratecards import published_rate_cards
from core.services.usage import charging
from tests.support.house import House, Person, either_house

__all__ = ["either_house"]

DAY = timedelta(days=1)
MODEL = "gpt-6-luna"


async def use(house: House, person: Person, tokens: int, key: str) -> Credits:
    """Report usage and return its price."""
    rating = await charging.charge(
        house.ledger,
        org_id=person.actor.org_id,
        member_id=person.actor.member_id,
        source="test",
        event_id=key,
        subject=person.id,
        usage=Usage(MODEL, tokens, 0, 0),
        card=published_rate_cards().at(house.clock()),
    )
    return rating.item.amount


async def report_of(house: House, person: Person, campaign: str, team: str | None = None) -> BoostReport:
    return await boost_report(house.ledger, actor=person.actor, campaign_id=campaign, team_id=team)


def cohort(report: BoostReport, which: Cohort) -> CohortReport:
    return next(each for each in report.cohorts if each.cohort is which)


async def a_lived_campaign(house: House) -> tuple[str, Credits]:
    """Al is admitted and Bo waits; both work before, during and after. Return the campaign and the price of a unit."""
    now = house.clock()
    terms = CampaignTerms("Ten", Factor.parse("10"), 1, now + 10 * DAY, now + 10 * DAY, now + 20 * DAY)
    made = await campaigns.open_campaign(house.ledger, actor=house.ada.actor, key="k", terms=terms)
    for person in (house.al, house.bo):
        await house.grant(person)
        await applications.apply(house.ledger, actor=person.actor, key="mine", campaign_id=made.item.id)
    unit = await use(house, house.al, 1_000_000, "before")
    await use(house, house.bo, 1_000_000, "before too")
    house.clock.advance(12 * DAY)
    await use(house, house.al, 5_000_000, "during")
    await use(house, house.bo, 1_000_000, "during too")
    house.clock.advance(9 * DAY)
    await use(house, house.al, 2_000_000, "after")
    return made.item.id, unit


async def test_each_cohort_is_counted_before_during_and_after(either_house: House) -> None:
    house = either_house
    campaign, unit = await a_lived_campaign(house)
    house.clock.advance(30 * DAY)

    report = await report_of(house, house.ada, campaign)
    admitted, waiting = cohort(report, Cohort.ADMITTED), cohort(report, Cohort.WAITLISTED)

    assert [used.phase for used in admitted.usage] == list(Phase)
    assert [used.total.micros // unit.micros for used in admitted.usage] == [1, 5, 2]
    assert [used.total.micros // unit.micros for used in waiting.usage] == [1, 1, 0]
    assert [used.active for used in waiting.usage] == [1, 1, 0]
    assert {each.cohort: each.people for each in report.cohorts} == {
        Cohort.ADMITTED: 1,
        Cohort.WAITLISTED: 1,
        Cohort.REFUSED: 0,
        Cohort.WITHDRAWN: 0,
        Cohort.NOBODY: 1,
    }


async def test_what_became_of_people_after_the_boost(either_house: House) -> None:
    """Al runs into a limit and buys; Bo leaves."""
    house = either_house
    campaign, unit = await a_lived_campaign(house)
    ada = house.ada.actor
    plan = await plans.create_plan(house.ledger, actor=ada, name="Small", weekly=unit)
    await plans.give_plan(house.ledger, actor=ada, subject=house.al.id, plan_id=plan.id)
    await use(house, house.al, 1_000_000, "to the limit")
    await grants.grant(
        house.ledger,
        actor=ada,
        key="bought",
        to=Recipient(member=house.al.id),
        amount=Credits.of(5),
        source=Source.PURCHASE,
    )
    bo = parse_id(Prefix.MEMBER, house.bo.id)
    await members.leave(house.ledger, org_id=ada.org_id, actor_id=ada.member_id, member_id=bo)
    house.clock.advance(DAY)

    report = await report_of(house, house.ada, campaign)

    assert cohort(report, Cohort.ADMITTED).afterwards == Afterwards(at_limit=1, asked=0, bought=1, left=0)
    assert cohort(report, Cohort.WAITLISTED).afterwards == Afterwards(at_limit=0, asked=0, bought=0, left=1)


async def test_a_lead_sees_their_own_team_and_nobody_else_sees_anything(either_house: House) -> None:
    house = either_house
    campaign, _ = await a_lived_campaign(house)
    own = await report_of(house, house.al, campaign, house.team)

    assert sum(each.people for each in own.cohorts) == 2
    for person, team, code in (
        (house.al, None, Code.NOT_ALLOWED),
        (house.bo, house.team, Code.NOT_ALLOWED),
        (house.ada, house.strange_team, Code.NOT_FOUND),
        (house.stranger, None, Code.NOT_FOUND),
    ):
        with pytest.raises(Refused) as refused:
            await report_of(house, person, campaign, team)
        assert refused.value.code is code


async def test_while_the_boost_runs_nothing_is_said_of_the_time_after(either_house: House) -> None:
    house = either_house
    now = house.clock()
    terms = CampaignTerms("Ten", Factor.parse("10"), 1, now + DAY, now + DAY, now + 20 * DAY)
    made = await campaigns.open_campaign(house.ledger, actor=house.ada.actor, key="k", terms=terms)
    with pytest.raises(Refused, match="not begun"):
        await report_of(house, house.ada, made.item.id)
    house.clock.advance(3 * DAY)

    report = await report_of(house, house.ada, made.item.id)

    assert [span.phase for span in report.spans] == [Phase.BEFORE, Phase.DURING]
    assert all(each.afterwards is None for each in report.cohorts)
