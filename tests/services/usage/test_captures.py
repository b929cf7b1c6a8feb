"""Captures through the journal, on both databases: what was used is charged, the rest is freed, once (S2, L4, G8).

Verify finds nothing wrong after any of it (the fixtures ask it).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.metering.holds import HoldState
from core.services.usage import holds
from core.services.usage.hold_commands import Capture
from tests.support.gateway import Gateway, bo, refusal, used

__all__ = ["bo"]

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("actual", "left", "owed"),
    [("0", "100", "0"), ("25", "75", "0"), ("40", "60", "0"), ("70", "30", "0"), ("100.5", "0", "0.5")],
)
async def test_a_capture_charges_what_was_used_be_it_less_or_more(
    bo: Gateway, actual: str, left: str, owed: str
) -> None:
    """S2: less frees the rest; more is paid as far as there are funds, and what nothing covers is owed."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    assert await bo.shown() == {"spendable": "60", "available": "60", "pool": "0", "held_usage": "40"}
    captured = await bo.capture(hold, actual)

    assert captured == replace(
        hold,
        state=HoldState.CAPTURED,
        charged=Credits.parse(actual),
        overage=Credits.parse(owed),
        closed_at=bo.org.clock(),
    )
    assert await bo.shown() == {"spendable": left, "available": left, "pool": "0", "held_usage": "0"}
    assert await bo.owed() == owed
    assert await bo.rows("SELECT source, event_id, amount, coalesce(overage, 0) FROM usage_event") == [
        ("capture", holds.hold_view(hold).id, Credits.parse(actual).micros, Credits.parse(owed).micros)
    ]


async def test_what_nothing_covered_is_told_and_repaid_by_the_next_grant(bo: Gateway) -> None:
    """S2: overage is booked, visible and repaid."""
    await bo.grant("10")
    captured = await bo.capture(await bo.authorize("10"), "17")

    assert captured.overage == Credits.of(7)
    assert [body["amount"] if isinstance(body, dict) else body for body in await bo.told("overage")] in (
        ["7"],
        ['{"amount":"7"}'],
    )
    await bo.grant("20")
    assert (await bo.owed(), await bo.consumed()) == ("0", "17")
    assert (await bo.shown())["available"] == "13"


async def test_a_capture_takes_from_the_front_of_the_draw_and_frees_the_back(bo: Gateway) -> None:
    """L4: wallet before pool, lots in spending order, and what is freed goes back to where it lay."""
    late, soon = await bo.grant("10", lasts=9 * DAY), await bo.grant("10", lasts=DAY)
    pool = await bo.grant("30", to=pool_of(bo.team))
    hold = await bo.authorize("45")
    await bo.capture(hold, "23")
    held = await bo.rows("SELECT account_id, lot_id, remaining FROM position ORDER BY lot_id")

    assert hold.sources == [wallet_of(bo.bo), pool_of(bo.team)]
    assert held == [(pool_of(bo.team), pool, 27_000_000)]
    assert {late, soon}.isdisjoint(lot for _, lot, _ in held)


async def test_a_hold_is_captured_once(bo: Gateway) -> None:
    """L6: the same again is answered alike, other content conflicts, another person finds it closed."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    command = Capture(bo.org_id, bo.bo, hold.hold_id, *used("30"), for_anybody=False)
    answers = await asyncio.gather(*[bo.org.ledger.execute(command) for _ in range(20)])

    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19
    assert (await refusal(bo.capture(hold, "31"))).code is Code.IDEMPOTENCY_CONFLICT
    by_admin = await refusal(bo.capture(hold, "30", by=bo.org.ada))
    assert (by_admin.code, by_admin.fields["state"]) == (Code.HOLD_CLOSED, "captured")
    assert (await refusal(bo.release(hold))).fields["state"] == "captured"
    assert await bo.consumed() == "30"


async def test_capture_and_release_at_once_have_exactly_one_winner(bo: Gateway) -> None:
    await bo.grant("100")
    several = [await bo.authorize("4") for _ in range(20)]
    doings = [doing for hold in several for doing in (bo.capture(hold, "3"), bo.release(hold))]
    answers = await asyncio.gather(*doings, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    states = [(await bo.hold(hold)).state for hold in several]

    assert len(refused) == len(several)
    assert {each.code for each in refused} == {Code.HOLD_CLOSED}
    assert await bo.consumed() == str(3 * states.count(HoldState.CAPTURED))


async def test_a_released_hold_gives_all_of_it_back_and_cannot_be_captured(bo: Gateway) -> None:
    await bo.grant("100")
    hold = await bo.authorize("40")
    await bo.release(hold)
    await bo.release(hold)

    assert (await bo.shown())["spendable"] == "100"
    refused = await refusal(bo.capture(hold, "10"))
    assert (refused.code, refused.fields["state"]) == (Code.HOLD_CLOSED, "released")
    assert await bo.consumed() == "0"


async def test_somebody_elses_hold_is_not_there_except_for_who_spends_for_all(bo: Gateway) -> None:
    """S2: neither their colleague's nor another organization's."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    stranger = bo.org.stranger.actor
    strange = Capture(stranger.org_id, stranger.member_id, hold.hold_id, *used("1"), for_anybody=True)

    assert (await refusal(bo.capture(hold, "1", by=bo.org.al))).code is Code.NOT_FOUND
    assert (await refusal(bo.release(hold, by=bo.org.al))).code is Code.NOT_FOUND
    assert (await refusal(bo.org.ledger.execute(strange))).code is Code.NOT_FOUND
    assert (await bo.capture(hold, "1", by=bo.org.ada)).state is HoldState.CAPTURED


async def test_a_frozen_wallet_opens_no_hold_but_those_it_has_are_captured_to_their_amount(bo: Gateway) -> None:
    """G8."""
    await bo.plan(weekly="5")
    await bo.grant("100")
    hold = await bo.authorize("45")
    await bo.freeze()

    refused = await refusal(bo.authorize("1"))
    assert refused.code is Code.ACCOUNT_FROZEN
    assert (await bo.shown())["spendable"] == "0"
    captured = await bo.capture(hold, "47")
    assert (str(captured.charged), str(captured.overage), await bo.consumed()) == ("47", "2", "40")


async def test_what_a_frozen_wallet_did_not_use_comes_back_to_it(bo: Gateway) -> None:
    await bo.grant("100")
    hold, other = await bo.authorize("45"), await bo.authorize("45")
    await bo.freeze()
    await bo.capture(hold, "5")
    await bo.release(other)

    assert await bo.sums(wallet_of(bo.bo)) == "95"
