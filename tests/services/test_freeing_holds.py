"""Holds are freed in time by a sweep, and what they keep of lapsed lots stands in nobody's way (S2, L5)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.metering.holds import HoldState
from core.metering.usage import Usage
from core.services import balances, gifts, grants, holds
from core.services.gifts import Recipient
from core.services.settlement import PAGE, Swept, expire_due, free_due_holds
from core.services.views import Actor
from core.store import lots
from tests.support.house import House, Person

MODEL = "claude-opus-4-5-20251101"  # 125 credits per million tokens read
ONE_CREDIT = 8_000  # tokens
HOUR = timedelta(hours=1)
ESCROW = 1_500


async def authorized(house: House, person: Person, key: str, credits_: int, *, seconds: int = 60) -> str:
    usage = Usage(MODEL, ONE_CREDIT * credits_)
    answer = await holds.authorize(house.ledger, actor=person.actor, key=key, usage=usage, seconds=seconds)
    return answer.item.id


async def lapsing(house: House, person: Person, key: str, *, after: timedelta) -> None:
    await grants.grant(
        house.ledger,
        actor=house.ada.actor,
        key=key,
        to=Recipient(member=person.id),
        amount=Credits.of(1),
        source=Source.PURCHASE,
        expires_at=house.clock() + after,
    )


async def state_of(house: House, actor: Actor, hold: str) -> HoldState:
    return (await holds.hold(house.ledger, actor=actor, hold_id=hold)).state


async def test_a_hold_is_freed_at_its_deadline_and_not_before_and_once(either_house: House) -> None:
    house = either_house
    await house.grant(house.al, "100")
    short = await authorized(house, house.al, "a", 30, seconds=60)
    await authorized(house, house.al, "b", 20, seconds=600)
    house.clock.advance(timedelta(seconds=59))
    early = await free_due_holds(house.ledger)
    house.clock.advance(timedelta(seconds=1))
    both = await asyncio.gather(free_due_holds(house.ledger), free_due_holds(house.ledger))
    balance = await balances.balance(house.ledger, actor=house.al.actor)

    assert early == Swept()
    assert sum(both, Swept()) == Swept(done=1)
    assert await free_due_holds(house.ledger) == Swept()
    assert await state_of(house, house.al.actor, short) is HoldState.EXPIRED
    assert (balance.available, balance.held_usage) == (Credits.of(80), Credits.of(20))


async def test_after_downtime_every_hold_that_was_missed_is_freed(house: House) -> None:
    await house.grant(house.al, "100")
    for number in range(5):
        await authorized(house, house.al, f"k{number}", 10, seconds=60 * (number + 1))
    house.clock.advance(HOUR)

    assert await free_due_holds(house.ledger) == Swept(done=5)
    assert (await balances.balance(house.ledger, actor=house.al.actor)).available == Credits.of(100)


async def test_lots_that_only_open_holds_keep_neither_starve_nor_spin_the_sweep(house: House) -> None:
    """L5: they stay chargeable until the deadline, however many they are, even beside an open gift."""
    assert ESCROW > PAGE
    await house.grant(house.al, "40")
    await gifts.give(
        house.ledger, actor=house.al.actor, key="g", to=[Recipient(member=house.bo.id)], amount=Credits.of(40)
    )
    await asyncio.gather(*(lapsing(house, house.al, f"l{n}", after=HOUR) for n in range(ESCROW)))
    for number in range(ESCROW // 250):
        await authorized(house, house.al, f"h{number}", 250, seconds=7_200)
    await lapsing(house, house.bo, "last", after=HOUR + timedelta(seconds=1))
    house.clock.advance(HOUR + timedelta(seconds=2))
    found = await house.ledger.read(lambda connection: lots.lapsed(connection, house.clock(), PAGE))

    assert len(found) == 1
    assert await expire_due(house.ledger) == Swept(done=1)
    assert await expire_due(house.ledger) == Swept()
    balance = await balances.balance(house.ledger, actor=house.al.actor)
    assert balance.held_usage == Credits.of(ESCROW)

    house.clock.advance(HOUR)
    assert (await free_due_holds(house.ledger)).done == ESCROW // 250
    assert (await balances.balance(house.ledger, actor=house.al.actor)).spendable == Credits.of(0)


async def test_pages_of_what_has_lapsed_follow_one_another(house: House) -> None:
    for number in range(5):
        await lapsing(house, house.bo, f"l{number}", after=HOUR + timedelta(seconds=number % 2))
    house.clock.advance(2 * HOUR)
    seen: list[lots.Lapsed] = []
    while page := await house.ledger.read(
        partial(lots.lapsed, now=house.clock(), limit=2, after=seen[-1] if seen else lots.BEGINNING)
    ):
        seen += page

    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen)
