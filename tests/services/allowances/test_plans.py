"""Plans are given and taken away; windows stay where they are (S6)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.metering.usage import Usage
from core.services.allowances import plans
from core.services.allowances.plans import MAX_PLANS, PlanAssignmentView, PlanView
from core.services.common.views import AllowanceView
from core.services.usage import charges, ratecards
from core.services.wallet import balances
from core.services.wallet.verify import verify
from tests.support.sample_org import Person, SampleOrg

MODEL = "claude-opus-4-5-20251101"  # 125 credits per million tokens read
ONE_CREDIT = 8_000  # tokens


async def a_plan(org: SampleOrg, name: str = "Pro", **windows: int) -> PlanView:
    limits = {window: Credits.of(amount) for window, amount in windows.items()} or {"weekly": Credits.of(100)}
    return await plans.create_plan(org.ledger, actor=org.ada.actor, name=name, **limits)


async def give(
    org: SampleOrg, subject: str, plan: PlanView | None, *, anchor_at: datetime | None = None
) -> PlanAssignmentView:
    number = None if plan is None else plan.id
    return await plans.give_plan(org.ledger, actor=org.ada.actor, subject=subject, plan_id=number, anchor_at=anchor_at)


async def use(org: SampleOrg, person: Person, key: str, credits_: int) -> None:
    card = await ratecards.card_at(org.ledger, org_id=person.actor.org_id, at=org.clock())
    await charges.charge(
        org.ledger,
        org_id=person.actor.org_id,
        member_id=person.actor.member_id,
        source="test",
        event_id=key,
        subject=person.id,
        usage=Usage(MODEL, ONE_CREDIT * credits_),
        card=card,
    )


async def windows(org: SampleOrg, person: Person) -> dict[str, AllowanceView]:
    balance = await balances.balance(org.ledger, actor=person.actor)
    return {window.window: window for window in balance.allowance}


async def spendable(org: SampleOrg, person: Person) -> Credits:
    return (await balances.balance(org.ledger, actor=person.actor)).spendable


async def test_everybodys_plan_counts_until_one_gets_an_own_and_again_when_that_is_taken_away(
    either_org: SampleOrg,
) -> None:
    org = either_org
    basic, pro = await a_plan(org, "Basic", weekly=10), await a_plan(org, "Pro", weekly=100)
    await give(org, org.id, basic)
    both = [await spendable(org, person) for person in (org.al, org.bo)]
    own = await give(org, org.bo.id, pro)
    richer = await spendable(org, org.bo)
    back = await give(org, org.bo.id, None)

    assert both == [Credits.of(10)] * 2
    assert (own.plan, own.is_own, richer) == (pro, True, Credits.of(100))
    assert (back.plan, back.is_own) == (basic, False)
    assert await spendable(org, org.bo) == Credits.of(10)

    nobodys = await give(org, org.id, None)
    assert nobodys.plan is None
    assert [await spendable(org, person) for person in (org.al, org.bo)] == [Credits.of(0)] * 2


async def test_a_change_of_plan_moves_no_window_and_forgets_no_use(either_org: SampleOrg) -> None:
    org = either_org
    small, large = (
        await a_plan(org, "S", five_hours=10, weekly=20),
        await a_plan(org, "L", five_hours=50, weekly=80),
    )
    await give(org, org.al.id, small)
    org.clock.advance(timedelta(days=2))
    await use(org, org.al, "u", 4)
    before = await windows(org, org.al)
    org.clock.advance(timedelta(hours=1))
    await give(org, org.al.id, large)
    after = await windows(org, org.al)

    for name, limit in (("5h", 50), ("weekly", 80)):
        assert after[name].resets_at == before[name].resets_at
        assert (after[name].used, after[name].limit) == (Credits.of(4), Credits.of(limit))


async def test_weeks_follow_the_start_that_was_given_also_through_the_next_plan(org: SampleOrg) -> None:
    monday = org.clock().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=org.clock().weekday())
    await give(org, org.al.id, await a_plan(org, "S", weekly=10), anchor_at=monday)
    first = (await windows(org, org.al))["weekly"].resets_at
    await give(org, org.al.id, await a_plan(org, "L", weekly=20))

    assert first == monday + timedelta(days=7)
    assert (await windows(org, org.al))["weekly"].resets_at == first


async def test_a_clock_that_was_set_back_brings_no_old_plan_to_life(org: SampleOrg) -> None:
    small, large = await a_plan(org, "S", weekly=10), await a_plan(org, "L", weekly=20)
    await give(org, org.al.id, small)
    org.clock.advance(timedelta(hours=-1))
    await give(org, org.al.id, large)
    org.clock.advance(timedelta(hours=2))

    assert await spendable(org, org.al) == Credits.of(20)


async def test_a_plan_of_nothing_shuts_somebody_out_of_everybodys(org: SampleOrg) -> None:
    await give(org, org.id, await a_plan(org, "Basic", weekly=10))
    nothing = await plans.create_plan(org.ledger, actor=org.ada.actor, name="None", weekly=Credits.of(0))
    await give(org, org.bo.id, nothing)

    assert await spendable(org, org.bo) == Credits.of(0)
    assert await spendable(org, org.al) == Credits.of(10)


@pytest.mark.parametrize(
    ("windows_given", "field"),
    [({}, "five_hours"), ({"weekly": Credits.parse("1000000001")}, "weekly")],
)
async def test_a_plan_without_a_window_or_beyond_all_bounds_is_refused(
    org: SampleOrg, windows_given: dict[str, Credits], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        await plans.create_plan(org.ledger, actor=org.ada.actor, name="Pro", **windows_given)

    assert refused.value.code is Code.INVALID_REQUEST
    assert [each["field"] for each in _errors(refused.value)] == [field]


async def test_only_so_many_plans_fit_and_one_that_nobody_has_makes_room(org: SampleOrg) -> None:
    made = [await a_plan(org, f"P{number}") for number in range(MAX_PLANS)]
    with pytest.raises(Refused, match="remove one that nobody has"):
        await a_plan(org, "one more")
    await give(org, org.bo.id, made[0])
    with pytest.raises(Refused, match="Somebody has the plan 'P0'") as kept:
        await plans.remove_plan(org.ledger, actor=org.ada.actor, plan_id=made[0].id)
    await plans.remove_plan(org.ledger, actor=org.ada.actor, plan_id=made[1].id)

    assert kept.value.code is Code.PLAN_IN_USE
    assert (await a_plan(org, "one more")).name == "one more"


async def test_a_plan_is_removed_or_given_but_never_both_at_once(either_org: SampleOrg) -> None:
    org = either_org
    plan = await a_plan(org)
    outcomes = await asyncio.gather(
        give(org, org.bo.id, plan),
        plans.remove_plan(org.ledger, actor=org.ada.actor, plan_id=plan.id),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 1
    seat = await plans.assignment(org.ledger, actor=org.bo.actor, subject=org.bo.id)
    assert (seat.plan is None) == isinstance(outcomes[0], Refused)


async def test_only_an_admin_changes_plans_leads_see_them_and_everybody_sees_their_own(org: SampleOrg) -> None:
    plan = await a_plan(org)
    await give(org, org.bo.id, plan)
    for act in (
        plans.create_plan(org.ledger, actor=org.al.actor, name="Mine", weekly=Credits.of(1)),
        plans.give_plan(org.ledger, actor=org.al.actor, subject=org.al.id, plan_id=plan.id),
        plans.remove_plan(org.ledger, actor=org.al.actor, plan_id=plan.id),
        plans.list_plans(org.ledger, actor=org.bo.actor),
        plans.list_assignments(org.ledger, actor=org.al.actor),
        plans.assignment(org.ledger, actor=org.bo.actor, subject=org.al.id),
    ):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.code is Code.NOT_ALLOWED

    assert (await plans.list_plans(org.ledger, actor=org.al.actor)).items == (plan,)
    for person in (org.bo, org.al):
        assert (await plans.assignment(org.ledger, actor=person.actor, subject=org.bo.id)).plan == plan


async def test_what_is_elsewhere_or_nowhere_is_not_found(org: SampleOrg) -> None:
    plan = await a_plan(org)
    for subject, plan_id in (
        (org.stranger.id, plan.id),
        (org.strange_org, plan.id),
        (org.team, plan.id),
        ("mem_zz", plan.id),
        (org.bo.id, "plan_1"),
        (org.bo.id, "nonsense"),
    ):
        with pytest.raises(Refused) as refused:
            await plans.give_plan(org.ledger, actor=org.ada.actor, subject=subject, plan_id=plan_id)
        assert refused.value.code is Code.NOT_FOUND


async def test_a_start_more_than_a_year_away_is_refused(org: SampleOrg) -> None:
    plan = await a_plan(org)
    with pytest.raises(Refused, match="within 366 days"):
        await give(org, org.bo.id, plan, anchor_at=org.clock() - timedelta(days=367))


async def test_months_that_begin_at_one_instant_and_end_at_two_are_counted_apart(either_org: SampleOrg) -> None:
    """In February those of day 28 and of day 31 do; whoever comes from one to the other keeps the books whole (S6)."""
    org = either_org
    plan = await a_plan(org, monthly=10)
    await give(org, org.id, plan, anchor_at=datetime(2026, 10, 31, tzinfo=UTC))
    await give(org, org.bo.id, plan, anchor_at=datetime(2026, 10, 28, tzinfo=UTC))
    org.clock.now = datetime(2027, 3, 1, tzinfo=UTC)
    await use(org, org.bo, "until the 28th of March", 4)
    org.clock.now = datetime(2027, 3, 29, tzinfo=UTC)
    await give(org, org.bo.id, None)
    await use(org, org.bo, "until the 31st of March", 3)
    later = (await windows(org, org.bo))["monthly"]
    org.clock.now = datetime(2027, 3, 27, tzinfo=UTC)
    earlier = (await windows(org, org.bo))["monthly"]

    assert (earlier.used, earlier.resets_at) == (Credits.of(4), datetime(2027, 3, 28, tzinfo=UTC))
    assert (later.used, later.resets_at) == (Credits.of(3), datetime(2027, 3, 31, tzinfo=UTC))
    assert (await verify(org.ledger)).clean


async def test_who_was_given_a_plan_is_listed_in_pages(org: SampleOrg) -> None:
    plan = await a_plan(org)
    for subject in (org.id, org.al.id, org.bo.id, org.bo.id):
        await give(org, subject, plan)
    first = await plans.list_assignments(org.ledger, actor=org.ada.actor, limit=2)
    rest = await plans.list_assignments(org.ledger, actor=org.ada.actor, limit=2, cursor=first.next_cursor)

    assert [seat.name for seat in (*first.items, *rest.items)] == ["Acme", "Al", "Bo"]
    assert rest.next_cursor is None


def _errors(refused: Refused) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", refused.fields["errors"])
