"""A house in which something of every kind has happened: for exports, backups and migrations."""

from __future__ import annotations

from datetime import timedelta

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import Source
from core.metering.ratecards import RateCard, Rates
from core.metering.usage import Usage
from core.services.allowances import plans
from core.services.common.recipients import Recipient
from core.services.gifts import gifts, settlement
from core.services.grants import expiry, grants
from core.services.people import freezes, members
from core.services.usage import hold_sweep, holds
from core.services.usage.charges import charge
from tests.support.sample_org import Person, SampleOrg

WORDS = 'thanks for the "payload"\n=fix, \\o/ 🎉'
STRANGE_NAME = '=Zoë "Z" O\'Neill, \\ Jr.'
CARD = RateCard("2026-11-20-test", {"opus": Rates(*[Credits.parse("0.000007")] * 5)}, Rates(*[Credits.of(9)] * 5))


async def live(org: SampleOrg) -> None:
    """Grant, allocate, give, settle, cancel, reverse, charge, authorize, capture, release, lapse and freeze.

    A gift is left pending and a hold open.
    """
    await _grants(org)
    await give(org, org.al, org.bo, "12.345678", key="settles")
    reversed_one = await give(org, org.al, org.bo, "3", key="reversed")
    cancelled = await give(org, org.bo, org.al, "1", key="cancelled")
    await gifts.cancel(org.ledger, actor=org.bo.actor, gift_id=cancelled)
    org.clock.advance(timedelta(hours=25))
    await settlement.settle_due(org.ledger)
    await gifts.reverse(org.ledger, actor=org.ada.actor, gift_id=reversed_one, reason="by mistake")
    await use(org, org.bo, tokens=1_234_567)
    await _holds(org)
    org.clock.advance(timedelta(days=9))
    await expiry.expire_due(org.ledger)
    await give(org, org.al, org.ada, "0.000001", key="pending")
    frozen = await members.add_member(org.ledger, actor=org.ada.actor, name=STRANGE_NAME, verified=True)
    await freezes.freeze(org.ledger, actor=org.ada.actor, member_id=frozen.id, reason="lost a laptop")


async def _holds(org: SampleOrg) -> None:
    """Authorize within a plan and beyond it: captured less and more, released, freed in time, captured late, open."""
    ledger, admin = org.ledger, org.ada.actor
    plan = await plans.create_plan(ledger, actor=admin, name="Pro", five_hours=Credits.of(1), weekly=Credits.of(3))
    await plans.give_plan(ledger, actor=admin, subject=org.ada.id, plan_id=plan.id)
    less, more, _freed, late = [await _authorize(org, str(n), seconds=60) for n in range(4)]
    await holds.capture(ledger, actor=admin, hold_id=less, counts={"output_tokens": 1_000})
    await holds.capture(ledger, actor=admin, hold_id=more, counts={"output_tokens": 9_000})
    await holds.release(ledger, actor=admin, hold_id=await _authorize(org, "released"))
    org.clock.advance(timedelta(minutes=1))
    await hold_sweep.free_due_holds(ledger)
    await _authorize(org, "open", seconds=86_400)
    await holds.capture(ledger, actor=admin, hold_id=late, counts={"output_tokens": 90_000})


async def _authorize(org: SampleOrg, key: str, *, seconds: int = 900) -> str:
    usage = holds.estimate("gpt-5.4-mini", input_tokens=20_000, cached_tokens=0, max_tokens=3_000, tier=None)
    answer = await holds.authorize(org.ledger, actor=org.ada.actor, key=key, usage=usage, seconds=seconds)
    return answer.item.id


async def _grants(org: SampleOrg) -> None:
    soon = org.clock() + timedelta(days=8)
    for number, (to, amount, source, expires_at) in enumerate(
        [
            (Recipient(member=org.al.id), "1000", Source.PURCHASE, None),
            (Recipient(member=org.ada.id), "5", Source.PURCHASE, None),
            (Recipient(member=org.bo.id), "0.5", Source.PROMO, soon),
            (Recipient(member=org.bo.id), "20", Source.ALLOTMENT, soon),
            (Recipient(pool=org.team), "999999999.999999", Source.PURCHASE, None),
        ]
    ):
        await grants.grant(
            org.ledger,
            actor=org.ada.actor,
            key=f"grant {number}",
            to=to,
            amount=Credits.parse(amount),
            source=source,
            expires_at=expires_at,
            reason=WORDS,
        )
    to_bo, amount = Recipient(member=org.bo.id), Credits.parse("7.25")
    await grants.allocate(org.ledger, actor=org.al.actor, key="share", pool=org.team, to=to_bo, amount=amount)


async def give(org: SampleOrg, giver: Person, recipient: Person, amount: str, *, key: str) -> str:
    """Give once for each key, and return the gift's id."""
    answer = await gifts.give(
        org.ledger,
        actor=giver.actor,
        key=key,
        to=[Recipient(member=recipient.id)],
        amount=Credits.parse(amount),
        message=WORDS,
    )
    return str(answer.item[0].id)


async def use(org: SampleOrg, person: Person, *, tokens: int) -> None:
    """Charge one usage event."""
    await charge(
        org.ledger,
        org_id=person.actor.org_id,
        member_id=parse_id(Prefix.MEMBER, person.id),
        source="test",
        event_id=f"event {tokens}",
        subject="somebody",
        usage=Usage("opus", tokens),
        card=CARD,
    )
