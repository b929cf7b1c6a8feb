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
from core.services import balances, caps, freezes, grants, members, plans, resets
from core.services import resets as service
from core.services.commands.charging import Charge
from core.services.commands.holding import Authorize, Capture
from core.services.gifts import Recipient
from core.services.resets import ResetOrderView, ResetView
from core.services.verify import verify
from core.services.views import Balance
from tests.support.house import House, Person, furnish, open_house_ledger

DAY = timedelta(days=1)


@pytest.fixture
async def house(database_url: str) -> Any:
    """A house in which everybody has a plan of 100 cr in 5 hours, 300 a week and 1,000 a month."""
    with open_house_ledger(database_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        plan = await plans.create_plan(
            ledger,
            actor=house.ada.actor,
            name="Pro",
            five_hours=Credits.of(100),
            weekly=Credits.of(300),
            monthly=Credits.of(1000),
        )
        await plans.give_plan(ledger, actor=house.ada.actor, subject=house.org, plan_id=plan.id)
        yield house


async def _use(house: House, amount: int, who: Person | None = None, key: str = "e") -> None:
    actor, rating = (who or house.bo).actor, Rating(Credits.of(amount), "card", is_fallback=False)
    charge = Charge(actor.org_id, actor.member_id, "gateway", key, "x", Usage("opus", 1), rating)
    await house.ledger.execute(charge)


async def _order(house: House, subject: str | None = None, *, key: str = "o", **options: Any) -> ResetOrderView:
    answer = await resets.order(house.ledger, actor=house.ada.actor, key=key, subject=subject or house.bo.id, **options)
    return answer.item


async def _banked(house: House, **options: Any) -> ResetView:
    await _order(house, banked=True, **options)
    return (await resets.list_resets(house.ledger, actor=house.bo.actor)).items[0]


async def _use_reset(house: House, reset: ResetView, who: Person | None = None) -> Any:
    return await resets.use(house.ledger, actor=(who or house.bo).actor, reset_id=reset.id)


async def _refusal(act: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value


async def _balance(house: House, who: Person | None = None) -> Balance:
    return await balances.balance(house.ledger, actor=(who or house.bo).actor)


async def _windows(house: House, who: Person | None = None) -> list[tuple[str, str, datetime | None]]:
    return [(each.window, str(each.used), each.resets_at) for each in (await _balance(house, who)).allowance]


async def test_a_reset_takes_back_all_that_was_used_and_moves_no_window(house: House) -> None:
    await _use(house, 80)
    house.clock.advance(timedelta(hours=1))
    before = await _windows(house)
    order = await _order(house)
    after = await _windows(house)
    notices = (await balances.status(house.ledger, actor=house.bo.actor)).notices

    assert [used for _, used, _ in before] == ["80", "80", "80"]
    assert after == [(window, "0", resets_at) for window, _, resets_at in before]
    assert (order.done, order.unchanged, order.finished_at) == (1, 0, house.clock())
    assert notices[-1].text == "Your allowance was reset: all of it can be used again."
    assert (await _balance(house)).spendable == Credits.of(100)
    assert (await verify(house.ledger)).clean


async def test_a_reset_that_would_change_nothing_is_refused(house: House) -> None:
    untouched = await _refusal(_order(house))
    await _use(house, 10)
    await _order(house)
    again = await _refusal(_order(house, key="p"))

    assert untouched.code is again.code is Code.NOTHING_TO_RESET


async def test_a_reset_leaves_caps_and_lots_alone(house: House) -> None:
    """S5: caps count what is taken from lots and pools; they are no allowance."""
    to = Recipient(member=house.bo.id)
    await grants.grant(
        house.ledger, actor=house.ada.actor, key="g", to=to, amount=Credits.of(50), source=Source.PURCHASE
    )
    await caps.set_cap(
        house.ledger, actor=house.ada.actor, subject=house.bo.id, period=Period.DAY, amount=Credits.of(30)
    )
    await _use(house, 130)
    before = await _balance(house)
    await _order(house)
    after = await _balance(house)

    assert (before.spendable, before.available) == (Credits.of(0), Credits.of(20))
    assert (after.spendable, after.available) == (Credits.of(100), Credits.of(20))


async def test_only_windows_of_the_plan_in_force_count(house: House) -> None:
    """Somebody without a plan has nothing to reset, whatever they used before."""
    await _use(house, 10)
    await plans.give_plan(house.ledger, actor=house.ada.actor, subject=house.org, plan_id=None)

    assert (await _refusal(_order(house))).code is Code.NOTHING_TO_RESET


async def test_a_hold_that_was_open_at_the_reset_gives_nothing_back_twice(house: House) -> None:
    """Its reservation is taken back by the reset; what it does not use comes from no later use."""
    bo = house.bo.actor
    estimate, actual = (Rating(Credits.of(each), "card", is_fallback=False) for each in (60, 20))
    hold = await house.ledger.execute(
        Authorize(bo.org_id, bo.member_id, "h", bo.member_id, Usage("opus", 9), estimate, timedelta(minutes=5))
    )
    await _order(house)
    house.clock.advance(timedelta(minutes=1))
    await _use(house, 50)
    await house.ledger.execute(
        Capture(bo.org_id, bo.member_id, hold.first_id, Usage("opus", 3), actual, for_anybody=False)
    )

    assert [used for _, used, _ in await _windows(house)] == ["50", "50", "50"]
    assert (await verify(house.ledger)).clean


async def test_a_banked_reset_is_used_once_when_its_owner_wants_it(house: House) -> None:
    reset = await _banked(house, expires_at=house.clock() + 10 * DAY)
    await _use(house, 100)
    answer = await _use_reset(house, reset)
    again = await _use_reset(house, reset)
    await _use(house, 40, key="f")
    third = await _use_reset(house, reset)

    assert (reset.state, reset.expires_at) == (ResetState.BANKED, house.clock() + 10 * DAY)
    assert (answer.item.state, answer.item.used_at, answer.replayed) == (ResetState.USED, house.clock(), False)
    assert (again.replayed, third.replayed) == (True, True)
    assert [used for _, used, _ in await _windows(house)] == ["40", "40", "40"]
    assert (await verify(house.ledger)).clean


async def test_a_banked_reset_that_would_change_nothing_is_kept(house: House) -> None:
    """S8."""
    reset = await _banked(house)
    refused = await _refusal(_use_reset(house, reset))
    await _use(house, 1)

    assert refused.code is Code.NOTHING_TO_RESET
    assert (await _use_reset(house, reset)).item.state is ResetState.USED


async def test_a_banked_reset_cannot_be_used_once_it_has_expired(house: House) -> None:
    reset = await _banked(house, expires_at=house.clock() + DAY)
    house.clock.advance(DAY)
    await _use(house, 10)
    refused = await _refusal(_use_reset(house, reset))
    (shown,) = (await resets.list_resets(house.ledger, actor=house.bo.actor)).items

    assert (refused.code, refused.fields["state"]) == (Code.RESET_NOT_BANKED, "expired")
    assert shown.state is ResetState.EXPIRED


async def test_a_reset_is_its_owners_alone(house: House) -> None:
    """Never giftable: nobody else uses it, neither a lead nor an admin, and nothing gives it away."""
    reset = await _banked(house)
    await _use(house, 10, house.al)
    codes = [
        (await _refusal(_use_reset(house, reset, person))).code for person in (house.al, house.ada, house.stranger)
    ]

    assert codes == [Code.NOT_FOUND] * 3


async def test_two_uses_at_once_reset_once(house: House) -> None:
    await _order(house, banked=True, key="a")
    await _order(house, banked=True, key="b")
    first, second = (await resets.list_resets(house.ledger, actor=house.bo.actor)).items
    await _use(house, 100)
    outcomes = await asyncio.gather(
        *(_use_reset(house, reset) for reset in (first, second, first, second)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]

    assert {each.code for each in refused} == {Code.NOTHING_TO_RESET}
    assert (await _balance(house)).resets_banked.count == 1
    assert (await verify(house.ledger)).clean


async def test_a_frozen_wallet_uses_no_reset(house: House) -> None:
    reset = await _banked(house)
    await _use(house, 10)
    await freezes.freeze(house.ledger, actor=house.ada.actor, member_id=house.bo.id)

    assert (await _refusal(_use_reset(house, reset))).code is Code.ACCOUNT_FROZEN


async def test_how_many_are_banked_and_until_when_stands_in_the_balance(house: House) -> None:
    nothing = (await _balance(house)).resets_banked
    await _order(house, banked=True, key="late", expires_at=house.clock() + 9 * DAY)
    await _order(house, banked=True, key="soon", expires_at=house.clock() + 2 * DAY)
    two = await _balance(house)
    house.clock.advance(2 * DAY)
    one = (await _balance(house)).resets_banked

    assert (nothing.count, nothing.expires_at) == (0, None)
    assert (two.resets_banked.count, two.resets_banked.expires_at) == (2, house.clock())
    assert two.valid_until is not None
    assert two.valid_until <= house.clock()
    assert (one.count, one.expires_at) == (1, house.clock() + 7 * DAY)


async def test_people_are_warned_once_before_a_banked_reset_expires(house: House) -> None:
    await _banked(house, expires_at=house.clock() + 20 * DAY)
    early = await resets.warn(house.ledger)
    house.clock.advance(17 * DAY - timedelta(microseconds=1))
    still_early = await resets.warn(house.ledger)
    house.clock.advance(timedelta(microseconds=1))
    swept = await asyncio.gather(*(resets.warn(house.ledger) for _ in range(3)))
    texts = [notice.text for notice in (await balances.status(house.ledger, actor=house.bo.actor)).notices]

    assert (early.done, still_early.done, sum(each.done for each in swept)) == (0, 0, 1)
    assert texts == [
        "You have a reset of your allowance to use when you want, until 10 Dec, 12:00 UTC.",
        "A reset of your allowance that you have not used expires on 10 Dec, 12:00 UTC.",
    ]


async def test_one_that_lasts_a_day_is_warned_of_in_its_last_quarter(house: House) -> None:
    await _banked(house, expires_at=house.clock() + DAY)
    early = await resets.warn(house.ledger)
    house.clock.advance(timedelta(hours=18))

    assert (early.done, (await resets.warn(house.ledger)).done) == (0, 1)


async def test_a_used_reset_and_that_of_a_leaver_are_not_warned_of(house: House) -> None:
    reset = await _banked(house, expires_at=house.clock() + 4 * DAY)
    await _use(house, 1)
    await _use_reset(house, reset)
    await _order(house, house.al.id, key="al", banked=True, expires_at=house.clock() + 4 * DAY)
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=house.al.id)
    house.clock.advance(3 * DAY)

    assert (await resets.warn(house.ledger)).done == 0


async def test_everybody_is_reset_member_by_member_and_counted(house: House) -> None:
    await _use(house, 10, house.al)
    await _use(house, 20, house.bo, key="f")
    ordered = await _order(house, house.org, reason="the outage")
    swept = await resets.run_orders(house.ledger)
    again = await resets.run_orders(house.ledger)
    order = await resets.get_order(house.ledger, actor=house.ada.actor, order_id=ordered.id)

    assert (ordered.done, ordered.finished_at) == (0, None)
    assert (swept.done, swept.left, again.done) == (2, 0, 0)
    assert (order.done, order.unchanged, order.finished_at) == (2, 1, house.clock())
    assert [used for _, used, _ in await _windows(house, house.al)] == ["0", "0", "0"]
    assert (await verify(house.ledger)).clean


async def test_a_team_gets_resets_to_bank_and_nobody_else_does(house: House) -> None:
    ordered = await _order(house, house.team, banked=True)
    await resets.run_orders(house.ledger)
    order = await resets.get_order(house.ledger, actor=house.ada.actor, order_id=ordered.id)
    counts = [(await _balance(house, person)).resets_banked.count for person in (house.al, house.bo, house.ada)]

    assert (order.done, order.expires_at) == (2, house.clock() + 30 * DAY)
    assert counts == [1, 1, 0]


async def test_an_order_goes_on_where_it_was_stopped_and_two_at_once_count_each_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of two of 13 people: after each stop the next sweep goes on, and nobody gets a second reset."""
    for number in range(10):
        await members.add_member(house.ledger, actor=house.ada.actor, name=f"M{number}")
    monkeypatch.setattr(service, "PAGE", 2)
    monkeypatch.setattr(service, "MAX_PAGES", 1)
    ordered = await _order(house, house.org, banked=True)
    finished = []
    for _ in range(9):
        await asyncio.gather(*(resets.run_orders(house.ledger) for _ in range(3)))
        order = await resets.get_order(house.ledger, actor=house.ada.actor, order_id=ordered.id)
        finished.append(order.finished_at is not None)
    found = await resets.list_resets(house.ledger, actor=house.bo.actor)

    assert not finished[0]
    assert finished[-1]
    assert (order.done, order.unchanged) == (13, 0)
    assert len(found.items) == 1


async def test_the_same_key_orders_once_and_other_content_is_a_conflict(house: House) -> None:
    """L6."""
    await _use(house, 10)
    first, again = await _order(house), await _order(house)
    other = await _refusal(_order(house, banked=True))

    assert first == again
    assert other.code is Code.IDEMPOTENCY_CONFLICT


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_an_expiry_in_the_past_or_far_away_is_refused(house: House, days: int) -> None:
    refused = await _refusal(_order(house, banked=True, expires_at=house.clock() + days * DAY))

    assert (refused.code, refused.fields["field"]) == (Code.INVALID_REQUEST, "expires_at")


async def test_an_expiry_without_a_bank_and_people_who_are_not_here_are_refused(house: House) -> None:
    expiry = await _refusal(_order(house, expires_at=house.clock() + DAY))
    stranger = await _refusal(_order(house, house.stranger.id))
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=house.bo.id)
    leaver = await _refusal(_order(house, banked=True))

    assert [each.code for each in (expiry, stranger, leaver)] == [
        Code.INVALID_REQUEST,
        Code.NOT_FOUND,
        Code.UNKNOWN_MEMBER,
    ]


async def test_only_an_admin_orders_and_only_leads_look_at_others(house: House) -> None:
    await _banked(house)
    codes = [
        (await _refusal(resets.order(house.ledger, actor=house.al.actor, key="k", subject=house.bo.id))).code,
        (await _refusal(resets.list_orders(house.ledger, actor=house.al.actor))).code,
        (await _refusal(resets.list_resets(house.ledger, actor=house.bo.actor, member_id=house.al.id))).code,
    ]
    seen = await resets.list_resets(house.ledger, actor=house.al.actor, member_id=house.bo.id)

    assert codes == [Code.NOT_ALLOWED] * 3
    assert len(seen.items) == 1
