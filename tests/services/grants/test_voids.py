"""Taking back what is unused of a grant (S9): as much as is free where it was granted, and never more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.services.common.recipients import Recipient
from core.services.common.views import GrantView
from core.services.gifts import gifts, settlement
from core.services.grants import grants, voids
from core.services.people import members
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _grant(org: SampleOrg, *, pool: bool = False, hours: int | None = None) -> GrantView:
    """Grant 100 cr to Al, or to his team's pool."""
    answer = await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key="granted",
        to=Recipient(pool=org.team) if pool else Recipient(member=org.al.id),
        amount=Credits.of(100),
        source=Source.PURCHASE,
        expires_at=None if hours is None else org.clock() + timedelta(hours=hours),
    )
    return answer.item


async def _give(org: SampleOrg, amount: int, key: str) -> None:
    to = [Recipient(member=org.bo.id)]
    await gifts.give(org.ledger, actor=org.al.actor, key=key, to=to, amount=Credits.of(amount))


async def _void(org: SampleOrg, lot: str, amount: str | None = None, key: str = "v") -> Any:
    wanted = None if amount is None else Credits.parse(amount)
    return await voids.void(org.ledger, actor=org.ada.actor, key=key, lot_id=lot, reason="sent twice", amount=wanted)


async def _refusal(org: SampleOrg, lot: str, amount: str | None = None, key: str = "refused") -> Refused:
    with pytest.raises(Refused) as refused:
        await _void(org, lot, amount, key)
    return refused.value


async def test_an_untouched_grant_is_taken_back_whole_and_its_owner_is_told(org: SampleOrg) -> None:
    lot = (await _grant(org)).lot_id
    answer = await _void(org, lot)
    status = await balances.status(org.ledger, actor=org.al.actor)
    statement = await balances.statement(org.ledger, actor=org.al.actor)

    assert (answer.item.amount, answer.item.story.became.voided) == (Credits.of(100), Credits.of(100))
    assert status.balance.available == Credits.of(0)
    assert status.notices[-1].text == "100 cr of a grant to you were revoked: sent twice"
    assert [(line.kind, str(line.amount), line.note) for line in statement.items] == [
        ("void", "-100", "sent twice"),
        ("grant", "100", None),
    ]
    assert (await verify(org.ledger)).clean


async def test_only_what_is_left_is_taken_and_the_rest_is_accounted_for(org: SampleOrg) -> None:
    """What was given away and what is set aside stay where they are."""
    lot = (await _grant(org)).lot_id
    await _give(org, 30, "settles")
    org.clock.advance(timedelta(hours=25))
    await settlement.settle_due(org.ledger)
    await _give(org, 20, "pending")
    before = (await voids.story(org.ledger, actor=org.ada.actor, lot_id=lot)).became
    part = (await _void(org, lot, "10.5", "part")).item.story.became
    rest = (await _void(org, lot)).item

    assert (str(before.left), str(before.held), str(before.given), str(before.voided)) == ("50", "20", "30", "0")
    assert (str(part.left), str(part.voided)) == ("39.5", "10.5")
    assert (str(rest.amount), str(rest.story.became.left), str(rest.story.became.voided)) == ("39.5", "0", "50")
    assert (await verify(org.ledger)).clean


async def test_a_pools_grant_is_taken_back_from_the_pool_but_not_from_whom_it_was_allocated_to(org: SampleOrg) -> None:
    lot = (await _grant(org, pool=True)).lot_id
    await grants.allocate(
        org.ledger,
        actor=org.al.actor,
        key="a",
        pool=org.team,
        to=Recipient(member=org.bo.id),
        amount=Credits.of(40),
    )
    taken = (await _void(org, lot)).item

    assert (str(taken.amount), str(taken.story.became.given)) == ("60", "40")
    assert (await balances.balance(org.ledger, actor=org.bo.actor)).available == Credits.of(40)


async def test_more_than_is_left_is_refused_with_what_is_left(org: SampleOrg) -> None:
    lot = (await _grant(org)).lot_id
    await _give(org, 30, "pending")
    too_much = await _refusal(org, lot, "70.000001")
    await _void(org, lot)
    nothing = await _refusal(org, lot)

    assert (too_much.code, too_much.fields["remaining"]) == (Code.INSUFFICIENT_REMAINING, "70")
    assert "Only 70 cr" in too_much.detail
    assert (nothing.code, nothing.fields["remaining"]) == (Code.INSUFFICIENT_REMAINING, "0")


async def test_what_has_lapsed_is_not_taken_back_whether_or_not_the_job_has_run(org: SampleOrg) -> None:
    """L5: it goes to breakage, and to nobody else."""
    lot = (await _grant(org, hours=1)).lot_id
    org.clock.advance(timedelta(hours=1))
    refused = await _refusal(org, lot)
    story = await voids.story(org.ledger, actor=org.ada.actor, lot_id=lot)

    assert refused.code is Code.INSUFFICIENT_REMAINING
    assert "lapsed" in refused.detail
    assert (str(story.became.left), str(story.became.lapsed)) == ("0", "100")


async def test_the_same_key_takes_back_once_and_other_content_is_a_conflict(org: SampleOrg) -> None:
    """L6."""
    lot = (await _grant(org)).lot_id
    first, again = await _void(org, lot, "10"), await _void(org, lot, "10")

    assert again.replayed
    assert (again.item.transfer_id, again.item.amount) == (first.item.transfer_id, Credits.of(10))
    assert (await _refusal(org, lot, "11", "v")).code is Code.IDEMPOTENCY_CONFLICT


async def test_two_at_once_never_take_more_than_there_is(org: SampleOrg) -> None:
    lot = (await _grant(org)).lot_id
    outcomes = await asyncio.gather(
        *(_void(org, lot, "60", f"v{number}") for number in range(4)), return_exceptions=True
    )

    assert sum(1 for outcome in outcomes if isinstance(outcome, Refused)) == 3
    assert (await balances.balance(org.ledger, actor=org.al.actor)).available == Credits.of(40)
    assert (await verify(org.ledger)).clean


async def test_a_grant_to_somebody_who_has_left_or_is_frozen_can_be_taken_back(org: SampleOrg) -> None:
    lot = (await _grant(org)).lot_id
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.al.id)

    assert (await _void(org, lot)).item.amount == Credits.of(100)


async def test_only_an_admin_of_the_house_may_and_says_why(org: SampleOrg) -> None:
    lot = (await _grant(org)).lot_id
    codes = []
    for person, reason in ((org.al, "mine"), (org.stranger, "mine"), (org.ada, " ")):
        with pytest.raises(Refused) as refused:
            await voids.void(org.ledger, actor=person.actor, key="k", lot_id=lot, reason=reason)
        codes.append(refused.value.code)

    assert codes == [Code.NOT_ALLOWED, Code.NOT_FOUND, Code.INVALID_REQUEST]
