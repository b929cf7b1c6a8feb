"""Gifts between organizations (L9): two local transfers, delivered at least once, applied exactly once."""

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
from core.services.common.recipients import Recipient
from core.services.gifts import deliveries, gifts, settlement
from core.services.grants import grants
from core.services.people import members
from core.services.wallet import balances
from core.services.wallet.verify import verify
from core.store.queries import deliveries as stored
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger

SEED = 20261120


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _give(org: SampleOrg, key: str = "a", amount: int = 100) -> str:
    to = [Recipient(org=org.strange_org, member=org.stranger.id)]
    answer = await gifts.give(
        org.ledger, actor=org.al.actor, key=key, to=to, amount=Credits.of(amount), message="from afar"
    )
    return str(answer.item[0].id)


async def _settle(org: SampleOrg) -> None:
    org.clock.advance(timedelta(hours=24))
    await settlement.settle_due(org.ledger)


async def _available(org: SampleOrg, person: Person) -> Credits:
    return (await balances.balance(org.ledger, actor=person.actor)).available


async def _clearing(org: SampleOrg) -> tuple[int, int]:
    """Return what each side's books say of the other, in micro-credits."""
    ours, theirs = org.al.actor.org_id, org.stranger.actor.org_id

    def total(connection: Any, own_org: int, other: int) -> int:
        query = text("SELECT coalesce(sum(amount), 0) FROM entry WHERE org_id = :org AND account_id = :account")
        account = account_id(other, AccountKind.CLEARING)
        return int(connection.execute(query, {"org": own_org, "account": account}).scalar_one())

    return await org.ledger.read(lambda c: (total(c, ours, theirs), total(c, theirs, ours)))


async def _everywhere(org: SampleOrg) -> int:
    """Return the micro-credits in all wallets, pools and escrows of both, and on their way between them."""
    query = text("SELECT coalesce(sum(remaining), 0) FROM position")
    held = await org.ledger.read(lambda c: int(c.execute(query).scalar_one()))
    return held + sum(await _clearing(org))


async def test_a_gift_arrives_in_another_organization_as_the_same_kind_of_credits(org: SampleOrg) -> None:
    await org.grant(org.al)
    gift_id = await _give(org)
    before = await _available(org, org.stranger)
    await _settle(org)
    await deliveries.deliver_due(org.ledger)

    received = await balances.balance(org.ledger, actor=org.stranger.actor)
    assert before == Credits.of(0)
    assert received.available == Credits.of(100)
    assert [(lot.source.value, lot.expires_at) for lot in received.lots] == [("purchase", None)]
    assert (await gifts.gift(org.ledger, actor=org.al.actor, gift_id=gift_id)).state is GiftState.SETTLED
    assert await _clearing(org) == (100_000_000, -100_000_000)
    assert (await verify(org.ledger)).clean


async def test_the_recipient_is_told_and_finds_it_in_the_statement(org: SampleOrg) -> None:
    await org.grant(org.al)
    await _give(org)
    await _settle(org)
    await deliveries.deliver_due(org.ledger)

    status = await balances.status(org.ledger, actor=org.stranger.actor)
    line = (await balances.statement(org.ledger, actor=org.stranger.actor)).items[0]
    assert [notice.text for notice in status.notices] == ["Al gave you 100 cr."]
    assert (line.kind, line.amount, line.note) == ("gift_arrive", Credits.of(100), "from afar")


async def test_what_lapses_on_its_way_lapses_there_and_the_rest_arrives(org: SampleOrg) -> None:
    """L5, L9: each slice is taken by a transfer of the arrival's own, and what has lapsed is booked by another."""
    await org.grant(org.al)
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key="soon",
        to=Recipient(member=org.al.id),
        amount=Credits.of(60),
        source=Source.PURCHASE,
        expires_at=org.clock() + timedelta(hours=49),
    )
    await _give(org)
    await _settle(org)
    org.clock.advance(timedelta(hours=30))
    await deliveries.deliver_due(org.ledger)
    query = text(
        "SELECT kind FROM transfer t JOIN command c ON c.key LIKE 'arrive:%' AND t.org_id = c.org_id "
        "AND t.transfer_id BETWEEN c.first_id AND c.first_id + c.count - 1"
    )
    own = await org.ledger.read(lambda c: c.execute(query).scalars().all())

    assert own == ["gift_arrive", "gift_arrive"]
    assert await _available(org, org.stranger) == Credits.of(40)
    assert (await verify(org.ledger)).clean


