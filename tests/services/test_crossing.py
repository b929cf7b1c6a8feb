"""Gifts between organisations (L9): two local transfers, delivered at least once, applied exactly once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.ledger.accounts import AccountKind, account_id
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import GiftState
from core.ledger.lots import Source
from core.services import balances, deliveries, gifts, grants, members, settlement
from core.services.gifts import Recipient
from core.services.verify import verify
from core.store import deliveries as stored
from tests.support.house import House, Person, furnish, open_house_ledger

SEED = 20261120


@pytest.fixture
async def house(database_url: str) -> Any:
    with open_house_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _give(house: House, key: str = "a", amount: int = 100) -> str:
    to = [Recipient(org=house.strange_org, member=house.stranger.id)]
    answer = await gifts.give(
        house.ledger, actor=house.al.actor, key=key, to=to, amount=Credits.of(amount), message="from afar"
    )
    return str(answer.item[0].id)


async def _settle(house: House) -> None:
    house.clock.advance(timedelta(hours=24))
    await settlement.settle_due(house.ledger)


async def _available(house: House, person: Person) -> Credits:
    return (await balances.balance(house.ledger, actor=person.actor)).available


async def _clearing(house: House) -> tuple[int, int]:
    """Return what each side's books say of the other, in micro-credits."""
    ours, theirs = house.al.actor.org_id, house.stranger.actor.org_id

    def total(connection: Any, org: int, other: int) -> int:
        query = text("SELECT coalesce(sum(amount), 0) FROM entry WHERE org_id = :org AND account_id = :account")
        account = account_id(other, AccountKind.CLEARING)
        return int(connection.execute(query, {"org": org, "account": account}).scalar_one())

    return await house.ledger.read(lambda c: (total(c, ours, theirs), total(c, theirs, ours)))


async def _everywhere(house: House) -> int:
    """Return the micro-credits in all wallets, pools and escrows of both, and on their way between them."""
    query = text("SELECT coalesce(sum(remaining), 0) FROM position")
    held = await house.ledger.read(lambda c: int(c.execute(query).scalar_one()))
    return held + sum(await _clearing(house))


async def test_a_gift_arrives_in_another_organisation_as_the_same_kind_of_credits(house: House) -> None:
    await house.grant(house.al)
    gift_id = await _give(house)
    before = await _available(house, house.stranger)
    await _settle(house)
    await deliveries.deliver_due(house.ledger)

    received = await balances.balance(house.ledger, actor=house.stranger.actor)
    assert before == Credits.of(0)
    assert received.available == Credits.of(100)
    assert [(lot.source.value, lot.expires_at) for lot in received.lots] == [("purchase", None)]
    assert (await gifts.gift(house.ledger, actor=house.al.actor, gift_id=gift_id)).state is GiftState.SETTLED
    assert await _clearing(house) == (100_000_000, -100_000_000)
    assert (await verify(house.ledger)).clean


async def test_the_recipient_is_told_and_finds_it_in_the_statement(house: House) -> None:
    await house.grant(house.al)
    await _give(house)
    await _settle(house)
    await deliveries.deliver_due(house.ledger)

    status = await balances.status(house.ledger, actor=house.stranger.actor)
    line = (await balances.statement(house.ledger, actor=house.stranger.actor)).items[0]
    assert [notice.text for notice in status.notices] == ["Al gave you 100 cr."]
    assert (line.kind, line.amount, line.note) == ("gift_arrive", Credits.of(100), "from afar")


async def test_what_lapses_on_its_way_lapses_there_and_the_rest_arrives(house: House) -> None:
    """L5, L9: each slice is taken by a transfer of the arrival's own, and what has lapsed is booked by another."""
    await house.grant(house.al)
    await grants.grant(
        house.ledger,
        actor=house.ada.actor,
        key="soon",
        to=Recipient(member=house.al.id),
        amount=Credits.of(60),
        source=Source.PURCHASE,
        expires_at=house.clock() + timedelta(hours=49),
    )
    await _give(house)
    await _settle(house)
    house.clock.advance(timedelta(hours=30))
    await deliveries.deliver_due(house.ledger)
    query = text(
        "SELECT kind FROM transfer t JOIN command c ON c.key LIKE 'arrive:%' AND t.org_id = c.org_id "
        "AND t.transfer_id BETWEEN c.first_id AND c.first_id + c.count - 1"
    )
    own = await house.ledger.read(lambda c: c.execute(query).scalars().all())

    assert own == ["gift_arrive", "gift_arrive"]
    assert await _available(house, house.stranger) == Credits.of(40)
    assert (await verify(house.ledger)).clean


