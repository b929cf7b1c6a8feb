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
from core.services import balances, plans
from core.services.boosts import applications, campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.rounds import boosts_due
from core.services.commands.applying import Apply
from core.services.verify import verify
from core.services.views import Actor, AllowanceView
from tests.support.crowd import a_crowd
from tests.support.house import House, house

__all__ = ["house"]

CAPACITY, APPLICANTS = 8_000, 9_500
DAY = timedelta(days=1)


async def test_everybody_is_decided_and_exactly_the_capacity_is_admitted(house: House) -> None:
    """S7: none lost, and those who came first are in."""
    org = house.ada.actor.org_id
    people = a_crowd(house.ledger, org, APPLICANTS)
    campaign = parse_id(Prefix.CAMPAIGN, await _campaign(house, CAPACITY))
    commands = [Apply(org, each.actor.member_id, "mine", campaign, {}) for each in people]

    receipts = await asyncio.gather(*(house.ledger.execute(each) for each in commands))
    counts = (await campaigns.campaigns(house.ledger, actor=house.ada.actor)).items[0].counts
    report = await verify(house.ledger)

    assert len({receipt.first_id for receipt in receipts}) == APPLICANTS
    assert (counts.admitted, counts.waitlisted, counts.applied) == (CAPACITY, APPLICANTS - CAPACITY, 0)
    assert report.clean


async def test_ten_times_for_31_days_and_then_back_and_nobodys_reset_moved(house: House) -> None:
    """S6: limits rise at the start and fall at the end, at once and without a job; what was used stays used."""
    now, ada = house.clock(), house.ada.actor
    plan = await plans.create_plan(
        house.ledger, actor=ada, name="Team", five_hours=None, weekly=Credits.of(100), monthly=Credits.of(300)
    )
    await plans.give_plan(house.ledger, actor=ada, subject=house.org, plan_id=plan.id)
    campaign = await _campaign(house, 1, starts_at=now + 7 * DAY, ends_at=now + 38 * DAY)
    for person in (house.al, house.bo):
        await applications.apply(house.ledger, actor=person.actor, key="mine", campaign_id=campaign)

    seen: dict[str, list[int]] = {}
    moved: Counter[str] = Counter()
    for day in (0, 6.999, 7, 20, 37.999, 38, 45):
        house.clock.advance(now + day * DAY - house.clock())
        admitted, waiting = await _allowance(house, house.al.actor), await _allowance(house, house.bo.actor)
        for one, other in zip(admitted, waiting, strict=True):
            seen.setdefault(one.window, []).append(_times(one, other))
            moved[one.window] += one.resets_at != other.resets_at

    assert seen == {"weekly": [1, 1, 10, 10, 10, 1, 1], "monthly": [1, 1, 10, 10, 10, 1, 1]}
    assert not +moved


async def test_the_first_notices_after_the_start_reach_each_of_the_admitted_once(house: House) -> None:
    org, ada = house.ada.actor.org_id, house.ada.actor
    people = a_crowd(house.ledger, org, 300)
    campaign = await _campaign(house, 250)
    number = parse_id(Prefix.CAMPAIGN, campaign)
    await asyncio.gather(
        *(house.ledger.execute(Apply(org, each.actor.member_id, "mine", number, {})) for each in people)
    )
    house.clock.advance(2 * DAY)

    first = await boosts_due(house.ledger)
    again = await boosts_due(house.ledger)
    seen = [await balances.status(house.ledger, actor=each.actor) for each in people[::10]]
    heard = Counter(sum("has begun" in notice.text for notice in status.notices) for status in seen)

    assert (first.done, again.done) == (250, 0)
    assert heard == {1: 25, 0: 5}
    assert (await campaigns.campaign(house.ledger, actor=ada, campaign_id=campaign)).counts.admitted == 250


async def _campaign(
    house: House, capacity: int, *, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> str:
    now = house.clock()
    begins = starts_at or now + DAY
    terms = CampaignTerms("Ten", Factor.parse("10"), capacity, begins, begins, ends_at or begins + 31 * DAY)
    made = await campaigns.open_campaign(house.ledger, actor=house.ada.actor, key="founding", terms=terms)
    return made.item.id


async def _allowance(house: House, actor: Actor) -> tuple[AllowanceView, ...]:
    return (await balances.balance(house.ledger, actor=actor)).allowance


def _times(boosted: AllowanceView, plain: AllowanceView) -> int:
    assert boosted.limit.micros % plain.limit.micros == 0
    return boosted.limit.micros // plain.limit.micros
