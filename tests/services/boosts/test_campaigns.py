"""Campaigns: one application each, exactly the capacity, a waitlist that moves up (S7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.metering.campaigns import ApplicationState
from core.services.boosts import applications, campaigns
from core.services.boosts.application_commands import WithdrawApplication
from core.services.boosts.forms import FormQuestion, QuestionKind
from core.services.boosts.sweeps import boosts_due
from core.services.boosts.views import CampaignState
from tests.support.campaigns import a_campaign, apply, mine, running_boost, see, wrong_fields
from tests.support.sample_org import SampleOrg, either_org, org

__all__ = ["either_org", "org"]

S = ApplicationState
DAY = timedelta(days=1)


async def test_by_arrival_the_first_is_in_and_the_next_waits(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org)

    first, second = await apply(org, campaign, org.al), await apply(org, campaign, org.bo)

    assert (first.state, first.place) == (S.ADMITTED, None)
    assert (second.state, second.place) == (S.WAITLISTED, 1)


async def test_a_second_application_is_refused_with_the_state_of_the_first(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org)
    own = await apply(org, campaign, org.al)

    with pytest.raises(Refused) as refused:
        await apply(org, campaign, org.al, key="twice")

    assert refused.value.code is Code.ALREADY_APPLIED
    assert refused.value.fields == {"state": "admitted", "application": own.id}


async def test_the_same_key_again_answers_with_what_it_did(org: SampleOrg) -> None:
    campaign = await a_campaign(org)
    own = await apply(org, campaign, org.al)

    again = await applications.apply(org.ledger, actor=org.al.actor, key="once", campaign_id=campaign.id)

    assert again.replayed
    assert again.item == own


async def test_who_withdraws_makes_room_for_the_next_and_loses_the_boost(either_org: SampleOrg) -> None:
    org = either_org
    campaign = await a_campaign(org)
    await apply(org, campaign, org.al)
    await apply(org, campaign, org.bo)
    org.clock.advance(2 * DAY)
    assert await running_boost(org, org.al) == "10"

    gone = await applications.withdraw(org.ledger, actor=org.al.actor, campaign_id=campaign.id)

    assert gone.item.state is S.WITHDRAWN
    assert (await mine(org, campaign, org.bo)).state is S.ADMITTED
    assert await running_boost(org, org.al) is None
    assert await running_boost(org, org.bo) == "10"


async def test_nobody_passes_those_who_wait_already(org: SampleOrg) -> None:
    campaign = await a_campaign(org)
    await apply(org, campaign, org.al)
    await apply(org, campaign, org.bo)
    number = parse_id(Prefix.CAMPAIGN, campaign.id)
    actor = org.al.actor
    # He withdraws, and the process stops before anybody moves up.
    await org.ledger.execute(WithdrawApplication(actor.org_id, actor.member_id, number, actor.member_id))
    late = await apply(org, campaign, org.ada)
    swept = await boosts_due(org.ledger)

    assert late.state is S.WAITLISTED
    assert swept.done == 1
    assert (await mine(org, campaign, org.bo)).state is S.ADMITTED
    assert (await mine(org, campaign, org.ada)).place == 1


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"ends_at": -DAY}, "ends_at"),
        ({"starts_at": 33 * DAY}, "ends_at"),
        ({"ends_at": 500 * DAY}, "ends_at"),
        ({"closes_at": -DAY}, "closes_at"),
        ({"opens_at": 2 * DAY}, "closes_at"),
        ({"closes_at": 40 * DAY}, "closes_at"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 10**7}, "capacity"),
        ({"teams": ("team_zzz",)}, "teams"),
        ({"name": " "}, "name"),
    ],
)
async def test_a_campaign_that_cannot_be_is_refused_by_its_field(
    org: SampleOrg, terms: dict[str, object], field: str
) -> None:
    moved = {name: org.clock() + each if isinstance(each, timedelta) else each for name, each in terms.items()}

    with pytest.raises(Refused) as refused:
        await a_campaign(org, **moved)

    assert refused.value.code is Code.INVALID_REQUEST
    assert wrong_fields(refused.value) == [field]


async def test_applications_are_taken_from_the_opening_up_to_the_closing(org: SampleOrg) -> None:
    now = org.clock()
    campaign = await a_campaign(org, opens_at=now + timedelta(hours=1))
    assert campaign.state is CampaignState.ANNOUNCED

    with pytest.raises(Refused, match="not open yet") as early:
        await apply(org, campaign, org.al)
    org.clock.advance(DAY)
    with pytest.raises(Refused, match="closed") as late:
        await apply(org, campaign, org.al)

    assert early.value.code is late.value.code is Code.CAMPAIGN_CLOSED
    assert (await see(org, campaign, org.al)).state is CampaignState.CLOSED


async def test_only_members_of_the_named_teams_may_apply(org: SampleOrg) -> None:
    campaign = await a_campaign(org, teams=(org.team,))

    with pytest.raises(Refused) as refused:
        await apply(org, campaign, org.ada)

    assert refused.value.code is Code.NOT_ALLOWED
    assert (await apply(org, campaign, org.bo)).state is S.ADMITTED


async def test_another_organizations_campaign_is_not_found(org: SampleOrg) -> None:
    campaign = await a_campaign(org)

    for act in (applications.withdraw, campaigns.campaign):
        with pytest.raises(Refused) as refused:
            await act(org.ledger, actor=org.stranger.actor, campaign_id=campaign.id)
        assert refused.value.code is Code.NOT_FOUND
    with pytest.raises(Refused) as refused:
        await apply(org, campaign, org.stranger)
    assert refused.value.code is Code.NOT_FOUND


FORM = (
    FormQuestion("why", "What for?", QuestionKind.TEXT, required=True),
    FormQuestion("tool", "Which tool?", QuestionKind.CHOICE, options=("codex", "claude")),
    FormQuestion("size", "How many repositories?", QuestionKind.NUMBER),
    FormQuestion("agree", "May we ask you later?", QuestionKind.YES_NO),
)


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({}, "answers.why"),
        ({"why": "   "}, "answers.why"),
        ({"why": "x" * 1001}, "answers.why"),
        ({"why": "ok", "tool": "emacs"}, "answers.tool"),
        ({"why": "ok", "size": 1.5}, "answers.size"),
        ({"why": "ok", "size": True}, "answers.size"),
        ({"why": "ok", "agree": "yes"}, "answers.agree"),
        ({"why": "ok", "other": 1}, "answers.other"),
        ({"why": "a\0b"}, "answers.why"),
    ],
)
async def test_an_answer_that_does_not_fit_the_form_is_named(
    org: SampleOrg, answers: dict[str, object], field: str
) -> None:
    campaign = await a_campaign(org, form=FORM)

    with pytest.raises(Refused) as refused:
        await applications.apply(org.ledger, actor=org.al.actor, key="k", campaign_id=campaign.id, answers=answers)

    assert refused.value.code is Code.INVALID_REQUEST
    assert wrong_fields(refused.value) == [field]
    assert (await see(org, campaign, org.al)).mine is None


async def test_an_answer_that_cannot_be_kept_is_told_so_and_not_that_it_is_long(org: SampleOrg) -> None:
    campaign = await a_campaign(org, form=FORM)

    with pytest.raises(Refused, match="must be plain text, without NUL characters and lone surrogates"):
        await applications.apply(
            org.ledger, actor=org.al.actor, key="k", campaign_id=campaign.id, answers={"why": "a\0"}
        )


async def test_answers_are_kept_for_the_admin(org: SampleOrg) -> None:
    campaign = await a_campaign(org, form=FORM)
    answers = {"size": 3, "why": "a port", "agree": False}
    await applications.apply(org.ledger, actor=org.al.actor, key="k", campaign_id=campaign.id, answers=answers)

    page = await applications.applications(org.ledger, actor=org.ada.actor, campaign_id=campaign.id)

    assert [(each.member_name, each.answers) for each in page.items] == [("Al", answers)]
