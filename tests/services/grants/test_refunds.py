"""Giving a charge back (S9): along its draw from the back, at most once in total, to where it came from."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.ledger.lots import Source
from core.metering.refunds import Bill, BillPart, refund_parts
from core.metering.usage import Rating, Usage
from core.services.allowances import plans
from core.services.common.recipients import Recipient
from core.services.grants import grants, refunds
from core.services.grants.refunds import RefundView
from core.services.usage.charge_commands import Charge
from core.services.usage.hold_commands import Authorize, Capture
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.lots import ADAS, a_slice
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    with open_sample_ledger(database_url) as (ledger, clock):
        yield await furnish(ledger, clock)


async def _grant(org: SampleOrg, amount: str, *, pool: bool = False, key: str = "g", hours: int | None = None) -> None:
    """Grant promo credits to Bo, or bought ones to his team's pool."""
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key=f"{key} {amount} {pool}",
        to=Recipient(pool=org.team) if pool else Recipient(member=org.bo.id),
        amount=Credits.parse(amount),
        source=Source.PURCHASE,
        expires_at=None if hours is None else org.clock() + timedelta(hours=hours),
    )


async def _plan(org: SampleOrg, weekly: str) -> None:
    plan = await plans.create_plan(org.ledger, actor=org.ada.actor, name="Pro", weekly=Credits.parse(weekly))
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.bo.id, plan_id=plan.id)


async def _charge(org: SampleOrg, amount: str, event_id: str = "e") -> str:
    bo = org.bo.actor
    rating = Rating(Credits.parse(amount), "2026-09-29-ab", is_fallback=False)
    charge = Charge(bo.org_id, bo.member_id, "gateway", event_id, "bo", Usage("opus", 600), rating)
    return shown_id(Prefix.TRANSFER, (await org.ledger.execute(charge)).first_id)


async def _refund(org: SampleOrg, charge: str, amount: str | None = None, key: str = "r") -> RefundView:
    wanted = None if amount is None else Credits.parse(amount)
    answer = await refunds.refund(
        org.ledger, actor=org.ada.actor, key=key, transfer_id=charge, reason="the model failed", amount=wanted
    )
    return answer.item


async def _refusal(org: SampleOrg, charge: str, amount: str | None = None, key: str = "refused") -> Refused:
    with pytest.raises(Refused) as refused:
        await _refund(org, charge, amount, key)
    return refused.value


async def _has(org: SampleOrg) -> tuple[str, str, list[str]]:
    """Return what Bo has: own, pool, used of each window."""
    balance = await balances.balance(org.ledger, actor=org.bo.actor)
    return str(balance.available), str(balance.pool), [str(window.used) for window in balance.allowance]


def _parts(view: RefundView) -> tuple[str, str, str]:
    return str(view.cancelled), str(view.lots), str(view.allowance)


async def test_a_charge_goes_back_to_the_very_lots_and_its_payer_is_told(org: SampleOrg) -> None:
    await _grant(org, "30", hours=48)
    await _grant(org, "20", pool=True)
    charge = await _charge(org, "40")
    after_charge = await _has(org)
    view = await _refund(org, charge)
    status = await balances.status(org.ledger, actor=org.bo.actor)
    statement = (await balances.statement(org.ledger, actor=org.bo.actor)).items

    assert (after_charge, await _has(org)) == (("0", "10", []), ("30", "20", []))
    assert (str(view.amount), str(view.charge.refunded), str(view.charge.left)) == ("40", "40", "0")
    assert status.notices[-1].text == "40 cr of your usage were refunded: the model failed"
    assert [(line.kind, str(line.amount), line.note) for line in statement[:2]] == [
        ("refund", "30", "the model failed"),
        ("charge", "-30", None),
    ]
    assert (await verify(org.ledger)).clean


