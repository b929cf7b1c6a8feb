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
from core.services.allowances import plans
from core.services.boosts import applications, campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.report import BoostReport, boost_report
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.people import members
from core.services.usage import charges
from core.services.usage.ratecards import published_rate_cards
from tests.support.sample_org import Person, SampleOrg, either_org

__all__ = ["either_org"]

DAY = timedelta(days=1)
MODEL = "gpt-6-luna"


async def use(org: SampleOrg, person: Person, tokens: int, key: str) -> Credits:
    """Report usage and return its price."""
    rating = await charges.charge(
        org.ledger,
        org_id=person.actor.org_id,
        member_id=person.actor.member_id,
        source="test",
        event_id=key,
        subject=person.id,
        usage=Usage(MODEL, tokens, 0, 0),
        card=published_rate_cards().at(org.clock()),
    )
    return rating.item.amount


async def report_of(org: SampleOrg, person: Person, campaign: str, team: str | None = None) -> BoostReport:
    return await boost_report(org.ledger, actor=person.actor, campaign_id=campaign, team_id=team)


def cohort(report: BoostReport, which: Cohort) -> CohortReport:
    return next(each for each in report.cohorts if each.cohort is which)


async def a_lived_campaign(org: SampleOrg) -> tuple[str, Credits]:
    """Al is admitted and Bo waits; both work before, during and after. Return the campaign and the price of a unit."""
    now = org.clock()
    terms = CampaignTerms("Ten", Factor.parse("10"), 1, now + 10 * DAY, now + 10 * DAY, now + 20 * DAY)
    made = await campaigns.open_campaign(org.ledger, actor=org.ada.actor, key="k", terms=terms)
    for person in (org.al, org.bo):
        await org.grant(person)
        await applications.apply(org.ledger, actor=person.actor, key="mine", campaign_id=made.item.id)
    unit = await use(org, org.al, 1_000_000, "before")
    await use(org, org.bo, 1_000_000, "before too")
    org.clock.advance(12 * DAY)
    await use(org, org.al, 5_000_000, "during")
    await use(org, org.bo, 1_000_000, "during too")
    org.clock.advance(9 * DAY)
    await use(org, org.al, 2_000_000, "after")
    return made.item.id, unit


async def test_each_cohort_is_counted_before_during_and_after(either_org: SampleOrg) -> None:
    org = either_org
    campaign, unit = await a_lived_campaign(org)
    org.clock.advance(30 * DAY)

    report = await report_of(org, org.ada, campaign)
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


async def test_what_became_of_people_after_the_boost(either_org: SampleOrg) -> None:
    """Al runs into a limit and buys; Bo leaves."""
    org = either_org
    campaign, unit = await a_lived_campaign(org)
    ada = org.ada.actor
    plan = await plans.create_plan(org.ledger, actor=ada, name="Small", weekly=unit)
    await plans.give_plan(org.ledger, actor=ada, subject=org.al.id, plan_id=plan.id)
    await use(org, org.al, 1_000_000, "to the limit")
    await grants.grant(
        org.ledger,
        actor=ada,
        key="bought",
        to=Recipient(member=org.al.id),
        amount=Credits.of(5),
        source=Source.PURCHASE,
    )
    bo = parse_id(Prefix.MEMBER, org.bo.id)
    await members.leave(org.ledger, org_id=ada.org_id, actor_id=ada.member_id, member_id=bo)
    org.clock.advance(DAY)

    report = await report_of(org, org.ada, campaign)

    assert cohort(report, Cohort.ADMITTED).afterwards == Afterwards(at_limit=1, asked=0, bought=1, left=0)
    assert cohort(report, Cohort.WAITLISTED).afterwards == Afterwards(at_limit=0, asked=0, bought=0, left=1)


async def test_a_lead_sees_their_own_team_and_nobody_else_sees_anything(either_org: SampleOrg) -> None:
    org = either_org
    campaign, _ = await a_lived_campaign(org)
    own = await report_of(org, org.al, campaign, org.team)

    assert sum(each.people for each in own.cohorts) == 2
    for person, team, code in (
        (org.al, None, Code.NOT_ALLOWED),
        (org.bo, org.team, Code.NOT_ALLOWED),
        (org.ada, org.strange_team, Code.NOT_FOUND),
        (org.stranger, None, Code.NOT_FOUND),
    ):
        with pytest.raises(Refused) as refused:
            await report_of(org, person, campaign, team)
        assert refused.value.code is code


async def test_while_the_boost_runs_nothing_is_said_of_the_time_after(either_org: SampleOrg) -> None:
    org = either_org
    now = org.clock()
    terms = CampaignTerms("Ten", Factor.parse("10"), 1, now + DAY, now + DAY, now + 20 * DAY)
    made = await campaigns.open_campaign(org.ledger, actor=org.ada.actor, key="k", terms=terms)
    with pytest.raises(Refused, match="not begun"):
        await report_of(org, org.ada, made.item.id)
    org.clock.advance(3 * DAY)

    report = await report_of(org, org.ada, made.item.id)

    assert [span.phase for span in report.spans] == [Phase.BEFORE, Phase.DURING]
    assert all(each.afterwards is None for each in report.cohorts)
