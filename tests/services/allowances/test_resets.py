"""Resets (S8): what was used of an allowance becomes zero, when its windows reset by themselves stays as it is."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.metering.caps import Period
from core.metering.resets import ResetState
from core.metering.usage import Rating, Usage
from core.services.allowances import caps, plans, resets
from core.services.allowances import resets as service
from core.services.allowances.resets import ResetOrderView, ResetView
from core.services.common.recipients import Recipient
from core.services.common.views import BalanceView
from core.services.grants import grants
from core.services.people import freezes, members
from core.services.usage.charge_commands import Charge
from core.services.usage.hold_commands import Authorize, Capture
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger

DAY = timedelta(days=1)


@pytest.fixture
async def org(database_url: str) -> Any:
    """A house in which everybody has a plan of 100 cr in 5 hours, 300 a week and 1,000 a month."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        plan = await plans.create_plan(
            ledger,
            actor=org.ada.actor,
            name="Pro",
            five_hours=Credits.of(100),
            weekly=Credits.of(300),
            monthly=Credits.of(1000),
        )
        await plans.give_plan(ledger, actor=org.ada.actor, subject=org.id, plan_id=plan.id)
        yield org


async def _use(org: SampleOrg, amount: int, who: Person | None = None, key: str = "e") -> None:
    actor, rating = (who or org.bo).actor, Rating(Credits.of(amount), "card", is_fallback=False)
    charge = Charge(actor.org_id, actor.member_id, "gateway", key, "x", Usage("opus", 1), rating)
    await org.ledger.execute(charge)


async def _order(org: SampleOrg, subject: str | None = None, *, key: str = "o", **options: Any) -> ResetOrderView:
    answer = await resets.order(org.ledger, actor=org.ada.actor, key=key, subject=subject or org.bo.id, **options)
    return answer.item


async def _banked(org: SampleOrg, **options: Any) -> ResetView:
    await _order(org, banked=True, **options)
    return (await resets.list_resets(org.ledger, actor=org.bo.actor)).items[0]


async def _use_reset(org: SampleOrg, reset: ResetView, who: Person | None = None) -> Any:
    return await resets.use(org.ledger, actor=(who or org.bo).actor, reset_id=reset.id)


async def _refusal(act: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value


async def _balance(org: SampleOrg, who: Person | None = None) -> BalanceView:
    return await balances.balance(org.ledger, actor=(who or org.bo).actor)


async def _windows(org: SampleOrg, who: Person | None = None) -> list[tuple[str, str, datetime | None]]:
    return [(each.window, str(each.used), each.resets_at) for each in (await _balance(org, who)).allowance]


async def test_a_reset_takes_back_all_that_was_used_and_moves_no_window(org: SampleOrg) -> None:
    await _use(org, 80)
    org.clock.advance(timedelta(hours=1))
    before = await _windows(org)
    order = await _order(org)
    after = await _windows(org)
    notices = (await balances.status(org.ledger, actor=org.bo.actor)).notices

    assert [used for _, used, _ in before] == ["80", "80", "80"]
    assert after == [(window, "0", resets_at) for window, _, resets_at in before]
    assert (order.done, order.unchanged, order.finished_at) == (1, 0, org.clock())
    assert notices[-1].text == "Your allowance was reset. You can use all of it again."
    assert (await _balance(org)).spendable == Credits.of(100)
    assert (await verify(org.ledger)).clean


async def test_a_reset_that_would_change_nothing_is_refused(org: SampleOrg) -> None:
    untouched = await _refusal(_order(org))
    await _use(org, 10)
    await _order(org)
    again = await _refusal(_order(org, key="p"))

    assert untouched.code is again.code is Code.NOTHING_TO_RESET


async def test_a_reset_leaves_caps_and_lots_alone(org: SampleOrg) -> None:
    """S5: caps count what is taken from lots and pools; they are no allowance."""
    to = Recipient(member=org.bo.id)
    await grants.grant(org.ledger, actor=org.ada.actor, key="g", to=to, amount=Credits.of(50), source=Source.PURCHASE)
    await caps.set_cap(org.ledger, actor=org.ada.actor, subject=org.bo.id, period=Period.DAY, amount=Credits.of(30))
    await _use(org, 130)
    before = await _balance(org)
    await _order(org)
    after = await _balance(org)

    assert (before.spendable, before.available) == (Credits.of(0), Credits.of(20))
    assert (after.spendable, after.available) == (Credits.of(100), Credits.of(20))


async def test_only_windows_of_the_plan_in_force_count(org: SampleOrg) -> None:
    """Somebody without a plan has nothing to reset, whatever they used before."""
    await _use(org, 10)
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.id, plan_id=None)

    assert (await _refusal(_order(org))).code is Code.NOTHING_TO_RESET