async def test_what_cannot_be_taken_comes_back(house: House) -> None:
    """A recipient who left meanwhile: the sender has the very same lots again."""
    await house.grant(house.al)
    gift_id = await _give(house)
    org, member = house.stranger.actor.org_id, house.stranger.actor.member_id
    await members.leave(house.ledger, org_id=org, actor_id=0, member_id=member)
    await _settle(house)
    await deliveries.deliver_due(house.ledger)

    assert (await gifts.gift(house.ledger, actor=house.al.actor, gift_id=gift_id)).state is GiftState.RETURNED
    assert await _available(house, house.al) == Credits.of(1000)
    assert await _clearing(house) == (0, 0)
    assert (await verify(house.ledger)).clean


async def test_an_unknown_stranger_is_refused_before_anything_is_set_aside(house: House) -> None:
    await house.grant(house.al)
    to = [Recipient(org=house.strange_org, member=house.bo.id)]
    with pytest.raises(Refused) as refused:
        await gifts.give(house.ledger, actor=house.al.actor, key="a", to=to, amount=Credits.of(1))

    assert refused.value.code is Code.UNKNOWN_MEMBER
    assert await _available(house, house.al) == Credits.of(1000)


async def test_a_delivery_repeated_days_later_changes_nothing(house: House) -> None:
    """Delivered twice at once, and again after the recipient has spent time and left."""
    await house.grant(house.al)
    await _give(house)
    await _settle(house)
    record = (await house.ledger.read(lambda c: stored.queued(c, house.clock(), 10)))[0]
    await asyncio.gather(*(deliveries.deliver(house.ledger, record) for _ in range(5)))
    house.clock.advance(timedelta(days=5))
    org, member = house.stranger.actor.org_id, house.stranger.actor.member_id
    await members.leave(house.ledger, org_id=org, actor_id=0, member_id=member)
    await deliveries.deliver(house.ledger, record)

    assert await _clearing(house) == (100_000_000, -100_000_000)
    assert await _available(house, house.al) == Credits.of(900)
    assert (await verify(house.ledger)).clean


async def test_a_refusal_stays_a_refusal_when_the_recipient_comes_back(house: House) -> None:
    """What has bounced never arrives by a late copy of the delivery."""
    await house.grant(house.al)
    await _give(house)
    org, member = house.stranger.actor.org_id, house.stranger.actor.member_id
    await members.leave(house.ledger, org_id=org, actor_id=0, member_id=member)
    await _settle(house)
    record = (await house.ledger.read(lambda c: stored.queued(c, house.clock(), 10)))[0]
    await deliveries.deliver(house.ledger, record)
    await house.ledger.write(lambda c: c.execute(text("UPDATE member SET deactivated_at = NULL")))
    await deliveries.deliver(house.ledger, record)

    assert await _available(house, house.stranger) == Credits.of(0)
    assert await _available(house, house.al) == Credits.of(1000)
    assert (await verify(house.ledger)).clean


class StoppedError(Exception):
    """The process stops here."""


@contextmanager
def stopping(house: House, dice: random.Random) -> Iterator[None]:
    """Let the delivery stop before or after any of its steps, at random."""
    ledger, execute, write = house.ledger, house.ledger.execute, house.ledger.write

    def shaky(call: Any) -> Any:
        async def step(argument: Any) -> Any:
            if dice.random() < 0.3:
                raise StoppedError
            result = await call(argument)
            if dice.random() < 0.3:
                raise StoppedError
            return result

        return step

    ledger.execute, ledger.write = shaky(execute), shaky(write)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ledger.execute, ledger.write = execute, write  # type: ignore[method-assign]


async def test_stopped_at_any_point_and_out_of_order_the_sum_is_constant(house: House) -> None:
    """The sum over both organisations and what is between them never changes; in the end the clearings agree."""
    dice = random.Random(SEED)
    await house.grant(house.al)
    for number in range(2):
        await _give(house, f"k{number}", 10 + number)
        house.clock.advance(timedelta(hours=25))
    await _settle(house)
    records = await house.ledger.read(lambda c: stored.queued(c, house.clock(), 100))
    sums = {await _everywhere(house)}
    for _ in range(30):
        with stopping(house, dice), suppress(StoppedError):
            await deliveries.deliver(house.ledger, dice.choice(records))
        sums.add(await _everywhere(house))
        house.clock.advance(timedelta(hours=dice.choice((1, 30))))
    await deliveries.deliver_due(house.ledger)

    assert len(records) == 2
    assert sums == {1_000_000_000}, f"seed {SEED}"
    ours, theirs = await _clearing(house)
    assert ours == -theirs == 21_000_000
    assert await _available(house, house.stranger) == Credits.of(21)
    assert (await verify(house.ledger)).clean
