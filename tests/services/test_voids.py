"""Taking back what is unused of a grant (S9): as much as is free where it was granted, and never more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.services import balances, gifts, grants, members, settlement, voids
from core.services.gifts import Recipient
from core.services.verify import verify
from core.services.views import GrantView
from tests.support.house import House, furnish, open_house_ledger


@pytest.fixture
async def house(database_url: str) -> Any:
    with open_house_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _grant(house: House, *, pool: bool = False, hours: int | None = None) -> GrantView:
    """Grant 100 cr to Al, or to his team's pool."""
    answer = await grants.grant(
        house.ledger,
        actor=house.ada.actor,
        key="granted",
        to=Recipient(pool=house.team) if pool else Recipient(member=house.al.id),
        amount=Credits.of(100),
        source=Source.PURCHASE,
        expires_at=None if hours is None else house.clock() + timedelta(hours=hours),
    )
    return answer.item


async def _give(house: House, amount: int, key: str) -> None:
    to = [Recipient(member=house.bo.id)]
    await gifts.give(house.ledger, actor=house.al.actor, key=key, to=to, amount=Credits.of(amount))


async def _void(house: House, lot: str, amount: str | None = None, key: str = "v") -> Any:
    wanted = None if amount is None else Credits.parse(amount)
    return await voids.void(
        house.ledger, actor=house.ada.actor, key=key, lot_id=lot, reason="sent twice", amount=wanted
    )


async def _refusal(house: House, lot: str, amount: str | None = None, key: str = "refused") -> Refused:
    with pytest.raises(Refused) as refused:
        await _void(house, lot, amount, key)
    return refused.value


async def test_an_untouched_grant_is_taken_back_whole_and_its_owner_is_told(house: House) -> None:
    lot = (await _grant(house)).lot_id
    answer = await _void(house, lot)
    status = await balances.status(house.ledger, actor=house.al.actor)
    statement = await balances.statement(house.ledger, actor=house.al.actor)

    assert (answer.item.amount, answer.item.story.became.voided) == (Credits.of(100), Credits.of(100))
    assert status.balance.available == Credits.of(0)
    assert status.notices[-1].text == "100 cr of a grant to you were taken back: sent twice"
    assert [(line.kind, str(line.amount), line.note) for line in statement.items] == [
        ("void", "-100", "sent twice"),
        ("grant", "100", None),
    ]
    assert (await verify(house.ledger)).clean


async def test_only_what_is_left_is_taken_and_the_rest_is_accounted_for(house: House) -> None:
    """What was given away and what is set aside stay where they are."""
    lot = (await _grant(house)).lot_id
    await _give(house, 30, "settles")
    house.clock.advance(timedelta(hours=25))
    await settlement.settle_due(house.ledger)
    await _give(house, 20, "pending")
    before = (await voids.story(house.ledger, actor=house.ada.actor, lot_id=lot)).became
    part = (await _void(house, lot, "10.5", "part")).item.story.became
    rest = (await _void(house, lot)).item

    assert (str(before.left), str(before.held), str(before.given), str(before.voided)) == ("50", "20", "30", "0")
    assert (str(part.left), str(part.voided)) == ("39.5", "10.5")
    assert (str(rest.amount), str(rest.story.became.left), str(rest.story.became.voided)) == ("39.5", "0", "50")
    assert (await verify(house.ledger)).clean


async def test_a_pools_grant_is_taken_back_from_the_pool_but_not_from_whom_it_was_allocated_to(house: House) -> None:
    lot = (await _grant(house, pool=True)).lot_id
    await grants.allocate(
        house.ledger,
        actor=house.al.actor,
        key="a",
        pool=house.team,
        to=Recipient(member=house.bo.id),
        amount=Credits.of(40),
    )
    taken = (await _void(house, lot)).item

    assert (str(taken.amount), str(taken.story.became.given)) == ("60", "40")
    assert (await balances.balance(house.ledger, actor=house.bo.actor)).available == Credits.of(40)


async def test_more_than_is_left_is_refused_with_what_is_left(house: House) -> None:
    lot = (await _grant(house)).lot_id
    await _give(house, 30, "pending")
    too_much = await _refusal(house, lot, "70.000001")
    await _void(house, lot)
    nothing = await _refusal(house, lot)

    assert (too_much.code, too_much.fields["remaining"]) == (Code.INSUFFICIENT_REMAINING, "70")
    assert "Only 70 cr" in too_much.detail
    assert (nothing.code, nothing.fields["remaining"]) == (Code.INSUFFICIENT_REMAINING, "0")


async def test_what_has_lapsed_is_not_taken_back_whether_or_not_the_job_has_run(house: House) -> None:
    """L5: it goes to breakage, and to nobody else."""
    lot = (await _grant(house, hours=1)).lot_id
    house.clock.advance(timedelta(hours=1))
    refused = await _refusal(house, lot)
    story = await voids.story(house.ledger, actor=house.ada.actor, lot_id=lot)

    assert refused.code is Code.INSUFFICIENT_REMAINING
    assert "lapsed" in refused.detail
    assert (str(story.became.left), str(story.became.lapsed)) == ("0", "100")


async def test_the_same_key_takes_back_once_and_other_content_is_a_conflict(house: House) -> None:
    """L6."""
    lot = (await _grant(house)).lot_id
    first, again = await _void(house, lot, "10"), await _void(house, lot, "10")

    assert again.replayed
    assert (again.item.transfer_id, again.item.amount) == (first.item.transfer_id, Credits.of(10))
    assert (await _refusal(house, lot, "11", "v")).code is Code.IDEMPOTENCY_CONFLICT


async def test_two_at_once_never_take_more_than_there_is(house: House) -> None:
    lot = (await _grant(house)).lot_id
    outcomes = await asyncio.gather(
        *(_void(house, lot, "60", f"v{number}") for number in range(4)), return_exceptions=True
    )

    assert sum(1 for outcome in outcomes if isinstance(outcome, Refused)) == 3
    assert (await balances.balance(house.ledger, actor=house.al.actor)).available == Credits.of(40)
    assert (await verify(house.ledger)).clean


async def test_a_grant_to_somebody_who_has_left_or_is_frozen_can_be_taken_back(house: House) -> None:
    lot = (await _grant(house)).lot_id
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=house.al.id)

    assert (await _void(house, lot)).item.amount == Credits.of(100)


async def test_only_an_admin_of_the_house_may_and_says_why(house: House) -> None:
    lot = (await _grant(house)).lot_id
    codes = []
    for person, reason in ((house.al, "mine"), (house.stranger, "mine"), (house.ada, " ")):
        with pytest.raises(Refused) as refused:
            await voids.void(house.ledger, actor=person.actor, key="k", lot_id=lot, reason=reason)
        codes.append(refused.value.code)

    assert codes == [Code.NOT_ALLOWED, Code.NOT_FOUND, Code.INVALID_REQUEST]