async def test_a_hold_that_was_open_at_the_reset_gives_nothing_back_twice(org: SampleOrg) -> None:
    """Its reservation is taken back by the reset; what it does not use comes from no later use."""
    bo = org.bo.actor
    estimate, actual = (Rating(Credits.of(each), "card", is_fallback=False) for each in (60, 20))
    hold = await org.ledger.execute(
        Authorize(bo.org_id, bo.member_id, "h", bo.member_id, Usage("opus", 9), estimate, timedelta(minutes=5))
    )
    await _order(org)
    org.clock.advance(timedelta(minutes=1))
    await _use(org, 50)
    await org.ledger.execute(
        Capture(bo.org_id, bo.member_id, hold.first_id, Usage("opus", 3), actual, for_anybody=False)
    )

    assert [used for _, used, _ in await _windows(org)] == ["50", "50", "50"]
    assert (await verify(org.ledger)).clean


async def test_a_banked_reset_is_used_once_when_its_owner_wants_it(org: SampleOrg) -> None:
    reset = await _banked(org, expires_at=org.clock() + 10 * DAY)
    await _use(org, 100)
    answer = await _use_reset(org, reset)
    again = await _use_reset(org, reset)
    await _use(org, 40, key="f")
    third = await _use_reset(org, reset)

    assert (reset.state, reset.expires_at) == (ResetState.BANKED, org.clock() + 10 * DAY)
    assert (answer.item.state, answer.item.used_at, answer.replayed) == (ResetState.USED, org.clock(), False)
    assert (again.replayed, third.replayed) == (True, True)
    assert [used for _, used, _ in await _windows(org)] == ["40", "40", "40"]
    assert (await verify(org.ledger)).clean


async def test_a_banked_reset_that_would_change_nothing_is_kept(org: SampleOrg) -> None:
    """S8."""
    reset = await _banked(org)
    refused = await _refusal(_use_reset(org, reset))
    await _use(org, 1)

    assert refused.code is Code.NOTHING_TO_RESET
    assert (await _use_reset(org, reset)).item.state is ResetState.USED


async def test_a_banked_reset_cannot_be_used_once_it_has_expired(org: SampleOrg) -> None:
    reset = await _banked(org, expires_at=org.clock() + DAY)
    org.clock.advance(DAY)
    await _use(org, 10)
    refused = await _refusal(_use_reset(org, reset))
    (shown,) = (await resets.list_resets(org.ledger, actor=org.bo.actor)).items

    assert (refused.code, refused.fields["state"]) == (Code.RESET_NOT_BANKED, "expired")
    assert shown.state is ResetState.EXPIRED


async def test_a_reset_is_its_owners_alone(org: SampleOrg) -> None:
    """Never giftable: nobody else uses it, neither a lead nor an admin, and nothing gives it away."""
    reset = await _banked(org)
    await _use(org, 10, org.al)
    codes = [(await _refusal(_use_reset(org, reset, person))).code for person in (org.al, org.ada, org.stranger)]

    assert codes == [Code.NOT_FOUND] * 3


async def test_two_uses_at_once_reset_once(org: SampleOrg) -> None:
    await _order(org, banked=True, key="a")
    await _order(org, banked=True, key="b")
    first, second = (await resets.list_resets(org.ledger, actor=org.bo.actor)).items
    await _use(org, 100)
    outcomes = await asyncio.gather(
        *(_use_reset(org, reset) for reset in (first, second, first, second)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]

    assert {each.code for each in refused} == {Code.NOTHING_TO_RESET}
    assert (await _balance(org)).resets_banked.count == 1
    assert (await verify(org.ledger)).clean


async def test_a_frozen_wallet_uses_no_reset(org: SampleOrg) -> None:
    reset = await _banked(org)
    await _use(org, 10)
    await freezes.freeze(org.ledger, actor=org.ada.actor, member_id=org.bo.id)

    assert (await _refusal(_use_reset(org, reset))).code is Code.ACCOUNT_FROZEN


async def test_how_many_are_banked_and_until_when_stands_in_the_balance(org: SampleOrg) -> None:
    nothing = (await _balance(org)).resets_banked
    await _order(org, banked=True, key="late", expires_at=org.clock() + 9 * DAY)
    await _order(org, banked=True, key="soon", expires_at=org.clock() + 2 * DAY)
    two = await _balance(org)
    org.clock.advance(2 * DAY)
    one = (await _balance(org)).resets_banked

    assert (nothing.count, nothing.expires_at) == (0, None)
    assert (two.resets_banked.count, two.resets_banked.expires_at) == (2, org.clock())
    assert two.valid_until is not None
    assert two.valid_until <= org.clock()
    assert (one.count, one.expires_at) == (1, org.clock() + 7 * DAY)


async def test_people_are_warned_once_before_a_banked_reset_expires(org: SampleOrg) -> None:
    await _banked(org, expires_at=org.clock() + 20 * DAY)
    early = await resets.warn(org.ledger)
    org.clock.advance(17 * DAY - timedelta(microseconds=1))
    still_early = await resets.warn(org.ledger)
    org.clock.advance(timedelta(microseconds=1))
    swept = await asyncio.gather(*(resets.warn(org.ledger) for _ in range(3)))
    texts = [notice.text for notice in (await balances.status(org.ledger, actor=org.bo.actor)).notices]

    assert (early.done, still_early.done, sum(each.done for each in swept)) == (0, 0, 1)
    assert texts == [
        "You have a banked reset of your allowance. Use it any time before 10 Dec, 12:00 UTC.",
        "Your banked reset expires on 10 Dec, 12:00 UTC.",
    ]


async def test_one_that_lasts_a_day_is_warned_of_in_its_last_quarter(org: SampleOrg) -> None:
    await _banked(org, expires_at=org.clock() + DAY)
    early = await resets.warn(org.ledger)
    org.clock.advance(timedelta(hours=18))

    assert (early.done, (await resets.warn(org.ledger)).done) == (0, 1)


async def test_a_used_reset_and_that_of_a_leaver_are_not_warned_of(org: SampleOrg) -> None:
    reset = await _banked(org, expires_at=org.clock() + 4 * DAY)
    await _use(org, 1)
    await _use_reset(org, reset)
    await _order(org, org.al.id, key="al", banked=True, expires_at=org.clock() + 4 * DAY)
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.al.id)
    org.clock.advance(3 * DAY)

    assert (await resets.warn(org.ledger)).done == 0