async def test_a_part_goes_back_from_the_back_of_the_draw(org: SampleOrg) -> None:
    """L4: the pool paid last and is paid back first."""
    await _grant(org, "30")
    await _grant(org, "20", pool=True)
    charge = await _charge(org, "40")
    await _refund(org, charge, "5", "first")
    first = await _has(org)
    await _refund(org, charge, "25", "second")
    second = await _has(org)
    rest = await _refund(org, charge, key="rest")

    assert (first, second) == (("0", "15", []), ("20", "20", []))
    assert str(rest.amount) == "10"
    assert await _has(org) == ("30", "20", [])
    assert (await verify(org.ledger)).clean


async def test_no_charge_is_given_back_more_than_once_in_total(org: SampleOrg) -> None:
    await _grant(org, "30")
    charge = await _charge(org, "30")
    too_much = await _refusal(org, charge, "30.000001")
    await _refund(org, charge, "20")
    more = await _refusal(org, charge, "11")
    outcomes = await asyncio.gather(
        *(_refund(org, charge, "4", f"at once {number}") for number in range(5)), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refused)]

    assert (too_much.code, too_much.fields["remaining"]) == (Code.INSUFFICIENT_REMAINING, "30")
    assert more.fields["remaining"] == "10"
    assert {refused.code for refused in refusals} <= {Code.INSUFFICIENT_REMAINING, Code.OVERLOADED}
    assert str(await _available(org)) == str(20 + 4 * (5 - len(refusals)))
    assert 1 <= 5 - len(refusals) <= 2
    assert (await verify(org.ledger)).clean


async def _available(org: SampleOrg) -> Credits:
    return (await balances.balance(org.ledger, actor=org.bo.actor)).available


async def test_what_comes_back_after_its_expiry_lapses_at_once(org: SampleOrg) -> None:
    """L5: booked to breakage by the same command."""
    await _grant(org, "30", hours=1)
    await _grant(org, "10", key="lasting")
    charge = await _charge(org, "35")
    org.clock.advance(timedelta(hours=1))
    await _refund(org, charge)
    lines = (await balances.statement(org.ledger, actor=org.bo.actor)).items

    assert (await _has(org))[0] == "10"
    assert {(line.kind, str(line.amount)) for line in lines[:2]} == {("refund", "35"), ("expire", "-30")}
    assert (await verify(org.ledger)).clean


async def test_the_allowance_is_given_back_last_and_only_while_its_window_is_open(org: SampleOrg) -> None:
    await _plan(org, "10")
    await _grant(org, "30")
    first, second = await _charge(org, "25", "a"), await _charge(org, "5", "b")
    used = await _has(org)
    lots_only = await _refund(org, first, "15", "part")
    rest = await _refund(org, first, key="rest")
    open_window = await _has(org)
    org.clock.advance(timedelta(days=8))
    late = await _refund(org, second, key="late")

    assert used == ("10", "0", ["10"])
    assert (_parts(lots_only), _parts(rest), _parts(late)) == (("0", "15", "0"), ("0", "0", "10"), ("0", "5", "0"))
    assert open_window == ("25", "0", ["0"])
    assert (await verify(org.ledger)).clean


async def test_what_is_not_paid_yet_is_cancelled_first(org: SampleOrg) -> None:
    """S2: what nothing covered is owed; a refund makes it owed no more, and no later grant repays it."""
    await _grant(org, "10")
    charge = await _charge(org, "40")
    part = await _refund(org, charge, "25", "part")
    await _grant(org, "100", key="later")
    after_repayment = await _available(org)
    rest = await _refund(org, charge, key="rest")

    assert _parts(part) == ("25", "0", "0")
    assert after_repayment == Credits.of(95)
    assert _parts(rest) == ("0", "15", "0")
    assert await _available(org) == Credits.of(110)
    assert (await verify(org.ledger)).clean


