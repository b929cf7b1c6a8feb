"""Claw-back (G6): what is still there goes back, the rest is owed and repaid, nothing is ever negative."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import GiftState
from core.ledger.lots import Source
from core.services import balances, gifts, grants, settlement
from core.services.gifts import Recipient
from core.services.verify import verify
from tests.support.house import House, Person, furnish, open_house_ledger


@pytest.fixture
async def house(database_url: str) -> Any:
    with open_house_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _give(house: House, giver: Person, to: Person, amount: int, key: str) -> str:
    answer = await gifts.give(
        house.ledger, actor=giver.actor, key=key, to=[Recipient(member=to.id)], amount=Credits.of(amount)
    )
    return str(answer.item[0].id)


async def _settled(house: House, amount: int = 100) -> str:
    await house.grant(house.al)
    gift_id = await _give(house, house.al, house.bo, amount, "first")
    house.clock.advance(timedelta(hours=24))
    await settlement.settle_due(house.ledger)
    return gift_id


async def _reverse(house: House, gift_id: str) -> Any:
    return await gifts.reverse(house.ledger, actor=house.ada.actor, gift_id=gift_id, reason="a stolen laptop")


async def _available(house: House, person: Person) -> Credits:
    return (await balances.balance(house.ledger, actor=person.actor)).available


async def _grant(house: House, source: Source, amount: int, key: str) -> None:
    to = Recipient(member=house.bo.id)
    await grants.grant(house.ledger, actor=house.ada.actor, key=key, to=to, amount=Credits.of(amount), source=source)


async def test_a_settled_gift_goes_back_whole_while_it_is_still_there(house: House) -> None:
    gift_id = await _settled(house)
    answer = await _reverse(house, gift_id)
    again = await _reverse(house, gift_id)

    assert answer.item.state is GiftState.REVERSED
    assert answer.item.reason == "a stolen laptop"
    assert again.replayed
    assert await _available(house, house.al) == Credits.of(1000)
    assert await _available(house, house.bo) == Credits.of(0)
    assert (await verify(house.ledger)).clean


async def test_what_was_sent_on_is_called_in_first(house: House) -> None:
    """Own pending gifts of that lot are returned before anything is owed."""
    gift_id = await _settled(house)
    onward = await _give(house, house.bo, house.ada, 60, "onward")
    await _reverse(house, gift_id)

    assert (await gifts.gift(house.ledger, actor=house.bo.actor, gift_id=onward)).state is GiftState.RETURNED
    assert await _available(house, house.al) == Credits.of(1000)
    assert (await verify(house.ledger)).clean


async def test_what_is_gone_is_owed_and_repaid_from_the_next_grants_but_promo(house: House) -> None:
    """Never a silent negative, never blocking."""
    gift_id = await _settled(house)
    await _give(house, house.bo, house.ada, 70, "onward")
    house.clock.advance(timedelta(hours=24))
    await settlement.settle_due(house.ledger)
    await _reverse(house, gift_id)
    after_reversal = await _available(house, house.al)
    await _grant(house, Source.PROMO, 500, "promo")
    after_promo = await _available(house, house.al)
    await _grant(house, Source.PURCHASE, 50, "bought")
    after_part = await _available(house, house.al)
    await _grant(house, Source.ALLOTMENT, 50, "allotted")

    assert after_reversal == after_promo == Credits.of(930)
    assert after_part == Credits.of(980)
    assert await _available(house, house.al) == Credits.of(1000)
    assert await _available(house, house.bo) == Credits.of(530)
    assert (await verify(house.ledger)).clean


async def test_what_was_sent_on_and_is_due_counts_as_gone(house: House) -> None:
    """G2: from settles_at on nobody stops a gift, a claw-back neither."""
    gift_id = await _settled(house)
    onward = await _give(house, house.bo, house.ada, 60, "onward")
    house.clock.advance(timedelta(hours=24))
    await _reverse(house, gift_id)
    await settlement.settle_due(house.ledger)

    assert (await gifts.gift(house.ledger, actor=house.bo.actor, gift_id=onward)).state is GiftState.SETTLED
    assert await _available(house, house.al) == Credits.of(940)
    assert (await verify(house.ledger)).clean


async def test_only_an_admin_who_is_neither_side_may(house: House) -> None:
    gift_id = await _settled(house)
    codes = []
    for person in (house.al, house.bo, house.stranger):
        with pytest.raises(Refused) as refused:
            await gifts.reverse(house.ledger, actor=person.actor, gift_id=gift_id, reason="mine")
        codes.append(refused.value.code)

    assert codes == [Code.NOT_ALLOWED, Code.NOT_ALLOWED, Code.NOT_FOUND]


async def test_a_pending_gift_is_not_clawed_back(house: House) -> None:
    await house.grant(house.al)
    gift_id = await _give(house, house.al, house.bo, 10, "first")

    with pytest.raises(Refused) as refused:
        await _reverse(house, gift_id)

    assert refused.value.code is Code.GIFT_NOT_PENDING
    assert refused.value.fields["state"] == "pending"
