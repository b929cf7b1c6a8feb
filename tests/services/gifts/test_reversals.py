"""Claw-back (G6): what is still there goes back, the rest is owed and repaid, nothing is ever negative."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import GiftState
from core.ledger.lots import Source
from core.services.common.recipients import Recipient
from core.services.gifts import gifts, settlement
from core.services.grants import grants
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _give(org: SampleOrg, giver: Person, to: Person, amount: int, key: str) -> str:
    answer = await gifts.give(
        org.ledger, actor=giver.actor, key=key, to=[Recipient(member=to.id)], amount=Credits.of(amount)
    )
    return str(answer.item[0].id)


async def _settled(org: SampleOrg, amount: int = 100) -> str:
    await org.grant(org.al)
    gift_id = await _give(org, org.al, org.bo, amount, "first")
    org.clock.advance(timedelta(hours=24))
    await settlement.settle_due(org.ledger)
    return gift_id


async def _reverse(org: SampleOrg, gift_id: str) -> Any:
    return await gifts.reverse(org.ledger, actor=org.ada.actor, gift_id=gift_id, reason="a stolen laptop")


async def _available(org: SampleOrg, person: Person) -> Credits:
    return (await balances.balance(org.ledger, actor=person.actor)).available


async def _grant(org: SampleOrg, source: Source, amount: int, key: str) -> None:
    to = Recipient(member=org.bo.id)
    await grants.grant(org.ledger, actor=org.ada.actor, key=key, to=to, amount=Credits.of(amount), source=source)


async def test_a_settled_gift_goes_back_whole_while_it_is_still_there(org: SampleOrg) -> None:
    gift_id = await _settled(org)
    answer = await _reverse(org, gift_id)
    again = await _reverse(org, gift_id)

    assert answer.item.state is GiftState.REVERSED
    assert answer.item.reason == "a stolen laptop"
    assert again.replayed
    assert await _available(org, org.al) == Credits.of(1000)
    assert await _available(org, org.bo) == Credits.of(0)
    assert (await verify(org.ledger)).clean


async def test_what_was_sent_on_is_called_in_first(org: SampleOrg) -> None:
    """Own pending gifts of that lot are returned before anything is owed."""
    gift_id = await _settled(org)
    onward = await _give(org, org.bo, org.ada, 60, "onward")
    await _reverse(org, gift_id)

    assert (await gifts.gift(org.ledger, actor=org.bo.actor, gift_id=onward)).state is GiftState.RETURNED
    assert await _available(org, org.al) == Credits.of(1000)
    assert (await verify(org.ledger)).clean


async def test_what_is_gone_is_owed_and_repaid_from_the_next_grants_but_promo(org: SampleOrg) -> None:
    """Never a silent negative, never blocking."""
    gift_id = await _settled(org)
    await _give(org, org.bo, org.ada, 70, "onward")
    org.clock.advance(timedelta(hours=24))
    await settlement.settle_due(org.ledger)
    await _reverse(org, gift_id)
    after_reversal = await _available(org, org.al)
    await _grant(org, Source.PROMO, 500, "promo")
    after_promo = await _available(org, org.al)
    await _grant(org, Source.PURCHASE, 50, "bought")
    after_part = await _available(org, org.al)
    await _grant(org, Source.ALLOTMENT, 50, "allotted")

    assert after_reversal == after_promo == Credits.of(930)
    assert after_part == Credits.of(980)
    assert await _available(org, org.al) == Credits.of(1000)
    assert await _available(org, org.bo) == Credits.of(530)
    assert (await verify(org.ledger)).clean


async def test_what_was_sent_on_and_is_due_counts_as_gone(org: SampleOrg) -> None:
    """G2: from settles_at on nobody stops a gift, a claw-back neither."""
    gift_id = await _settled(org)
    onward = await _give(org, org.bo, org.ada, 60, "onward")
    org.clock.advance(timedelta(hours=24))
    await _reverse(org, gift_id)
    await settlement.settle_due(org.ledger)

    assert (await gifts.gift(org.ledger, actor=org.bo.actor, gift_id=onward)).state is GiftState.SETTLED
    assert await _available(org, org.al) == Credits.of(940)
    assert (await verify(org.ledger)).clean


async def test_only_an_admin_who_is_neither_side_may(org: SampleOrg) -> None:
    gift_id = await _settled(org)
    codes = []
    for person in (org.al, org.bo, org.stranger):
        with pytest.raises(Refused) as refused:
            await gifts.reverse(org.ledger, actor=person.actor, gift_id=gift_id, reason="mine")
        codes.append(refused.value.code)

    assert codes == [Code.NOT_ALLOWED, Code.NOT_ALLOWED, Code.NOT_FOUND]


async def test_a_pending_gift_is_not_clawed_back(org: SampleOrg) -> None:
    await org.grant(org.al)
    gift_id = await _give(org, org.al, org.bo, 10, "first")

    with pytest.raises(Refused) as refused:
        await _reverse(org, gift_id)

    assert refused.value.code is Code.GIFT_NOT_PENDING
    assert refused.value.fields["state"] == "pending"


@pytest.mark.parametrize("is_sender", [True, False], ids=["the sender", "the recipient"])
async def test_an_admin_who_is_a_side_of_a_gift_cannot_claw_it_back(org: SampleOrg, is_sender: bool) -> None:
    """G6: it takes an admin who is neither side."""
    giver, to = (org.ada, org.bo) if is_sender else (org.al, org.ada)
    await org.grant(giver)
    gift_id = await _give(org, giver, to, 100, "first")
    org.clock.advance(timedelta(hours=24))
    await settlement.settle_due(org.ledger)
    with pytest.raises(Refused) as refused:
        await _reverse(org, gift_id)

    assert refused.value.code is Code.NOT_ALLOWED
    assert (await gifts.gift(org.ledger, actor=org.ada.actor, gift_id=gift_id)).state is GiftState.SETTLED
    assert await _available(org, to) == Credits.of(100)
