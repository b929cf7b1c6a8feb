"""Holds through the journal, on both databases: authorized, captured, released, freed in time; always all or nothing.

Verify finds nothing wrong after any of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import text

from core.ledger.accounts import escrow_of, pool_of, wallet_of
from core.ledger.credits import MAX_TRANSFER, Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.ledger.positions import MAX_SLICES
from core.metering.caps import Period
from core.metering.holds import Hold, HoldState
from core.services import grants, holds, settlement
from core.services.commands.holding import Authorize, Capture, HoldTimeout
from core.services.commands.resetting import ResetMember
from core.services.gifts import Recipient
from core.services.verify import verify
from tests.support.gateway import HOUR, Gateway, number_of, refusal, used
from tests.support.house import furnish, open_house_ledger

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def bo(database_url: str) -> AsyncIterator[Gateway]:
    """Bo's gateway in a house without funds. Whatever was done, the books are right in the end."""
    with open_house_ledger(database_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        yield Gateway(house)
        report = await verify(ledger)
    assert report.findings == []


@pytest.fixture
async def sqlite_bo(sqlite_url: str) -> AsyncIterator[Gateway]:
    """The same, for what does not depend on the kind of database."""
    with open_house_ledger(sqlite_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        yield Gateway(house)
        report = await verify(ledger)
    assert report.findings == []


# Authorize.


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
    al = number_of(bo.house.al)
    commands = [
        Authorize(bo.org, member, f"key {number}", member, *used("7"), HOUR)
        for number in range(20)
        for member in (al, bo.bo)
    ]
    answers = await asyncio.gather(*map(bo.house.ledger.execute, commands), return_exceptions=True)

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
    command = Authorize(bo.org, bo.bo, "a key", bo.bo, *used("10"), HOUR)
    again = await asyncio.gather(*[bo.house.ledger.execute(command) for _ in range(5)])

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


# Capture.


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
        closed_at=bo.house.clock(),
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
    command = Capture(bo.org, bo.bo, hold.hold_id, *used("30"), for_anybody=False)
    answers = await asyncio.gather(*[bo.house.ledger.execute(command) for _ in range(20)])

    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19
    assert (await refusal(bo.capture(hold, "31"))).code is Code.IDEMPOTENCY_CONFLICT
    by_admin = await refusal(bo.capture(hold, "30", by=bo.house.ada))
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
    """S2: neither their colleague's nor another organisation's."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    stranger = bo.house.stranger.actor
    strange = Capture(stranger.org_id, stranger.member_id, hold.hold_id, *used("1"), for_anybody=True)

    assert (await refusal(bo.capture(hold, "1", by=bo.house.al))).code is Code.NOT_FOUND
    assert (await refusal(bo.release(hold, by=bo.house.al))).code is Code.NOT_FOUND
    assert (await refusal(bo.house.ledger.execute(strange))).code is Code.NOT_FOUND
    assert (await bo.capture(hold, "1", by=bo.house.ada)).state is HoldState.CAPTURED


# Deadlines.


async def test_at_its_deadline_a_hold_is_freed_and_not_before(bo: Gateway) -> None:
    """S2: by the sweep, once, however often and late it runs."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    bo.house.clock.advance(HOUR - INSTANT)
    early = await settlement.free_due_holds(bo.house.ledger)
    not_due = await refusal(bo.house.ledger.execute(HoldTimeout(bo.org, hold.hold_id)))
    bo.house.clock.advance(INSTANT)
    sweeps = await asyncio.gather(*[settlement.free_due_holds(bo.house.ledger) for _ in range(3)])

    assert (early.done, not_due.code) == (0, Code.HOLD_CLOSED)
    assert sum(swept.done for swept in sweeps) == 1
    assert (await bo.hold(hold)).state is HoldState.EXPIRED
    assert (await bo.shown())["spendable"] == "100"
    assert (await refusal(bo.release(hold))).fields["state"] == "expired"


@pytest.mark.parametrize("swept", [True, False], ids=["after the sweep", "before the sweep"])
@pytest.mark.parametrize(("left", "owed"), [("100", "0"), ("10", "20"), ("0", "30")])
async def test_a_late_capture_charges_what_is_available_and_the_rest_is_owed(
    bo: Gateway, left: str, owed: str, *, swept: bool
) -> None:
    """S2: it is accepted and marked late, whether or not the sweep has run."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    bo.house.clock.advance(HOUR)
    if swept:
        await settlement.free_due_holds(bo.house.ledger)
    elif left != "100":
        await bo.house.ledger.execute(HoldTimeout(bo.org, hold.hold_id))
    if left != "100":
        await bo.charge(str(Credits.of(100) - Credits.parse(left)))
    captured = await bo.capture(hold, "30")

    assert (captured.is_late, str(captured.charged), str(captured.overage)) == (True, "30", owed)
    assert await bo.hold(hold) == replace(captured, closed_at=hold.closed_at)
    assert await bo.owed() == owed


async def test_a_lot_that_lapses_while_it_is_held_can_be_charged_until_the_deadline(bo: Gateway) -> None:
    """L5: the one exception; what is freed after that lapses at once."""
    await bo.grant("100", lasts=HOUR)
    kept, captured = await bo.authorize("40", lasts=2 * HOUR), await bo.authorize("30", lasts=2 * HOUR)
    bo.house.clock.advance(2 * HOUR - INSTANT)
    await settlement.expire_due(bo.house.ledger)
    assert (await bo.lapsed(), (await bo.shown())["spendable"]) == ("30", "0")

    await bo.capture(captured, "20")
    assert (await bo.consumed(), await bo.lapsed()) == ("20", "40")
    await bo.release(kept)
    assert (await bo.lapsed(), await bo.owed()) == ("80", "0")


async def test_a_late_capture_of_what_has_lapsed_is_owed(bo: Gateway) -> None:
    """L5, S2."""
    await bo.grant("100", lasts=HOUR)
    hold = await bo.authorize("40", lasts=HOUR)
    bo.house.clock.advance(HOUR)
    captured = await bo.capture(hold, "30")

    assert (captured.is_late, str(captured.overage), await bo.lapsed()) == (True, "30", "40")


# Freezes and leavers.


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


# Windows.


async def test_what_a_plan_includes_is_reserved_adjusted_and_given_back(bo: Gateway) -> None:
    """S6: in every window of the plan and every cap, and only what each of them counts."""
    await bo.plan(five_hours="30", weekly="50")
    await bo.cap("100")
    await bo.cap("60", Period.MONTH, pool=bo.house.team)
    await bo.grant("10")
    await bo.grant("90", to=pool_of(bo.team))
    hold = await bo.authorize("75")
    assert hold.allowance == Credits.of(30)
    assert await bo.windows() == {"5h": "30", "weekly": "30", "cap:day": "45", "pool:team:month": "35"}

    await bo.capture(hold, "42")
    assert await bo.windows() == {"5h": "30", "weekly": "30", "cap:day": "12", "pool:team:month": "2"}
    other = await bo.authorize("20")
    await bo.release(other)
    assert await bo.windows() == {"5h": "30", "weekly": "30", "cap:day": "12", "pool:team:month": "2"}
    assert (await bo.shown())["spendable"] == "58"


async def test_a_capture_of_less_than_the_plan_includes_frees_every_lot(bo: Gateway) -> None:
    await bo.plan(five_hours="30")
    await bo.grant("10")
    hold = await bo.authorize("40")
    await bo.capture(hold, "12.5")

    assert await bo.windows() == {"5h": "12.5"}
    assert await bo.shown() == {"spendable": "27.5", "available": "10", "pool": "0", "held_usage": "0"}
    assert await bo.rows("SELECT amount, allowance, overage FROM usage_event") == [(12_500_000, 12_500_000, None)]


async def test_the_window_of_the_authorization_is_adjusted_and_what_exceeds_it_counts_where_it_is_used(
    bo: Gateway,
) -> None:
    """S6: a closed window is not touched any more, and the next one knows nothing of what was freed."""
    await bo.plan(five_hours="30", weekly="80")
    hold = await bo.authorize("30", lasts=9 * HOUR)
    bo.house.clock.advance(6 * HOUR)
    more = await bo.authorize("10", lasts=9 * HOUR)
    assert (await bo.shown())["spendable"] == "20"

    await bo.capture(hold, "5")
    assert (await bo.shown())["spendable"] == "20"
    assert await bo.rows("SELECT used FROM usage_window WHERE meter = '5h' ORDER BY opens_at") == [
        (30_000_000,),
        (10_000_000,),
    ]
    assert await bo.windows() == {"5h": "40", "weekly": "15"}
    await bo.capture(more, "25")
    assert await bo.windows() == {"5h": "55", "weekly": "30"}


async def test_a_reset_in_between_gives_back_nothing_twice(bo: Gateway) -> None:
    """S6, S8: what was reserved before a reset is no part of the window any more."""
    await bo.plan(five_hours="30", weekly="80")
    hold = await bo.authorize("25")
    bo.house.clock.advance(INSTANT)
    admin = number_of(bo.house.ada)
    await bo.house.ledger.execute(ResetMember(bo.org, admin, "reset", bo.bo, False, None, None))
    bo.house.clock.advance(INSTANT)
    other = await bo.authorize("20")
    assert await bo.windows() == {"5h": "20", "weekly": "20"}

    await bo.capture(hold, "5")
    assert await bo.windows() == {"5h": "20", "weekly": "20"}
    await bo.release(other)
    assert await bo.windows() == {"5h": "0", "weekly": "0"}


async def test_a_threshold_is_told_once_a_window(bo: Gateway) -> None:
    """S5: at 75, 90 and 100 percent, remembered by the ledger; also when usage falls and rises again."""
    await bo.plan(five_hours="100")
    for amount, told in (("74", 0), ("1", 1), ("14", 1)):
        await bo.charge(amount)
        assert len(await bo.told("threshold")) == told
    hold = await bo.authorize("11")
    assert len(await bo.told("threshold")) == 2  # past 90 and 100 at once: the higher one
    await bo.release(hold)
    await bo.charge("11")
    assert len(await bo.told("threshold")) == 2

    bo.house.clock.advance(5 * HOUR)
    await bo.charge("80")
    assert len(await bo.told("threshold")) == 3


# What was granted to a team.


async def test_a_hold_on_a_pool_is_freed_to_the_pool_also_after_its_member_has_left_the_team(bo: Gateway) -> None:
    """L4: to where it came from."""
    await bo.grant("50", to=pool_of(bo.team))
    hold, other = await bo.authorize("20"), await bo.authorize("20")
    await bo.house.ledger.write(lambda c: c.execute(text(f"DELETE FROM team_member WHERE member_id = {bo.bo}")))

    assert (await refusal(bo.authorize("1"))).code is Code.INSUFFICIENT_CREDITS
    captured = await bo.capture(hold, "25")
    await bo.release(other)
    assert (str(captured.overage), await bo.sums(pool_of(bo.team)), await bo.consumed()) == ("5", "30", "20")


async def test_the_house_gives_holds_to_people_by_their_ids(sqlite_bo: Gateway) -> None:
    """The use case around the commands: rated by the card in force, shown as it is now."""
    await grants.grant(
        sqlite_bo.house.ledger,
        actor=sqlite_bo.house.ada.actor,
        key="a grant",
        to=Recipient(member=sqlite_bo.house.bo.id),
        amount=Credits.of(1_000),
        source=Source.PURCHASE,
    )
    ledger, actor = sqlite_bo.house.ledger, sqlite_bo.house.bo.actor
    usage = holds.estimate("gpt-5.4-mini", input_tokens=1_000_000, cached_tokens=0, max_tokens=10, tier=None)
    opened = await holds.authorize(ledger, actor=actor, key="k", usage=usage)
    captured = await holds.capture(ledger, actor=actor, hold_id=opened.item.id, counts={"input_tokens": 1_000})

    assert opened.item.amount > Credits.of(18)
    assert (captured.item.state, captured.item.charged) == (HoldState.CAPTURED, Credits.parse("0.01875"))
    assert (await holds.hold(ledger, actor=actor, hold_id=opened.item.id)) == captured.item
