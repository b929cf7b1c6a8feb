"""Authorizations through the journal, on both databases: what there is is set aside once, or nothing is (S2).

Verify finds nothing wrong after any of it (the fixtures ask it).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import text

from core.ledger.accounts import escrow_of, pool_of
from core.ledger.credits import MAX_TRANSFER, Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.ledger.positions import MAX_SLICES
from core.metering.holds import Hold, HoldState
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.usage import holds
from core.services.usage.hold_commands import Authorize
from tests.support.gateway import HOUR, Gateway, bo, number_of, refusal, sqlite_bo, used

__all__ = ["bo", "sqlite_bo"]

DAY = timedelta(days=1)


async def test_of_a_hundred_at_once_exactly_as_many_are_authorized_as_there_are_funds_for(bo: Gateway) -> None:
    """S2, L7: wallet and pool together, decided in turn under one lock."""
    await bo.grant("60")
    await bo.grant("40", to=pool_of(bo.team))
    answers = await asyncio.gather(*[bo.authorize("10") for _ in range(100)], return_exceptions=True)
    opened = [answer for answer in answers if isinstance(answer, Hold)]
    refused = [answer for answer in answers if isinstance(answer, Refused)]

    assert (len(opened), len(refused)) == (10, 90)
    assert {each.code for each in refused} == {Code.INSUFFICIENT_CREDITS}
    assert await bo.shown() == {"spendable": "0", "available": "0", "pool": "0", "held_usage": "60"}


async def test_two_members_of_a_team_never_authorize_more_than_their_pool_holds(bo: Gateway) -> None:
    """L7: the pool is what they share, and what is locked."""
    await bo.grant("40", to=pool_of(bo.team))
    al = number_of(bo.org.al)
    commands = [
        Authorize(bo.org_id, member, f"key {number}", member, *used("7"), HOUR)
        for number in range(20)
        for member in (al, bo.bo)
    ]
    answers = await asyncio.gather(*map(bo.org.ledger.execute, commands), return_exceptions=True)

    assert sum(not isinstance(answer, Refused) for answer in answers) == 5
    assert await bo.sums(escrow_of(pool_of(bo.team))) == "35"


async def test_a_refusal_names_every_limit_and_leaves_nothing_behind(bo: Gateway) -> None:
    """S1, L6: and the same key can be tried again."""
    await bo.plan(five_hours="5")
    await bo.grant("10")
    refused = await refusal(bo.authorize("16", key="again"))

    assert refused.code is Code.INSUFFICIENT_CREDITS
    assert {name: refused.fields[name] for name in ("needed", "spendable", "short", "ask_for")} == {
        "needed": "16", "spendable": "15", "short": "1", "ask_for": "1",
    }  # fmt: skip
    steps = cast("list[dict[str, Any]]", refused.fields["trace"])
    assert [(step["limit"].partition(":")[0], step["headroom"], step["blocks"]) for step in steps] == [
        ("5h", "5", True),
        ("wallet", "10", True),
        ("pool", "0", True),
    ]
    assert await bo.windows() == {}
    assert (await bo.authorize("15", key="again")).amount == Credits.of(15)


async def test_the_same_key_is_the_same_hold_and_with_other_content_a_conflict(bo: Gateway) -> None:
    """L6."""
    await bo.grant("100")
    first = await bo.authorize("10", key="a key")
    command = Authorize(bo.org_id, bo.bo, "a key", bo.bo, *used("10"), HOUR)
    again = await asyncio.gather(*[bo.org.ledger.execute(command) for _ in range(5)])

    assert {(receipt.first_id, receipt.replayed) for receipt in again} == {(first.hold_id, True)}
    assert (await refusal(bo.authorize("11", key="a key"))).code is Code.IDEMPOTENCY_CONFLICT
    assert (await refusal(bo.authorize("10", key="a key", lasts=DAY))).code is Code.IDEMPOTENCY_CONFLICT
    assert (await bo.shown())["held_usage"] == "10"


async def test_a_request_that_costs_nothing_is_authorized_without_funds(sqlite_bo: Gateway) -> None:
    hold = await sqlite_bo.authorize("0")

    assert (await sqlite_bo.capture(hold, "0")).state is HoldState.CAPTURED


async def test_a_request_past_the_largest_transfer_is_refused(sqlite_bo: Gateway) -> None:
    hold = await sqlite_bo.authorize("0")

    for doing in (sqlite_bo.authorize(str(MAX_TRANSFER + Credits(1))), sqlite_bo.capture(hold, "1000000000.000001")):
        assert (await refusal(doing)).code is Code.INVALID_REQUEST
    await sqlite_bo.release(hold)


async def test_too_many_lots_are_refused_naming_what_fits_with_what_a_plan_includes(sqlite_bo: Gateway) -> None:
    """L7: at most 256 slices; the amount that is named works and one micro-credit more does not."""
    await sqlite_bo.plan(weekly="5")
    await asyncio.gather(*[sqlite_bo.grant("1") for _ in range(MAX_SLICES + 4)])
    refused = await refusal(sqlite_bo.authorize("265"))

    assert (refused.code, refused.fields["largest"]) == (Code.TOO_MANY_LOTS, "261")
    assert (await refusal(sqlite_bo.authorize("261.000001"))).code is Code.TOO_MANY_LOTS
    hold = await sqlite_bo.authorize("261")
    assert (await sqlite_bo.capture(hold, "265")).overage == Credits.parse("4")


async def test_a_hold_on_a_pool_is_freed_to_the_pool_also_after_its_member_has_left_the_team(bo: Gateway) -> None:
    """L4: to where it came from."""
    await bo.grant("50", to=pool_of(bo.team))
    hold, other = await bo.authorize("20"), await bo.authorize("20")
    await bo.org.ledger.write(lambda c: c.execute(text(f"DELETE FROM team_member WHERE member_id = {bo.bo}")))

    assert (await refusal(bo.authorize("1"))).code is Code.INSUFFICIENT_CREDITS
    captured = await bo.capture(hold, "25")
    await bo.release(other)
    assert (str(captured.overage), await bo.sums(pool_of(bo.team)), await bo.consumed()) == ("5", "30", "20")


async def test_the_house_gives_holds_to_people_by_their_ids(sqlite_bo: Gateway) -> None:
    """The use case around the commands: rated by the card in force, shown as it is now."""
    await grants.grant(
        sqlite_bo.org.ledger,
        actor=sqlite_bo.org.ada.actor,
        key="a grant",
        to=Recipient(member=sqlite_bo.org.bo.id),
        amount=Credits.of(1_000),
        source=Source.PURCHASE,
    )
    ledger, actor = sqlite_bo.org.ledger, sqlite_bo.org.bo.actor
    usage = holds.estimate("gpt-5.4-mini", input_tokens=1_000_000, cached_tokens=0, max_tokens=10, tier=None)
    opened = await holds.authorize(ledger, actor=actor, key="k", usage=usage)
    captured = await holds.capture(ledger, actor=actor, hold_id=opened.item.id, counts={"input_tokens": 1_000})

    assert opened.item.amount > Credits.of(18)
    assert (captured.item.state, captured.item.charged) == (HoldState.CAPTURED, Credits.parse("0.01875"))
    assert (await holds.hold(ledger, actor=actor, hold_id=opened.item.id)) == captured.item