async def test_a_capture_is_given_back_to_wallet_pool_and_window(org: SampleOrg) -> None:
    """What the hold had set aside came from the wallet and the pool, and goes back there."""
    await _plan(org, "10")
    await _grant(org, "20")
    await _grant(org, "20", pool=True)
    bo = org.bo.actor
    estimate, actual = (Rating(Credits.of(each), "c", is_fallback=False) for each in (45, 38))
    opened = await org.ledger.execute(
        Authorize(bo.org_id, bo.member_id, "h", bo.member_id, Usage("opus", 9), estimate, timedelta(minutes=5))
    )
    captured = await org.ledger.execute(
        Capture(bo.org_id, bo.member_id, opened.first_id, Usage("opus", 8), actual, for_anybody=False)
    )
    charge = shown_id(Prefix.TRANSFER, captured.first_id)
    used = await _has(org)
    part = await _refund(org, charge, "9", "part")
    after_part = await _has(org)
    rest = await _refund(org, charge, key="rest")

    assert used == ("0", "12", ["10"])
    assert (_parts(part), after_part) == (("0", "9", "0"), ("1", "20", ["10"]))
    assert (_parts(rest), await _has(org)) == (("0", "19", "10"), ("20", "20", ["0"]))
    assert (await verify(org.ledger)).clean


async def test_the_same_key_gives_back_once_and_other_content_is_a_conflict(org: SampleOrg) -> None:
    """L6."""
    await _grant(org, "30")
    charge = await _charge(org, "30")
    first, again = await _refund(org, charge, "10"), await _refund(org, charge, "10")

    assert (again.transfer_id, again.amount) == (first.transfer_id, Credits.of(10))
    assert await _available(org) == Credits.of(10)
    assert (await _refusal(org, charge, "11", "r")).code is Code.IDEMPOTENCY_CONFLICT


async def test_only_an_admin_of_the_house_gives_back_and_says_why(org: SampleOrg) -> None:
    await _grant(org, "30")
    charge = await _charge(org, "30")
    codes = []
    for person, number, reason in (
        (org.al, charge, "mine"),
        (org.stranger, charge, "mine"),
        (org.ada, charge, " "),
        (org.ada, "tr_1", "why"),
        (org.ada, shown_id(Prefix.TRANSFER, parse_id(Prefix.TRANSFER, charge) - 1), "that was a grant"),
    ):
        with pytest.raises(Refused) as refused:
            await refunds.refund(org.ledger, actor=person.actor, key="k", transfer_id=number, reason=reason)
        codes.append(refused.value.code)

    assert codes == [Code.NOT_ALLOWED, Code.NOT_FOUND, Code.INVALID_REQUEST, Code.NOT_FOUND, Code.NOT_FOUND]


async def test_usage_that_cost_nothing_has_nothing_to_give_back(org: SampleOrg) -> None:
    charge = await _charge(org, "0")

    assert "cost nothing" in (await _refusal(org, charge)).detail


@given(
    allowance=st.integers(0, 20),
    slices=st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=6),
    unpaid=st.integers(0, 20),
    steps=st.lists(st.integers(1, 30), max_size=8),
)
def test_however_it_is_split_all_of_it_goes_back_once(
    allowance: int, slices: list[tuple[int, bool]], unpaid: int, steps: list[int]
) -> None:
    """Any refunds in turn give back each micro-credit from the place it came from, and none twice."""
    at_first, late = ([amount for amount, is_late in slices if is_late is want] for want in (False, True))
    parts = [(amount, False) for amount in at_first] + [(amount, True) for amount in late]
    drawn = tuple(BillPart(ADAS, a_slice(str(amount)), is_late) for amount, is_late in parts)
    bill = Bill(Credits.of(allowance), drawn, Credits.of(unpaid + sum(late)))
    before, backs = ZERO, []
    for step in [*map(Credits.of, steps), bill.amount]:
        amount = min(step, bill.amount - before)
        if amount:
            backs.append(refund_parts(bill, before, amount))
            before += amount

    assert total(back.cancelled for back in backs) == Credits.of(unpaid)
    assert total(back.allowance for back in backs) == bill.allowance
    for part in drawn:
        own = (each.slice.amount for back in backs for each in back.parts if each.slice.lot == part.slice.lot)
        assert total(own) == part.slice.amount
