"""Caps are set, lowered, raised and taken away; which row counts for whom, and why (S5)."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.metering.caps import Period, period_of
from core.services import balances, caps, grants, organisations, plans
from core.services.caps import CapState, CapView
from core.services.gifts import Recipient
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.house import House, Person, furnish, open_house_ledger


async def set_cap(
    house: House, subject: str, amount: str | None, *, period: Period = Period.DAY, pool: str | None = None
) -> CapView:
    most = None if amount is None else Credits.parse(amount)
    return await caps.set_cap(
        house.ledger, actor=house.ada.actor, subject=subject, period=period, amount=most, pool=pool
    )


async def spendable(house: House, person: Person) -> str:
    return str((await balances.balance(house.ledger, actor=person.actor)).spendable)


async def counting(house: House, person: Person) -> list[tuple[str, str | None]]:
    """Return (whose, how much) of the caps that are in force for a person."""
    found = await caps.caps_of_member(house.ledger, actor=person.actor)
    return [
        (cap.name, None if cap.amount is None else str(cap.amount)) for cap in found if cap.state is CapState.IN_FORCE
    ]


async def test_the_first_cap_counts_at_once_raising_and_blocking_too_lowering_with_the_next_window(
    either_house: House,
) -> None:
    house = either_house
    await house.grant(house.bo)
    seen = []
    for amount in ("100", "50", "200", "0", "300"):
        await set_cap(house, house.bo.id, amount)
        seen.append(await spendable(house, house.bo))
    await set_cap(house, house.bo.id, "30")
    until = period_of(Period.DAY, house.clock()).closes_at
    seen.append(await spendable(house, house.bo))
    house.clock.advance(until - house.clock())
    seen.append(await spendable(house, house.bo))

    assert seen == ["100", "100", "200", "0", "300", "300", "30"]


async def test_a_cap_that_was_raised_again_is_not_lowered_by_what_was_planned_before(house: House) -> None:
    await house.grant(house.bo)
    for amount in ("100", "50", "100"):
        await set_cap(house, house.bo.id, amount)
    house.clock.advance(timedelta(days=2))

    assert await spendable(house, house.bo) == "100"
    assert len((await caps.list_caps(house.ledger, actor=house.ada.actor)).items) == 1


async def test_ones_own_comes_before_the_teams_and_that_before_the_organisations(house: House) -> None:
    await house.grant(house.bo)
    await set_cap(house, house.org, "500")
    everybodys = await counting(house, house.bo)
    await set_cap(house, house.team, "800")
    teams = await counting(house, house.bo)
    await set_cap(house, house.bo.id, None)
    own = await counting(house, house.bo)
    await caps.inherit_cap(house.ledger, actor=house.ada.actor, subject=house.bo.id, period=Period.DAY)
    house.clock.advance(timedelta(days=1))
    again = await counting(house, house.bo)

    assert everybodys == [("Acme", "500")]
    assert teams == again == [("Compilers", "800")]
    assert own == [("Bo", None)]


async def test_taking_an_own_cap_away_lowers_only_with_the_next_window(house: House) -> None:
    """From 900 of one's own to everybody's 100 is lowering, from 50 of one's own is raising."""
    await house.grant(house.bo)
    await set_cap(house, house.org, "100")
    await set_cap(house, house.bo.id, "900")
    gone = await caps.inherit_cap(house.ledger, actor=house.ada.actor, subject=house.bo.id, period=Period.DAY)
    today = await spendable(house, house.bo)
    house.clock.advance(timedelta(days=1))

    assert (gone.state, gone.inherits, today) == (CapState.SCHEDULED, True, "900")
    assert await spendable(house, house.bo) == "100"
    with pytest.raises(Refused, match="no such cap to take away"):
        await caps.inherit_cap(house.ledger, actor=house.ada.actor, subject=house.al.id, period=Period.DAY)

    await set_cap(house, house.al.id, "0")
    at_once = await caps.inherit_cap(house.ledger, actor=house.ada.actor, subject=house.al.id, period=Period.DAY)
    assert at_once.state is CapState.IN_FORCE


async def test_each_cap_of_a_person_says_why_it_counts_or_does_not(house: House) -> None:
    await house.grant(house.bo)
    await set_cap(house, house.org, "500")
    await set_cap(house, house.team, "600")
    await set_cap(house, house.bo.id, "700")
    await set_cap(house, house.bo.id, "60")
    found = await caps.caps_of_member(house.ledger, actor=house.al.actor, member_id=house.bo.id)

    assert [(cap.name, cap.state.value) for cap in found] == [
        ("Bo", "in_force"),
        ("Acme", "passed_over"),
        ("Compilers", "passed_over"),
        ("Bo", "scheduled"),
    ]
    by_state = {cap.state: cap for cap in found}
    assert by_state[CapState.IN_FORCE].why.startswith("Set for them alone")
    assert by_state[CapState.IN_FORCE].headroom == Credits.of(700)
    assert by_state[CapState.PASSED_OVER].why == "That of Bo comes first."
    assert by_state[CapState.SCHEDULED].why.startswith("It counts from 20")


