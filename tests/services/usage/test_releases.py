"""Holds are freed in time by a sweep, and what they keep of lapsed lots stands in nobody's way (S2, L5)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from core.ledger.credits import Credits
from core.ledger.lots import Source
from core.metering.holds import HoldState
from core.metering.usage import Usage
from core.services.common.actors import Actor
from core.services.common.recipients import Recipient
from core.services.common.sweeps import PAGE, SweepResult
from core.services.gifts import gifts
from core.services.grants import grants
from core.services.grants.expiry import expire_due
from core.services.usage import holds
from core.services.usage.hold_sweep import free_due_holds
from core.services.wallet import balances
from core.store.queries import lots
from tests.support.sample_org import Person, SampleOrg

MODEL = "claude-opus-4-5-20251101"  # 125 credits per million tokens read
ONE_CREDIT = 8_000  # tokens
HOUR = timedelta(hours=1)
ESCROW = 1_500


async def authorized(org: SampleOrg, person: Person, key: str, credits_: int, *, seconds: int = 60) -> str:
    usage = Usage(MODEL, ONE_CREDIT * credits_)
    answer = await holds.authorize(org.ledger, actor=person.actor, key=key, usage=usage, seconds=seconds)
    return answer.item.id


async def lapsing(org: SampleOrg, person: Person, key: str, *, after: timedelta) -> None:
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key=key,
        to=Recipient(member=person.id),
        amount=Credits.of(1),
        source=Source.PURCHASE,
        expires_at=org.clock() + after,
    )


async def state_of(org: SampleOrg, actor: Actor, hold: str) -> HoldState:
    return (await holds.hold(org.ledger, actor=actor, hold_id=hold)).state


async def test_a_hold_is_freed_at_its_deadline_and_not_before_and_once(either_org: SampleOrg) -> None:
    org = either_org
    await org.grant(org.al, "100")
    short = await authorized(org, org.al, "a", 30, seconds=60)
    await authorized(org, org.al, "b", 20, seconds=600)
    org.clock.advance(timedelta(seconds=59))
    early = await free_due_holds(org.ledger)
    org.clock.advance(timedelta(seconds=1))
    both = await asyncio.gather(free_due_holds(org.ledger), free_due_holds(org.ledger))
    balance = await balances.balance(org.ledger, actor=org.al.actor)

    assert early == SweepResult()
    assert sum(both, SweepResult()) == SweepResult(done=1)
    assert await free_due_holds(org.ledger) == SweepResult()
    assert await state_of(org, org.al.actor, short) is HoldState.EXPIRED
    assert (balance.available, balance.held_usage) == (Credits.of(80), Credits.of(20))


async def test_after_downtime_every_hold_that_was_missed_is_freed(org: SampleOrg) -> None:
    await org.grant(org.al, "100")
    for number in range(5):
        await authorized(org, org.al, f"k{number}", 10, seconds=60 * (number + 1))
    org.clock.advance(HOUR)

    assert await free_due_holds(org.ledger) == SweepResult(done=5)
    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(100)


async def test_lots_that_only_open_holds_keep_neither_starve_nor_spin_the_sweep(org: SampleOrg) -> None:
    """L5: they stay chargeable until the deadline, however many they are, even beside an open gift."""
    assert ESCROW > PAGE
    await org.grant(org.al, "40")
    await gifts.give(org.ledger, actor=org.al.actor, key="g", to=[Recipient(member=org.bo.id)], amount=Credits.of(40))
    await asyncio.gather(*(lapsing(org, org.al, f"l{n}", after=HOUR) for n in range(ESCROW)))
    for number in range(ESCROW // 250):
        await authorized(org, org.al, f"h{number}", 250, seconds=7_200)
    await lapsing(org, org.bo, "last", after=HOUR + timedelta(seconds=1))
    org.clock.advance(HOUR + timedelta(seconds=2))
    found = await org.ledger.read(lambda connection: lots.expired_positions(connection, org.clock(), PAGE))

    assert len(found) == 1
    assert await expire_due(org.ledger) == SweepResult(done=1)
    assert await expire_due(org.ledger) == SweepResult()
    balance = await balances.balance(org.ledger, actor=org.al.actor)
    assert balance.held_usage == Credits.of(ESCROW)

    org.clock.advance(HOUR)
    assert (await free_due_holds(org.ledger)).done == ESCROW // 250
    assert (await balances.balance(org.ledger, actor=org.al.actor)).spendable == Credits.of(0)


async def test_pages_of_what_has_lapsed_follow_one_another(org: SampleOrg) -> None:
    for number in range(5):
        await lapsing(org, org.bo, f"l{number}", after=HOUR + timedelta(seconds=number % 2))
    org.clock.advance(2 * HOUR)
    seen: list[lots.ExpiredPosition] = []
    while page := await org.ledger.read(
        partial(lots.expired_positions, now=org.clock(), limit=2, after=seen[-1] if seen else lots.BEGINNING)
    ):
        seen += page

    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen)
