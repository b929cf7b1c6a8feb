"""A house in which the rooms beside the books are used as well, so that a copy of it leaves no table empty."""

from __future__ import annotations

from datetime import timedelta

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.metering.boosts import Factor
from core.metering.caps import Period
from core.services.allowances import caps, resets
from core.services.boosts import applications, boosts, campaigns
from core.services.boosts.boosts import BoostTarget
from core.services.boosts.campaigns import CampaignTerms
from core.services.common.actors import Scope
from core.services.common.recipients import Recipient
from core.services.gifts import gifts, settlement
from core.services.grants import allotments, grants, refunds, voids
from core.services.people import devices
from core.services.sharing import referrals, requests
from core.services.usage import ratecards
from core.services.wallet import balances
from tests.support.sample_org import SampleOrg, person

RATES = {
    "unit": "credits per 1,000,000 tokens",
    "rows": [
        {"model": "ours-1", "effective_from": "2026-11-20", "input": "50", "cached_input": "5", "output": "250"}
        | {"cache_write": None, "cache_write_1h": None, "provider": "us", "source": "our page"}
    ],
}


async def live_on(org: SampleOrg) -> None:
    """Boost, reset, cap, promise, ask, invite, take back and give back, of each something that is not over."""
    await _limits(org)
    await _boosts(org)
    await _sharing(org)
    await _corrections(org)


async def _limits(org: SampleOrg) -> None:
    ledger, admin = org.ledger, org.ada.actor
    await caps.set_cap(ledger, actor=admin, subject=org.al.id, period=Period.WEEK, amount=Credits.of(200))
    await caps.set_cap(ledger, actor=admin, subject=org.id, period=Period.MONTH, amount=None)
    await resets.order(ledger, actor=admin, key="a reset", subject=org.bo.id, banked=True, reason="the outage")
    await ratecards.load_rate_cards(ledger, actor=admin, document=RATES)
    await allotments.begin(
        ledger, actor=admin, key="monthly", to=Recipient(member=org.bo.id), amount=Credits.of(50), day=31
    )


async def _boosts(org: SampleOrg) -> None:
    ledger, admin, ten = org.ledger, org.ada.actor, Factor.parse("10")
    await boosts.set_budget(ledger, actor=admin, team_id=org.team, days_per_month=5, max_factor=ten)
    team = BoostTarget(team=org.team)
    await boosts.grant(ledger, actor=org.al.actor, key="a boost", to=team, factor=Factor.parse("1.5"), days=2)
    now, day = org.clock(), timedelta(days=1)
    terms = CampaignTerms("Autumn", ten, 1, closes_at=now + day, starts_at=now + day, ends_at=now + 30 * day)
    made = (await campaigns.open_campaign(ledger, actor=admin, key="a campaign", terms=terms)).item
    for applicant in (org.al, org.bo):
        await applications.apply(ledger, actor=applicant.actor, key="me, too", campaign_id=made.id)


async def _sharing(org: SampleOrg) -> None:
    ledger, cy = org.ledger, await person(org, "Cy")
    asked = await requests.ask(ledger, actor=cy.actor, key="a request", amount=Credits.of(30), to=[org.al.id])
    await requests.pledge(ledger, actor=org.al.actor, key="half", request_id=asked.item.id, amount=Credits.of(15))
    code = await referrals.make_code(ledger, actor=org.al.actor)
    await referrals.use_code(ledger, actor=cy.actor, code=code)
    await devices.start_device(ledger, device="a laptop", place="127.0.0.1", scopes=(Scope.READ,))
    abroad = Recipient(org=org.strange_org, member=org.stranger.id)
    await gifts.give(ledger, actor=org.al.actor, key="abroad", to=[abroad], amount=Credits.of(2))
    org.clock.advance(timedelta(hours=25))
    await settlement.settle_due(ledger)


async def _corrections(org: SampleOrg) -> None:
    ledger, admin = org.ledger, org.ada.actor
    lot = await grants.grant(
        ledger,
        actor=admin,
        key="twice",
        to=Recipient(member=org.bo.id),
        amount=Credits.of(9),
        source=Source.PURCHASE,
    )
    await voids.void(ledger, actor=admin, key="a void", lot_id=lot.item.lot_id, reason="granted twice")
    lines = (await balances.statement(ledger, actor=org.bo.actor)).items
    charged = next(line.transfer_id for line in lines if line.kind == "charge")
    await refunds.refund(ledger, actor=admin, key="a refund", transfer_id=charged, reason="it failed")
