"""Campaigns from the decision to the end: by hand, by a draw anybody can check, told stage by stage (S7)."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import pytest

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.metering.campaigns import ApplicationState, Method
from core.services.boosts import applications, boosts, campaigns
from core.services.boosts.application_commands import SubmitApplication, WithdrawApplication
from core.services.boosts.sweeps import boosts_due, withdraw_leavers
from core.services.boosts.views import ApplicationView, CampaignState
from core.services.common.actors import Actor
from core.services.common.sweeps import SweepResult
from core.services.people import members
from core.services.wallet.verify import verify
from core.store.queries import boosts as stored
from tests.support.campaigns import a_campaign, apply, mine, notices, running_boost, see
from tests.support.crowd import a_crowd
from tests.support.sample_org import Person, SampleOrg, either_org, furnish, open_sample_ledger, org

__all__ = ["either_org", "org"]

S = ApplicationState
DAY = timedelta(days=1)


async def test_by_hand_an_admin_decides_within_the_capacity(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org, method=Method.HAND)
    al, bo = await apply(org, campaign, org.al), await apply(org, campaign, org.bo)
    assert {al.state, bo.state} == {S.APPLIED}

    async def decide(application: ApplicationView, verdict: ApplicationState, actor: Actor = org.ada.actor) -> str:
        answer = await applications.decide(
            org.ledger, actor=actor, campaign_id=campaign.id, application_id=application.id, verdict=verdict
        )
        return answer.item.state.value

    assert await decide(bo, S.ADMITTED) == "admitted"
    for verdict, application, code in (
        (S.ADMITTED, al, Code.CAMPAIGN_FULL),
        (S.REFUSED, bo, Code.APPLICATION_DECIDED),
    ):
        with pytest.raises(Refused) as refused:
            await decide(application, verdict)
        assert refused.value.code is code
    with pytest.raises(Refused) as refused:
        await decide(al, S.REFUSED, org.al.actor)
    assert refused.value.code is Code.NOT_ALLOWED
    assert await decide(al, S.REFUSED) == "refused"


async def test_a_lottery_commits_to_its_seed_and_can_be_worked_out_again(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org, method=Method.LOTTERY, capacity=2)
    people = (org.al, org.bo, org.ada)
    made = [await apply(org, campaign, person) for person in people]
    assert campaign.seed is None
    assert {each.place for each in made} == {None}
    with pytest.raises(Refused, match="closed"):
        await campaigns.draw(org.ledger, actor=org.ada.actor, campaign_id=campaign.id)

    org.clock.advance(DAY)
    drawn = await campaigns.draw(org.ledger, actor=org.ada.actor, campaign_id=campaign.id)
    again = await campaigns.draw(org.ledger, actor=org.ada.actor, campaign_id=campaign.id)

    assert drawn == again
    assert drawn.seed is not None
    assert hashlib.sha256(drawn.seed.encode()).hexdigest() == campaign.seed_hash
    order = sorted(made, key=lambda each: hashlib.sha256(f"{drawn.seed}:{each.id}".encode()).hexdigest())
    shown = await campaigns.drawn(org.ledger, actor=org.bo.actor, campaign_id=campaign.id)
    states = [S.ADMITTED, S.ADMITTED, S.WAITLISTED]
    assert shown.order == tuple(zip((each.id for each in order), states, strict=True))


async def test_the_sweep_draws_a_lottery_when_applications_have_closed(org: SampleOrg) -> None:
    campaign = await a_campaign(org, method=Method.LOTTERY, capacity=1)
    for person in (org.al, org.bo):
        await apply(org, campaign, person)

    early = await boosts_due(org.ledger)
    org.clock.advance(DAY)
    await boosts_due(org.ledger)
    counts = (await see(org, campaign, org.ada)).counts

    assert early.done == 0
    assert (counts.admitted, counts.waitlisted, counts.applied) == (1, 1, 0)


async def test_many_at_once_fill_exactly_the_capacity(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org, capacity=2)
    number = parse_id(Prefix.CAMPAIGN, campaign.id)
    own_org = org.ada.actor.org_id
    people = [org.ada, org.al, org.bo]
    commands = [
        SubmitApplication(own_org, person.actor.member_id, f"{attempt}", number, {})
        for person in people
        for attempt in range(5)
    ]
    outcomes = await asyncio.gather(*(org.ledger.execute(each) for each in commands), return_exceptions=True)
    counts = (await see(org, campaign, org.ada)).counts

    assert sum(isinstance(each, Refused) for each in outcomes) == 12
    assert (counts.admitted, counts.waitlisted) == (2, 1)


async def test_an_early_end_ends_the_boosts_and_takes_nothing_back(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org, capacity=2)
    await apply(org, campaign, org.al)
    org.clock.advance(3 * DAY)

    ended = await campaigns.end_campaign(org.ledger, actor=org.ada.actor, campaign_id=campaign.id)

    assert ended.state is CampaignState.ENDED
    assert await running_boost(org, org.al) is None
    with pytest.raises(Refused, match="over"):
        await apply(org, campaign, org.bo)


async def test_a_campaign_that_ends_before_its_boost_began_leaves_nothing_to_be_done(either_org: SampleOrg) -> None:
    """Its boosts never were, and no sweep looks for their end again."""
    org = either_org
    campaign = await a_campaign(org, capacity=2)
    for applicant in (org.al, org.bo):
        await apply(org, campaign, applicant)
    await applications.withdraw(org.ledger, actor=org.bo.actor, campaign_id=campaign.id)
    await campaigns.end_campaign(org.ledger, actor=org.ada.actor, campaign_id=campaign.id)
    own_org, number = org.ada.actor.org_id, parse_id(Prefix.CAMPAIGN, campaign.id)
    ended = await org.ledger.read(lambda connection: stored.campaign(connection, own_org, number))
    assert ended is not None

    assert await org.ledger.read(lambda connection: stored.unrevoked_boosts(connection, ended, 9)) == []
    assert await boosts.boosts(org.ledger, actor=org.al.actor) == ()
    assert await boosts_due(org.ledger) == SweepResult()


async def test_each_stage_is_told_once_and_of_several_missed_only_the_newest(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org)
    await apply(org, campaign, org.al)
    told = await notices(org, org.al)
    for days in (1, 0.5, 23.5, 6.5, 3, 0):  # the start; nothing; 7 days ahead; 3 and 1 days missed; end and feedback
        org.clock.advance(days * DAY)
        await boosts_due(org.ledger)
        await boosts_due(org.ledger)
        told += [text for text in await notices(org, org.al) if text not in told]

    assert [text.split(":")[0] for text in told] == [
        "You're in “Autumn”",
        "Your 10× boost “Autumn” has started and lasts until 22 Dec 2026, 12",
        "Your 10× boost “Autumn” ends in 7 days, on 22 Dec 2026, 12",
        "Your 10× boost “Autumn” ends in 1 day, on 22 Dec 2026, 12",
        "How was “Autumn”? Its boost ended on 22 Dec 2026, 12",
    ]


async def test_the_place_of_somebody_who_left_goes_to_the_next(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org)
    await apply(org, campaign, org.al)
    await apply(org, campaign, org.bo)
    ada, leaver = org.ada.actor, org.al.actor.member_id
    await members.leave(org.ledger, org_id=ada.org_id, actor_id=ada.member_id, member_id=leaver)

    first, again = await withdraw_leavers(org.ledger), await withdraw_leavers(org.ledger)
    await boosts_due(org.ledger)

    assert (first.done, again.done) == (1, 0)
    assert (await mine(org, campaign, org.bo)).state is S.ADMITTED
    assert (await verify(org.ledger)).clean


async def test_two_processes_fill_exactly_the_capacity_together(database_url: str) -> None:
    """L7: each has a journal of its own; what they share is the lock of the organization's pool."""
    with open_sample_ledger(database_url) as (ledger, clock), open_sample_ledger(database_url) as (other, _):
        org = await furnish(ledger, clock)
        campaign = await a_campaign(org, capacity=60)
        number = parse_id(Prefix.CAMPAIGN, campaign.id)
        people = a_crowd(ledger, org.ada.actor.org_id, 100)
        commands = [SubmitApplication(each.actor.org_id, each.actor.member_id, "mine", number, {}) for each in people]

        await asyncio.gather(*((ledger, other)[place % 2].execute(each) for place, each in enumerate(commands)))
        first, second = people[0], people[1]
        leaving = [
            WithdrawApplication(e.actor.org_id, e.actor.member_id, number, e.actor.member_id) for e in (first, second)
        ]
        await asyncio.gather(ledger.execute(leaving[0]), other.execute(leaving[1]))
        await asyncio.gather(boosts_due(ledger), boosts_due(other))

        counts = (await see(org, campaign, org.ada)).counts
        assert (counts.admitted, counts.withdrawn) == (60, 2)
        assert (await verify(ledger)).clean


async def test_who_was_admitted_may_say_what_it_was_worth(org: SampleOrg) -> None:
    campaign = await a_campaign(org)
    await apply(org, campaign, org.al)
    await apply(org, campaign, org.bo)
    org.clock.advance(33 * DAY)

    async def judge(person: Person, rating: int = 4) -> ApplicationView:
        answer = await applications.rate(
            org.ledger, actor=person.actor, key="k", campaign_id=campaign.id, rating=rating, words="much faster"
        )
        return answer.item

    own = await judge(org.al)

    assert (own.rating, own.words) == (4, "much faster")
    with pytest.raises(Refused, match="admitted"):
        await judge(org.bo)
    with pytest.raises(Refused, match="1 to 5"):
        await judge(org.al, 6)


async def test_one_application_a_person_holds_in_the_database_too(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org)
    await apply(org, campaign, org.al)
    number = parse_id(Prefix.CAMPAIGN, campaign.id)

    found = await org.ledger.read(
        lambda connection: stored.application_of(connection, org.al.actor.org_id, number, org.al.actor.member_id)
    )

    assert found is not None
    assert found.state is S.ADMITTED
