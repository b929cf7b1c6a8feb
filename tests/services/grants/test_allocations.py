"""Pool to member by a lead (S9): what may be shared out, by whom, and what it leaves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.people import members
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    """A house whose team's pool holds 60 cr that last a day and 40 that last for ever, and the organization's 500."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        for pool, amount, days in ((org.team, 60, 1), (org.team, 40, None), (org.id, 500, None)):
            await grants.grant(
                ledger,
                actor=org.ada.actor,
                key=f"{pool} {amount}",
                to=Recipient(pool=pool),
                amount=Credits.of(amount),
                source=Source.PURCHASE,
                expires_at=None if days is None else clock() + timedelta(days=days),
            )
        yield org


async def _allocate(org: SampleOrg, amount: int, *, by: Person | None = None, key: str = "a", **changes: Any) -> Any:
    """Let Al, who leads the team, give Bo some of its pool."""
    given: dict[str, Any] = {"pool": org.team, "to": Recipient(member=org.bo.id)} | changes
    return await grants.allocate(org.ledger, actor=(by or org.al).actor, key=key, amount=Credits.of(amount), **given)


async def _code(act: Any) -> Code:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value.code


async def test_what_lapses_first_is_shared_out_first_and_keeps_its_expiry(org: SampleOrg) -> None:
    """L4: an allocation never extends an expiry."""
    line = (await _allocate(org, 70)).item
    (soon, lasting) = (await balances.balance(org.ledger, actor=org.bo.actor)).lots

    assert (line.kind, str(line.amount)) == ("allocate", "70")
    assert (str(soon.amount), soon.expires_at) == ("60", org.clock() + timedelta(days=1))
    assert (str(lasting.amount), lasting.expires_at) == ("10", None)
    assert (await verify(org.ledger)).clean


async def test_what_has_lapsed_is_not_there_to_share(org: SampleOrg) -> None:
    """L5."""
    org.clock.advance(timedelta(days=1))

    assert await _code(_allocate(org, 41)) is Code.INSUFFICIENT_GIFTABLE
    assert str((await _allocate(org, 40)).item.amount) == "40"


async def test_two_at_once_share_no_more_than_there_is(org: SampleOrg) -> None:
    outcomes = await asyncio.gather(
        *(_allocate(org, 30, key=f"a{number}") for number in range(5)), return_exceptions=True
    )

    assert sum(1 for outcome in outcomes if isinstance(outcome, Refused)) == 2
    assert (await balances.balance(org.ledger, actor=org.bo.actor)).available == Credits.of(90)
    assert (await verify(org.ledger)).clean


async def test_the_same_key_shares_once_and_other_content_is_a_conflict(org: SampleOrg) -> None:
    """L6."""
    first, again = await _allocate(org, 10), await _allocate(org, 10)

    assert (again.replayed, again.item) == (True, first.item)
    assert await _code(_allocate(org, 11)) is Code.IDEMPOTENCY_CONFLICT


async def test_a_lead_shares_out_their_own_teams_pool_only_and_an_admin_any(org: SampleOrg) -> None:
    assert await _code(_allocate(org, 1, by=org.bo)) is Code.NOT_ALLOWED
    assert await _code(_allocate(org, 1, pool=org.id)) is Code.NOT_ALLOWED
    assert await _code(_allocate(org, 1, by=org.stranger)) is Code.NOT_FOUND
    assert await _code(_allocate(org, 1, pool=org.strange_team)) is Code.NOT_FOUND
    assert str((await _allocate(org, 500, by=org.ada, pool=org.id)).item.amount) == "500"


async def test_it_goes_to_somebody_who_is_here(org: SampleOrg) -> None:
    pool = Recipient(pool=org.id)
    stranger = Recipient(member=org.stranger.id)
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.bo.id)

    assert await _code(_allocate(org, 1, to=pool)) is Code.INVALID_REQUEST
    assert await _code(_allocate(org, 1, to=stranger)) is Code.UNKNOWN_MEMBER
    assert await _code(_allocate(org, 1)) is Code.UNKNOWN_MEMBER