async def test_the_most_restrictive_of_several_teams_counts(house: House) -> None:
    other = await organisations.create_team(house.ledger, actor=house.ada.actor, name="Parsers")
    await organisations.add_to_team(house.ledger, actor=house.ada.actor, team_id=other.id, member_id=house.bo.id)
    await set_cap(house, house.team, "100")
    await set_cap(house, other.id, "40")
    found = await caps.caps_of_member(house.ledger, actor=house.bo.actor)

    assert [(cap.name, cap.why) for cap in found] == [
        ("Parsers", "The most restrictive of their teams'; nothing is set for them alone."),
        ("Compilers", "That of Parsers is more restrictive."),
    ]


async def test_a_lead_caps_what_each_draws_from_the_teams_pool_and_nothing_else(house: House) -> None:
    await house.grant(house.bo, "10")
    await grants.grant(
        house.ledger,
        actor=house.ada.actor,
        key="pool",
        to=Recipient(pool=house.team),
        amount=Credits.of(100),
        source=Source.PURCHASE,
    )

    async def by_al(subject: str, pool: str | None) -> CapView:
        return await caps.set_cap(
            house.ledger, actor=house.al.actor, subject=subject, period=Period.MONTH, amount=Credits.of(5), pool=pool
        )

    await by_al(house.team, house.team)
    capped = await spendable(house, house.bo)
    await caps.set_cap(
        house.ledger,
        actor=house.al.actor,
        subject=house.bo.id,
        period=Period.MONTH,
        amount=None,
        pool=house.team,
    )

    assert capped == "15"
    assert (await spendable(house, house.bo), await spendable(house, house.al)) == ("110", "5")
    for subject, pool in ((house.bo.id, None), (house.team, None), (house.org, None)):
        with pytest.raises(Refused) as refused:
            await by_al(subject, pool)
        assert refused.value.code is Code.NOT_ALLOWED
    with pytest.raises(Refused, match="for its team, or for a member of it"):
        await set_cap(house, house.ada.id, "5", pool=house.team)
    with pytest.raises(Refused) as by_bo:
        await caps.set_cap(
            house.ledger, actor=house.bo.actor, subject=house.bo.id, period=Period.DAY, amount=None, pool=house.team
        )
    assert by_bo.value.code is Code.NOT_ALLOWED


async def test_caps_of_others_are_seen_by_leads_and_admins_and_the_whole_list_by_admins(house: House) -> None:
    await set_cap(house, house.bo.id, "5")
    for act in (
        caps.list_caps(house.ledger, actor=house.al.actor),
        caps.caps_of_member(house.ledger, actor=house.bo.actor, member_id=house.al.id),
    ):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.code is Code.NOT_ALLOWED

    assert len(await caps.caps_of_member(house.ledger, actor=house.al.actor, member_id=house.bo.id)) == 1


async def test_the_list_goes_on_page_by_page(house: House) -> None:
    for subject in (house.org, house.team, house.al.id, house.bo.id):
        await set_cap(house, subject, "5")
    first = await caps.list_caps(house.ledger, actor=house.ada.actor, limit=3)
    rest = await caps.list_caps(house.ledger, actor=house.ada.actor, limit=3, cursor=first.next_cursor)

    assert sorted(cap.name for cap in (*first.items, *rest.items)) == ["Acme", "Al", "Bo", "Compilers"]
    assert rest.next_cursor is None


async def test_editors_at_other_processes_hear_of_it(database_url: str) -> None:
    """L11: a cap or a plan changes what somebody can spend, wherever they are connected."""
    with open_house_ledger(database_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        with contextlib.closing(open_ledger(some_settings(database_url), clock=clock)) as other:
            bos, others = other.changes.subscribe(house.bo.actor.member_id), other.changes.subscribe(1)
            other.watch()
            assert await bos.wait(20), "it listens"
            await others.wait(0.2)
            await set_cap(house, house.bo.id, "5")
            heard = await bos.wait(20)
            plan = await plans.create_plan(ledger, actor=house.ada.actor, name="Pro", weekly=Credits.of(5))
            await plans.give_plan(ledger, actor=house.ada.actor, subject=house.org, plan_id=plan.id)

            assert heard
            assert await others.wait(20), "everybody's plan concerns everybody"


async def test_what_is_elsewhere_is_not_found(house: House) -> None:
    for subject, pool in (
        (house.stranger.id, None),
        (house.strange_team, None),
        (house.strange_org, None),
        (house.bo.id, house.strange_team),
        (house.bo.id, house.org),
        ("nonsense", None),
    ):
        with pytest.raises(Refused) as refused:
            await set_cap(house, subject, "5", pool=pool)
        assert refused.value.code is Code.NOT_FOUND