async def test_everybody_is_reset_member_by_member_and_counted(org: SampleOrg) -> None:
    await _use(org, 10, org.al)
    await _use(org, 20, org.bo, key="f")
    ordered = await _order(org, org.id, reason="the outage")
    swept = await resets.run_orders(org.ledger)
    again = await resets.run_orders(org.ledger)
    order = await resets.get_order(org.ledger, actor=org.ada.actor, order_id=ordered.id)

    assert (ordered.done, ordered.finished_at) == (0, None)
    assert (swept.done, swept.left, again.done) == (2, 0, 0)
    assert (order.done, order.unchanged, order.finished_at) == (2, 1, org.clock())
    assert [used for _, used, _ in await _windows(org, org.al)] == ["0", "0", "0"]
    assert (await verify(org.ledger)).clean


async def test_a_team_gets_resets_to_bank_and_nobody_else_does(org: SampleOrg) -> None:
    ordered = await _order(org, org.team, banked=True)
    await resets.run_orders(org.ledger)
    order = await resets.get_order(org.ledger, actor=org.ada.actor, order_id=ordered.id)
    counts = [(await _balance(org, person)).resets_banked.count for person in (org.al, org.bo, org.ada)]

    assert (order.done, order.expires_at) == (2, org.clock() + 30 * DAY)
    assert counts == [1, 1, 0]


async def test_an_order_goes_on_where_it_was_stopped_and_two_at_once_count_each_once(
    org: SampleOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of two of 13 people: after each stop the next sweep goes on, and nobody gets a second reset."""
    for number in range(10):
        await members.add_member(org.ledger, actor=org.ada.actor, name=f"M{number}")
    monkeypatch.setattr(service, "PAGE", 2)
    monkeypatch.setattr(service, "MAX_PAGES", 1)
    ordered = await _order(org, org.id, banked=True)
    finished = []
    for _ in range(9):
        await asyncio.gather(*(resets.run_orders(org.ledger) for _ in range(3)))
        order = await resets.get_order(org.ledger, actor=org.ada.actor, order_id=ordered.id)
        finished.append(order.finished_at is not None)
    found = await resets.list_resets(org.ledger, actor=org.bo.actor)

    assert not finished[0]
    assert finished[-1]
    assert (order.done, order.unchanged) == (13, 0)
    assert len(found.items) == 1


async def test_the_same_key_orders_once_and_other_content_is_a_conflict(org: SampleOrg) -> None:
    """L6."""
    await _use(org, 10)
    first, again = await _order(org), await _order(org)
    other = await _refusal(_order(org, banked=True))

    assert first == again
    assert other.code is Code.IDEMPOTENCY_CONFLICT


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_an_expiry_in_the_past_or_far_away_is_refused(org: SampleOrg, days: int) -> None:
    refused = await _refusal(_order(org, banked=True, expires_at=org.clock() + days * DAY))

    assert (refused.code, refused.fields["field"]) == (Code.INVALID_REQUEST, "expires_at")


async def test_an_expiry_without_a_bank_and_people_who_are_not_here_are_refused(org: SampleOrg) -> None:
    expiry = await _refusal(_order(org, expires_at=org.clock() + DAY))
    stranger = await _refusal(_order(org, org.stranger.id))
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.bo.id)
    leaver = await _refusal(_order(org, banked=True))

    assert [each.code for each in (expiry, stranger, leaver)] == [
        Code.INVALID_REQUEST,
        Code.NOT_FOUND,
        Code.UNKNOWN_MEMBER,
    ]


async def test_only_an_admin_orders_and_only_leads_look_at_others(org: SampleOrg) -> None:
    await _banked(org)
    codes = [
        (await _refusal(resets.order(org.ledger, actor=org.al.actor, key="k", subject=org.bo.id))).code,
        (await _refusal(resets.list_orders(org.ledger, actor=org.al.actor))).code,
        (await _refusal(resets.list_resets(org.ledger, actor=org.bo.actor, member_id=org.al.id))).code,
    ]
    seen = await resets.list_resets(org.ledger, actor=org.al.actor, member_id=org.bo.id)

    assert codes == [Code.NOT_ALLOWED] * 3
    assert len(seen.items) == 1
