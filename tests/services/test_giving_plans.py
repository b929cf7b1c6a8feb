"""Plans are given and taken away; windows stay where they are (S6)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.metering.usage import Usage
from core.services import balances, plans, ratecards
from core.services.plans import MAX_PLANS, PlanView, SeatView
from core.services.usage import charging
from core.services.verify import verify
from core.services.views import AllowanceView
from tests.support.house import House, Person

MODEL = "claude-opus-4-5-20251101"  # 125 credits per million tokens read
ONE_CREDIT = 8_000  # tokens


async def a_plan(house: House, name: str = "Pro", **windows: int) -> PlanView:
    limits = {window: Credits.of(amount) for window, amount in windows.items()} or {"weekly": Credits.of(100)}
    return await plans.create_plan(house.ledger, actor=house.ada.actor, name=name, **limits)


async def give(house: House, subject: str, plan: PlanView | None, *, anchor_at: datetime | None = None) -> SeatView:
    number = None if plan is None else plan.id
    return await plans.give_plan(
        house.ledger, actor=house.ada.actor, subject=subject, plan_id=number, anchor_at=anchor_at
    )


async def use(house: House, person: Person, key: str, credits_: int) -> None:
    card = await ratecards.card_at(house.ledger, org_id=person.actor.org_id, at=house.clock())
    await charging.charge(
        house.ledger,
        org_id=person.actor.org_id,
        member_id=person.actor.member_id,
        source="test",
        event_id=key,
        subject=person.id,
        usage=Usage(MODEL, ONE_CREDIT * credits_),
        card=card,
    )


async def windows(house: House, person: Person) -> dict[str, AllowanceView]:
    balance = await balances.balance(house.ledger, actor=person.actor)
    return {window.window: window for window in balance.allowance}


async def spendable(house: House, person: Person) -> Credits:
    return (await balances.balance(house.ledger, actor=person.actor)).spendable


async def test_everybodys_plan_counts_until_one_gets_an_own_and_again_when_that_is_taken_away(
    either_house: House,
) -> None:
    house = either_house
    basic, pro = await a_plan(house, "Basic", weekly=10), await a_plan(house, "Pro", weekly=100)
    await give(house, house.org, basic)
    both = [await spendable(house, person) for person in (house.al, house.bo)]
    own = await give(house, house.bo.id, pro)
    richer = await spendable(house, house.bo)
    back = await give(house, house.bo.id, None)

    assert both == [Credits.of(10)] * 2
    assert (own.plan, own.is_own, richer) == (pro, True, Credits.of(100))
    assert (back.plan, back.is_own) == (basic, False)
    assert await spendable(house, house.bo) == Credits.of(10)

    nobodys = await give(house, house.org, None)
    assert nobodys.plan is None
    assert [await spendable(house, person) for person in (house.al, house.bo)] == [Credits.of(0)] * 2


async def test_a_change_of_plan_moves_no_window_and_forgets_no_use(either_house: House) -> None:
    house = either_house
    small, large = (
        await a_plan(house, "S", five_hours=10, weekly=20),
        await a_plan(house, "L", five_hours=50, weekly=80),
    )
    await give(house, house.al.id, small)
    house.clock.advance(timedelta(days=2))
    await use(house, house.al, "u", 4)
    before = await windows(house, house.al)
    house.clock.advance(timedelta(hours=1))
    await give(house, house.al.id, large)
    after = await windows(house, house.al)

    for name, limit in (("5h", 50), ("weekly", 80)):
        assert after[name].resets_at == before[name].resets_at
        assert (after[name].used, after[name].limit) == (Credits.of(4), Credits.of(limit))


async def test_weeks_follow_the_start_that_was_given_also_through_the_next_plan(house: House) -> None:
    monday = house.clock().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=house.clock().weekday())
    await give(house, house.al.id, await a_plan(house, "S", weekly=10), anchor_at=monday)
    first = (await windows(house, house.al))["weekly"].resets_at
    await give(house, house.al.id, await a_plan(house, "L", weekly=20))

    assert first == monday + timedelta(days=7)
    assert (await windows(house, house.al))["weekly"].resets_at == first


async def test_a_clock_that_was_set_back_brings_no_old_plan_to_life(house: House) -> None:
    small, large = await a_plan(house, "S", weekly=10), await a_plan(house, "L", weekly=20)
    await give(house, house.al.id, small)
    house.clock.advance(timedelta(hours=-1))
    await give(house, house.al.id, large)
    house.clock.advance(timedelta(hours=2))

    assert await spendable(house, house.al) == Credits.of(20)


async def test_a_plan_of_nothing_shuts_somebody_out_of_everybodys(house: House) -> None:
    await give(house, house.org, await a_plan(house, "Basic", weekly=10))
    nothing = await plans.create_plan(house.ledger, actor=house.ada.actor, name="None", weekly=Credits.of(0))
    await give(house, house.bo.id, nothing)

    assert await spendable(house, house.bo) == Credits.of(0)
    assert await spendable(house, house.al) == Credits.of(10)


@pytest.mark.parametrize(
    ("windows_given", "field"),
    [({}, "five_hours"), ({"weekly": Credits.parse("1000000001")}, "weekly")],
)
async def test_a_plan_without_a_window_or_beyond_all_bounds_is_refused(
    house: House, windows_given: dict[str, Credits], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        await plans.create_plan(house.ledger, actor=house.ada.actor, name="Pro", **windows_given)

    assert refused.value.code is Code.INVALID_REQUEST
    assert [each["field"] for each in _errors(refused.value)] == [field]


async def test_only_so_many_plans_fit_and_one_that_nobody_has_makes_room(house: House) -> None:
    made = [await a_plan(house, f"P{number}") for number in range(MAX_PLANS)]
    with pytest.raises(Refused, match="remove one that nobody has"):
        await a_plan(house, "one more")
    await give(house, house.bo.id, made[0])
    with pytest.raises(Refused, match="Somebody has the plan 'P0'") as kept:
        await plans.remove_plan(house.ledger, actor=house.ada.actor, plan_id=made[0].id)
    await plans.remove_plan(house.ledger, actor=house.ada.actor, plan_id=made[1].id)

    assert kept.value.code is Code.PLAN_IN_USE
    assert (await a_plan(house, "one more")).name == "one more"


async def test_a_plan_is_removed_or_given_but_never_both_at_once(either_house: House) -> None:
    house = either_house
    plan = await a_plan(house)
    outcomes = await asyncio.gather(
        give(house, house.bo.id, plan),
        plans.remove_plan(house.ledger, actor=house.ada.actor, plan_id=plan.id),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 1
    seat = await plans.seat(house.ledger, actor=house.bo.actor, subject=house.bo.id)
    assert (seat.plan is None) == isinstance(outcomes[0], Refused)


async def test_only_an_admin_changes_plans_leads_see_them_and_everybody_sees_their_own(house: House) -> None:
    plan = await a_plan(house)
    await give(house, house.bo.id, plan)
    for act in (
        plans.create_plan(house.ledger, actor=house.al.actor, name="Mine", weekly=Credits.of(1)),
        plans.give_plan(house.ledger, actor=house.al.actor, subject=house.al.id, plan_id=plan.id),
        plans.remove_plan(house.ledger, actor=house.al.actor, plan_id=plan.id),
        plans.list_plans(house.ledger, actor=house.bo.actor),
        plans.list_seats(house.ledger, actor=house.al.actor),
        plans.seat(house.ledger, actor=house.bo.actor, subject=house.al.id),
    ):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.code is Code.NOT_ALLOWED

    assert (await plans.list_plans(house.ledger, actor=house.al.actor)).items == (plan,)
    for person in (house.bo, house.al):
        assert (await plans.seat(house.ledger, actor=person.actor, subject=house.bo.id)).plan == plan


async def test_what_is_elsewhere_or_nowhere_is_not_found(house: House) -> None:
    plan = await a_plan(house)
    for subject, plan_id in (
        (house.stranger.id, plan.id),
        (house.strange_org, plan.id),
        (house.team, plan.id),
        ("mem_zz", plan.id),
        (house.bo.id, "plan_1"),
        (house.bo.id, "nonsense"),
    ):
        with pytest.raises(Refused) as refused:
            await plans.give_plan(house.ledger, actor=house.ada.actor, subject=subject, plan_id=plan_id)
        assert refused.value.code is Code.NOT_FOUND


async def test_a_start_more_than_a_year_away_is_refused(house: House) -> None:
    plan = await a_plan(house)
    with pytest.raises(Refused, match="within 366 days"):
        await give(house, house.bo.id, plan, anchor_at=house.clock() - timedelta(days=367))


async def test_months_that_begin_at_one_instant_and_end_at_two_are_counted_apart(either_house: House) -> None:
    """In February those of day 28 and of day 31 do; whoever comes from one to the other keeps the books whole (S6)."""
    house = either_house
    plan = await a_plan(house, monthly=10)
    await give(house, house.org, plan, anchor_at=datetime(2026, 10, 31, tzinfo=UTC))
    await give(house, house.bo.id, plan, anchor_at=datetime(2026, 10, 28, tzinfo=UTC))
    house.clock.now = datetime(2027, 3, 1, tzinfo=UTC)
    await use(house, house.bo, "until the 28th of March", 4)
    house.clock.now = datetime(2027, 3, 29, tzinfo=UTC)
    await give(house, house.bo.id, None)
    await use(house, house.bo, "until the 31st of March", 3)
    later = (await windows(house, house.bo))["monthly"]
    house.clock.now = datetime(2027, 3, 27, tzinfo=UTC)
    earlier = (await windows(house, house.bo))["monthly"]

    assert (earlier.used, earlier.resets_at) == (Credits.of(4), datetime(2027, 3, 28, tzinfo=UTC))
    assert (later.used, later.resets_at) == (Credits.of(3), datetime(2027, 3, 31, tzinfo=UTC))
    assert (await verify(house.ledger)).clean


async def test_who_was_given_a_plan_is_listed_in_pages(house: House) -> None:
    plan = await a_plan(house)
    for subject in (house.org, house.al.id, house.bo.id, house.bo.id):
        await give(house, subject, plan)
    first = await plans.list_seats(house.ledger, actor=house.ada.actor, limit=2)
    rest = await plans.list_seats(house.ledger, actor=house.ada.actor, limit=2, cursor=first.next_cursor)

    assert [seat.name for seat in (*first.items, *rest.items)] == ["Acme", "Al", "Bo"]
    assert rest.next_cursor is None


def _errors(refused: Refused) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", refused.fields["errors"])
