"""Pool to member by a lead (S9): what may be shared out, by whom, and what it leaves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.services import balances, grants, members
from core.services.gifts import Recipient
from core.services.verify import verify
from tests.support.house import House, Person, furnish, open_house_ledger


@pytest.fixture
async def house(database_url: str) -> Any:
    """A house whose team's pool holds 60 cr that last a day and 40 that last for ever, and the organisation's 500."""
    with open_house_ledger(database_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        for pool, amount, days in ((house.team, 60, 1), (house.team, 40, None), (house.org, 500, None)):
            await grants.grant(
                ledger,
                actor=house.ada.actor,
                key=f"{pool} {amount}",
                to=Recipient(pool=pool),
                amount=Credits.of(amount),
                source=Source.PURCHASE,
                expires_at=None if days is None else clock() + timedelta(days=days),
            )
        yield house


async def _allocate(house: House, amount: int, *, by: Person | None = None, key: str = "a", **changes: Any) -> Any:
    """Let Al, who leads the team, give Bo some of its pool."""
    given: dict[str, Any] = {"pool": house.team, "to": Recipient(member=house.bo.id)} | changes
    return await grants.allocate(
        house.ledger, actor=(by or house.al).actor, key=key, amount=Credits.of(amount), **given
    )


async def _code(act: Any) -> Code:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value.code


async def test_what_lapses_first_is_shared_out_first_and_keeps_its_expiry(house: House) -> None:
    """L4: an allocation never extends an expiry."""
    line = (await _allocate(house, 70)).item
    (soon, lasting) = (await balances.balance(house.ledger, actor=house.bo.actor)).lots

    assert (line.kind, str(line.amount)) == ("allocate", "70")
    assert (str(soon.amount), soon.expires_at) == ("60", house.clock() + timedelta(days=1))
    assert (str(lasting.amount), lasting.expires_at) == ("10", None)
    assert (await verify(house.ledger)).clean


async def test_what_has_lapsed_is_not_there_to_share(house: House) -> None:
    """L5."""
    house.clock.advance(timedelta(days=1))

    assert await _code(_allocate(house, 41)) is Code.INSUFFICIENT_GIFTABLE
    assert str((await _allocate(house, 40)).item.amount) == "40"


async def test_two_at_once_share_no_more_than_there_is(house: House) -> None:
    outcomes = await asyncio.gather(
        *(_allocate(house, 30, key=f"a{number}") for number in range(5)), return_exceptions=True
    )

    assert sum(1 for outcome in outcomes if isinstance(outcome, Refused)) == 2
    assert (await balances.balance(house.ledger, actor=house.bo.actor)).available == Credits.of(90)
    assert (await verify(house.ledger)).clean


async def test_the_same_key_shares_once_and_other_content_is_a_conflict(house: House) -> None:
    """L6."""
    first, again = await _allocate(house, 10), await _allocate(house, 10)

    assert (again.replayed, again.item) == (True, first.item)
    assert await _code(_allocate(house, 11)) is Code.IDEMPOTENCY_CONFLICT


async def test_a_lead_shares_out_their_own_teams_pool_only_and_an_admin_any(house: House) -> None:
    assert await _code(_allocate(house, 1, by=house.bo)) is Code.NOT_ALLOWED
    assert await _code(_allocate(house, 1, pool=house.org)) is Code.NOT_ALLOWED
    assert await _code(_allocate(house, 1, by=house.stranger)) is Code.NOT_FOUND
    assert await _code(_allocate(house, 1, pool=house.strange_team)) is Code.NOT_FOUND
    assert str((await _allocate(house, 500, by=house.ada, pool=house.org)).item.amount) == "500"


async def test_it_goes_to_somebody_who_is_here(house: House) -> None:
    pool = Recipient(pool=house.org)
    stranger = Recipient(member=house.stranger.id)
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=house.bo.id)

    assert await _code(_allocate(house, 1, to=pool)) is Code.INVALID_REQUEST
    assert await _code(_allocate(house, 1, to=stranger)) is Code.UNKNOWN_MEMBER
    assert await _code(_allocate(house, 1)) is Code.UNKNOWN_MEMBER