async def test_what_cannot_be_taken_comes_back(org: SampleOrg) -> None:
    """A recipient who left meanwhile: the sender has the very same lots again."""
    await org.grant(org.al)
    gift_id = await _give(org)
    own_org, member = org.stranger.actor.org_id, org.stranger.actor.member_id
    await members.leave(org.ledger, org_id=own_org, actor_id=0, member_id=member)
    await _settle(org)
    await deliveries.deliver_due(org.ledger)

    assert (await gifts.gift(org.ledger, actor=org.al.actor, gift_id=gift_id)).state is GiftState.RETURNED
    assert await _available(org, org.al) == Credits.of(1000)
    assert await _clearing(org) == (0, 0)
    assert (await verify(org.ledger)).clean


async def test_an_unknown_stranger_is_refused_before_anything_is_set_aside(org: SampleOrg) -> None:
    await org.grant(org.al)
    to = [Recipient(org=org.strange_org, member=org.bo.id)]
    with pytest.raises(Refused) as refused:
        await gifts.give(org.ledger, actor=org.al.actor, key="a", to=to, amount=Credits.of(1))

    assert refused.value.code is Code.UNKNOWN_MEMBER
    assert await _available(org, org.al) == Credits.of(1000)


async def test_a_delivery_repeated_days_later_changes_nothing(org: SampleOrg) -> None:
    """Delivered twice at once, and again after the recipient has spent time and left."""
    await org.grant(org.al)
    await _give(org)
    await _settle(org)
    record = (await org.ledger.read(lambda c: stored.queued(c, org.clock(), 10)))[0]
    await asyncio.gather(*(deliveries.deliver(org.ledger, record) for _ in range(5)))
    org.clock.advance(timedelta(days=5))
    own_org, member = org.stranger.actor.org_id, org.stranger.actor.member_id
    await members.leave(org.ledger, org_id=own_org, actor_id=0, member_id=member)
    await deliveries.deliver(org.ledger, record)

    assert await _clearing(org) == (100_000_000, -100_000_000)
    assert await _available(org, org.al) == Credits.of(900)
    assert (await verify(org.ledger)).clean


async def test_a_refusal_stays_a_refusal_when_the_recipient_comes_back(org: SampleOrg) -> None:
    """What has bounced never arrives by a late copy of the delivery."""
    await org.grant(org.al)
    await _give(org)
    own_org, member = org.stranger.actor.org_id, org.stranger.actor.member_id
    await members.leave(org.ledger, org_id=own_org, actor_id=0, member_id=member)
    await _settle(org)
    record = (await org.ledger.read(lambda c: stored.queued(c, org.clock(), 10)))[0]
    await deliveries.deliver(org.ledger, record)
    await org.ledger.write(lambda c: c.execute(text("UPDATE member SET deactivated_at = NULL")))
    await deliveries.deliver(org.ledger, record)

    assert await _available(org, org.stranger) == Credits.of(0)
    assert await _available(org, org.al) == Credits.of(1000)
    assert (await verify(org.ledger)).clean


class StoppedError(Exception):
    """The process stops here."""


@contextmanager
def stopping(org: SampleOrg, dice: random.Random) -> Iterator[None]:
    """Let the delivery stop before or after any of its steps, at random."""
    ledger, execute, write = org.ledger, org.ledger.execute, org.ledger.write

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


async def test_stopped_at_any_point_and_out_of_order_the_sum_is_constant(org: SampleOrg) -> None:
    """The sum over both organizations and what is between them never changes; in the end the clearings agree."""
    dice = random.Random(SEED)
    await org.grant(org.al)
    for number in range(2):
        await _give(org, f"k{number}", 10 + number)
        org.clock.advance(timedelta(hours=25))
    await _settle(org)
    records = await org.ledger.read(lambda c: stored.queued(c, org.clock(), 100))
    sums = {await _everywhere(org)}
    for _ in range(30):
        with stopping(org, dice), suppress(StoppedError):
            await deliveries.deliver(org.ledger, dice.choice(records))
        sums.add(await _everywhere(org))
        org.clock.advance(timedelta(hours=dice.choice((1, 30))))
    await deliveries.deliver_due(org.ledger)

    assert len(records) == 2
    assert sums == {1_000_000_000}, f"seed {SEED}"
    ours, theirs = await _clearing(org)
    assert ours == -theirs == 21_000_000
    assert await _available(org, org.stranger) == Credits.of(21)
    assert (await verify(org.ledger)).clean
