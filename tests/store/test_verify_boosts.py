"""``teamcredits verify`` on boosts: whatever somebody changes in the database is named (L3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from core.metering.boosts import Factor
from core.services.boosts import applications, boosts, campaigns
from core.services.boosts.boosts import BoostTarget
from core.services.boosts.campaigns import CampaignTerms
from core.services.wallet.verify import verify
from core.store.engine import writing
from tests.support.sample_org import SampleOrg, either_org

__all__ = ["either_org"]

DAY = timedelta(days=1)


async def a_lived_house(org: SampleOrg) -> None:
    """A campaign with one in, one waiting and one gone; a boost dropped on a team."""
    now = org.clock()
    terms = CampaignTerms("Ten", Factor.parse("10"), 1, now + DAY, now + DAY, now + 20 * DAY)
    made = await campaigns.open_campaign(org.ledger, actor=org.ada.actor, key="k", terms=terms)
    for person in (org.ada, org.al, org.bo):
        await applications.apply(org.ledger, actor=person.actor, key="mine", campaign_id=made.item.id)
    await applications.withdraw(org.ledger, actor=org.ada.actor, campaign_id=made.item.id)
    to = BoostTarget(team=org.team)
    await boosts.grant(org.ledger, actor=org.ada.actor, key="d", to=to, factor=Factor.parse("2"), days=1)


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("UPDATE campaign SET waitlisted = 0", "counts 0 applications as waitlisted, but there are 1"),
        ("UPDATE application SET state = 'withdrawn' WHERE state = 'waitlisted'", "but not booked as withdrawn"),
        ("UPDATE application SET state = 'refused' WHERE state = 'withdrawn'", "is refused, but booked as withdrawn"),
        ("UPDATE application SET state = 'admitted' WHERE state = 'waitlisted'", "is admitted, but has no boost"),
        ("UPDATE application SET application_id = application_id + 1000", "was never booked"),
        ("UPDATE boost SET factor = 99000 WHERE campaign_id IS NOT NULL", "is not what its campaign gives"),
        ("UPDATE boost SET ends_at = ends_at + 1 WHERE campaign_id IS NOT NULL", "is not what its campaign gives"),
        ("UPDATE boost SET subject_id = 7 WHERE campaign_id IS NOT NULL", "is of somebody who was not admitted"),
        ("UPDATE boost SET boost_id = boost_id + 1000 WHERE campaign_id IS NULL", "was never booked"),
    ],
)
async def test_what_somebody_changed_is_named(either_org: SampleOrg, tampering: str, problem: str) -> None:
    org = either_org
    await a_lived_house(org)
    assert (await verify(org.ledger)).clean

    with writing(org.ledger.engine) as connection:
        connection.execute(text(tampering))
    report = await verify(org.ledger)

    assert any(problem in finding.problem for finding in report.findings)
