"""Campaigns as tests open them, apply to them and look at them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.ledger.errors import Refused
from core.metering.boosts import Factor
from core.services.boosts import applications, boosts, campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.views import ApplicationView, CampaignView
from core.services.wallet import balances
from tests.support.sample_org import Person, SampleOrg

DAY = timedelta(days=1)


async def a_campaign(org: SampleOrg, **terms: Any) -> CampaignView:
    """Ten times for 31 days from tomorrow on, for one person; applications are open for a day."""
    tomorrow = org.clock() + DAY
    usual = CampaignTerms("Autumn", Factor.parse("10"), 1, tomorrow, tomorrow, tomorrow + 31 * DAY)
    made = await campaigns.open_campaign(
        org.ledger, actor=org.ada.actor, key="a campaign", terms=replace(usual, **terms)
    )
    return made.item


async def apply(org: SampleOrg, campaign: CampaignView, person: Person, key: str = "once") -> ApplicationView:
    return (await applications.apply(org.ledger, actor=person.actor, key=key, campaign_id=campaign.id)).item


async def see(org: SampleOrg, campaign: CampaignView, person: Person) -> CampaignView:
    return await campaigns.campaign(org.ledger, actor=person.actor, campaign_id=campaign.id)


async def mine(org: SampleOrg, campaign: CampaignView, person: Person) -> ApplicationView:
    own = (await see(org, campaign, person)).mine
    assert own is not None
    return own


def wrong_fields(refused: Refused) -> list[str]:
    fields: Any = refused.fields
    return [fields["field"]] if "field" in fields else [each["field"] for each in fields["errors"]]


async def running_boost(org: SampleOrg, person: Person) -> str | None:
    found = [each for each in await boosts.boosts(org.ledger, actor=person.actor) if each.is_running]
    return str(found[0].factor) if found else None


async def notices(org: SampleOrg, person: Person) -> list[str]:
    status = await balances.status(org.ledger, actor=person.actor)
    return [notice.text for notice in status.notices]
