"""The founding case: 9,500 people apply within a minute for 8,000 places, 10× for 31 days until a date, then back.

The whole number is decided here, by the journal, as fast as it takes them; a tenth goes through HTTP in
``tests/e2e/test_campaign_rush.py``, and the whole number through HTTP in the benchmark ``rush``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, parse_id
from core.metering.boosts import Factor
from core.services.allowances import plans
from core.services.boosts import applications, campaigns
from core.services.boosts.application_commands import SubmitApplication
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.sweeps import boosts_due
from core.services.common.actors import Actor
from core.services.common.views import AllowanceView
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.crowd import a_crowd
from tests.support.sample_org import SampleOrg, org

__all__ = ["org"]

CAPACITY, APPLICANTS = 8_000, 9_500
DAY = timedelta(days=1)


async def test_everybody_is_decided_and_exactly_the_capacity_is_admitted(org: SampleOrg) -> None:
    """S7: none lost, and those who came first are in."""
    own_org = org.ada.actor.org_id
    people = a_crowd(org.ledger, own_org, APPLICANTS)
    campaign = parse_id(Prefix.CAMPAIGN, await _campaign(org, CAPACITY))
    commands = [SubmitApplication(own_org, each.actor.member_id, "mine", campaign, {}) for each in people]

    receipts = await asyncio.gather(*(org.ledger.execute(each) for each in commands))
    counts = (await campaigns.campaigns(org.ledger, actor=org.ada.actor)).items[0].counts
    report = await verify(org.ledger)

    assert len({receipt.first_id for receipt in receipts}) == APPLICANTS
    assert (counts.admitted, counts.waitlisted, counts.applied) == (CAPACITY, APPLICANTS - CAPACITY, 0)
    assert report.clean


async def test_ten_times_for_31_days_and_then_back_and_nobodys_reset_moved(org: SampleOrg) -> None:
    """S6: limits rise at the start and fall at the end, at once and without a job; what was used stays used."""
    now, ada = org.clock(), org.ada.actor
    plan = await plans.create_plan(
        org.ledger, actor=ada, name="Team", five_hours=None, weekly=Credits.of(100), monthly=Credits.of(300)
    )
    await plans.give_plan(org.ledger, actor=ada, subject=org.id, plan_id=plan.id)
    campaign = await _campaign(org, 1, starts_at=now + 7 * DAY, ends_at=now + 38 * DAY)
    for person in (org.al, org.bo):
        await applications.apply(org.ledger, actor=person.actor, key="mine", campaign_id=campaign)

    seen: dict[str, list[int]] = {}
    moved: Counter[str] = Counter()
    for day in (0, 6.999, 7, 20, 37.999, 38, 45):
        org.clock.advance(now + day * DAY - org.clock())
        admitted, waiting = await _allowance(org, org.al.actor), await _allowance(org, org.bo.actor)
        for one, other in zip(admitted, waiting, strict=True):
            seen.setdefault(one.window, []).append(_times(one, other))
            moved[one.window] += one.resets_at != other.resets_at

    assert seen == {"weekly": [1, 1, 10, 10, 10, 1, 1], "monthly": [1, 1, 10, 10, 10, 1, 1]}
    assert not +moved


async def test_the_first_notices_after_the_start_reach_each_of_the_admitted_once(org: SampleOrg) -> None:
    own_org, ada = org.ada.actor.org_id, org.ada.actor
    people = a_crowd(org.ledger, own_org, 300)
    campaign = await _campaign(org, 250)
    number = parse_id(Prefix.CAMPAIGN, campaign)
    await asyncio.gather(
        *(org.ledger.execute(SubmitApplication(own_org, each.actor.member_id, "mine", number, {})) for each in people)
    )
    org.clock.advance(2 * DAY)

    first = await boosts_due(org.ledger)
    again = await boosts_due(org.ledger)
    seen = [await balances.status(org.ledger, actor=each.actor) for each in people[::10]]
    heard = Counter(sum("has started" in notice.text for notice in status.notices) for status in seen)

    assert (first.done, again.done) == (250, 0)
    assert heard == {1: 25, 0: 5}
    assert (await campaigns.campaign(org.ledger, actor=ada, campaign_id=campaign)).counts.admitted == 250


async def _campaign(
    org: SampleOrg, capacity: int, *, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> str:
    now = org.clock()
    begins = starts_at or now + DAY
    terms = CampaignTerms("Ten", Factor.parse("10"), capacity, begins, begins, ends_at or begins + 31 * DAY)
    made = await campaigns.open_campaign(org.ledger, actor=org.ada.actor, key="founding", terms=terms)
    return made.item.id


async def _allowance(org: SampleOrg, actor: Actor) -> tuple[AllowanceView, ...]:
    return (await balances.balance(org.ledger, actor=actor)).allowance


def _times(boosted: AllowanceView, plain: AllowanceView) -> int:
    assert boosted.limit.micros % plain.limit.micros == 0
    return boosted.limit.micros // plain.limit.micros
