"""Limits on giving, one at a time: an organization may keep any of them alone (section 7 of the design)."""

from __future__ import annotations

from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from tests.support.readers import limit
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al)
        yield org


async def give(org: SampleOrg, key: str, amount: int, to: Person) -> None:
    recipient = Recipient(member=to.id)
    await gifts.give(org.ledger, actor=org.al.actor, key=key, to=[recipient], amount=Credits.of(amount))


async def refused_rule(org: SampleOrg, key: str, amount: int, to: Person) -> object:
    with pytest.raises(Refused) as refused:
        await give(org, key, amount, to)
    assert refused.value.code is Code.POLICY_REFUSED
    return refused.value.fields["rule"]


async def test_the_limit_per_pair_applies_where_it_is_the_only_one(org: SampleOrg) -> None:
    limit(org, gifts_per_pair_and_day=1)
    await give(org, "first", 5, org.bo)

    assert await refused_rule(org, "second", 5, org.bo) == "gifts_per_pair_and_day"
    await give(org, "to somebody else", 5, org.ada)


async def test_the_number_of_gifts_a_day_applies_where_it_is_the_only_limit(org: SampleOrg) -> None:
    limit(org, gifts_per_day=1)
    await give(org, "first", 5, org.bo)

    assert await refused_rule(org, "second", 5, org.ada) == "gifts_per_day"


async def test_the_credits_a_day_apply_where_they_are_the_only_limit(org: SampleOrg) -> None:
    limit(org, credits_per_day="9")
    await give(org, "first", 5, org.bo)

    assert await refused_rule(org, "second", 5, org.ada) == "credits_per_day"
    await give(org, "what is left", 4, org.ada)


async def test_the_credits_a_gift_apply_where_they_are_the_only_limit(org: SampleOrg) -> None:
    limit(org, credits_per_gift="4")

    assert await refused_rule(org, "too much", 5, org.bo) == "credits_per_gift"
    await give(org, "as much as may be", 4, org.bo)
    await give(org, "again", 4, org.bo)
