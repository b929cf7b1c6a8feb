"""What people gave in the last day is known from batch to batch, or counted anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.services import gifts
from core.services.gifts import Recipient
from tests.support.curious import curious, give, house, limit, until_calm
from tests.support.house import House

__all__ = ["house"]


async def test_what_few_gifts_may_be_made_of_is_not_asked_again(house: House) -> None:
    limit(house, gifts_per_day=20)
    with curious(house) as listening:
        await until_calm(house, listening)
        listening.asked.clear()
        await give(house, "known")
        assert listening.asked == [] or listening.disturbances[-1]


@pytest.mark.parametrize(
    ("rule", "most"), [("gifts_per_day", 3), ("credits_per_day", "3")], ids=["one by one", "by the database"]
)
async def test_limits_of_a_day_hold_from_batch_to_batch(house: House, rule: str, most: str | int) -> None:
    """What is taken back counts no more, nor what is a day old."""
    limit(house, **{rule: most})
    with curious(house):
        await give(house, "first")
        house.clock.advance(timedelta(hours=20))
        await give(house, "second")
        third = await give(house, "third")
        assert await _is_too_many(house, "fourth", rule)

        await gifts.cancel(house.ledger, actor=house.al.actor, gift_id=third.item[0].id)
        await give(house, "instead of the third")
        assert await _is_too_many(house, "one more", rule)

        house.clock.advance(timedelta(hours=4))
        await give(house, "instead of the first")
        assert await _is_too_many(house, "too many again", rule)


async def test_a_refused_gift_to_several_counts_for_none(house: House) -> None:
    """One of the two was within the limit of the day; all or none."""
    limit(house, gifts_per_day=3)
    with curious(house):
        await give(house, "first")
        await give(house, "second")
        several = [Recipient(member=each.id) for each in (house.bo, house.ada)]
        with pytest.raises(Refused):
            await gifts.give(house.ledger, actor=house.al.actor, key="all", to=several, amount=Credits.of(1))
        await give(house, "third")
        assert await _is_too_many(house, "fourth")


async def test_gifts_of_days_ago_are_not_kept(house: House) -> None:
    limit(house, gifts_per_day=3)
    for number in range(6):
        await give(house, f"{number}")
        house.clock.advance(timedelta(hours=13))

    writer = house.ledger.journal._writer
    assert writer is not None
    assert max(map(len, writer.known.given.values()), default=0) <= 2


async def _is_too_many(house: House, key: str, rule: str = "gifts_per_day") -> bool:
    with pytest.raises(Refused) as refused:
        await give(house, key)
    return refused.value.fields["rule"] == rule
