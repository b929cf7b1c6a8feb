"""What people gave in the last day is known from batch to batch, or counted anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from tests.support.readers import curious, give, limit, org, until_calm
from tests.support.sample_org import SampleOrg

__all__ = ["org"]


async def test_what_few_gifts_may_be_made_of_is_not_asked_again(org: SampleOrg) -> None:
    limit(org, gifts_per_day=20)
    with curious(org) as listening:
        await until_calm(org, listening)
        listening.asked.clear()
        await give(org, "known")
        assert listening.asked == [] or listening.disturbances[-1]


@pytest.mark.parametrize(
    ("rule", "most"), [("gifts_per_day", 3), ("credits_per_day", "3")], ids=["one by one", "by the database"]
)
async def test_limits_of_a_day_hold_from_batch_to_batch(org: SampleOrg, rule: str, most: str | int) -> None:
    """What is taken back counts no more, nor what is a day old."""
    limit(org, **{rule: most})
    with curious(org):
        await give(org, "first")
        org.clock.advance(timedelta(hours=20))
        await give(org, "second")
        third = await give(org, "third")
        assert await _is_too_many(org, "fourth", rule)

        await gifts.cancel(org.ledger, actor=org.al.actor, gift_id=third.item[0].id)
        await give(org, "instead of the third")
        assert await _is_too_many(org, "one more", rule)

        org.clock.advance(timedelta(hours=4))
        await give(org, "instead of the first")
        assert await _is_too_many(org, "too many again", rule)


async def test_a_refused_gift_to_several_counts_for_none(org: SampleOrg) -> None:
    """One of the two was within the limit of the day; all or none."""
    limit(org, gifts_per_day=3)
    with curious(org):
        await give(org, "first")
        await give(org, "second")
        several = [Recipient(member=each.id) for each in (org.bo, org.ada)]
        with pytest.raises(Refused):
            await gifts.give(org.ledger, actor=org.al.actor, key="all", to=several, amount=Credits.of(1))
        await give(org, "third")
        assert await _is_too_many(org, "fourth")


async def test_gifts_of_days_ago_are_not_kept(org: SampleOrg) -> None:
    limit(org, gifts_per_day=3)
    for number in range(6):
        await give(org, f"{number}")
        org.clock.advance(timedelta(hours=13))

    writer = org.ledger.journal._writer
    assert writer is not None
    assert max(map(len, writer.known.given.values()), default=0) <= 2


async def _is_too_many(org: SampleOrg, key: str, rule: str = "gifts_per_day") -> bool:
    with pytest.raises(Refused) as refused:
        await give(org, key)
    return refused.value.fields["rule"] == rule
