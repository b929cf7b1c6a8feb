"""Caps are set, lowered, raised and taken away; which row counts for whom, and why (S5)."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Source
from core.metering.caps import Period, period_of
from core.services.allowances import caps, plans
from core.services.allowances.caps import CapState, CapView
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.people import organizations
from core.services.wallet import balances
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.sample_org import Person, SampleOrg, furnish, open_sample_ledger


async def set_cap(
    org: SampleOrg, subject: str, amount: str | None, *, period: Period = Period.DAY, pool: str | None = None
) -> CapView:
    most = None if amount is None else Credits.parse(amount)
    return await caps.set_cap(org.ledger, actor=org.ada.actor, subject=subject, period=period, amount=most, pool=pool)


async def spendable(org: SampleOrg, person: Person) -> str:
    return str((await balances.balance(org.ledger, actor=person.actor)).spendable)


async def counting(org: SampleOrg, person: Person) -> list[tuple[str, str | None]]:
    """Return (whose, how much) of the caps that are in force for a person."""
    found = await caps.caps_of_member(org.ledger, actor=person.actor)
    return [
        (cap.name, None if cap.amount is None else str(cap.amount)) for cap in found if cap.state is CapState.IN_FORCE
    ]


async def test_the_first_cap_counts_at_once_raising_and_blocking_too_lowering_with_the_next_window(
    either_org: SampleOrg,
) -> None:
    org = either_org
    await org.grant(org.bo)
    seen = []
    for amount in ("100", "50", "200", "0", "300"):
        await set_cap(org, org.bo.id, amount)
        seen.append(await spendable(org, org.bo))
    await set_cap(org, org.bo.id, "30")
    until = period_of(Period.DAY, org.clock()).closes_at
    seen.append(await spendable(org, org.bo))
    org.clock.advance(until - org.clock())
    seen.append(await spendable(org, org.bo))

    assert seen == ["100", "100", "200", "0", "300", "300", "30"]


async def test_a_cap_that_was_raised_again_is_not_lowered_by_what_was_planned_before(org: SampleOrg) -> None:
    await org.grant(org.bo)
    for amount in ("100", "50", "100"):
        await set_cap(org, org.bo.id, amount)
    org.clock.advance(timedelta(days=2))

    assert await spendable(org, org.bo) == "100"
    assert len((await caps.list_caps(org.ledger, actor=org.ada.actor)).items) == 1


async def test_ones_own_comes_before_the_teams_and_that_before_the_organizations(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await set_cap(org, org.id, "500")
    everybodys = await counting(org, org.bo)
    await set_cap(org, org.team, "800")
    teams = await counting(org, org.bo)
    await set_cap(org, org.bo.id, None)
    own = await counting(org, org.bo)
    await caps.inherit_cap(org.ledger, actor=org.ada.actor, subject=org.bo.id, period=Period.DAY)
    org.clock.advance(timedelta(days=1))
    again = await counting(org, org.bo)

    assert everybodys == [("Acme", "500")]
    assert teams == again == [("Compilers", "800")]
    assert own == [("Bo", None)]


async def test_taking_an_own_cap_away_lowers_only_with_the_next_window(org: SampleOrg) -> None:
    """From 900 of one's own to everybody's 100 is lowering, from 50 of one's own is raising."""
    await org.grant(org.bo)
    await set_cap(org, org.id, "100")
    await set_cap(org, org.bo.id, "900")
    gone = await caps.inherit_cap(org.ledger, actor=org.ada.actor, subject=org.bo.id, period=Period.DAY)
    today = await spendable(org, org.bo)
    org.clock.advance(timedelta(days=1))

    assert (gone.state, gone.inherits, today) == (CapState.SCHEDULED, True, "900")
    assert await spendable(org, org.bo) == "100"
    with pytest.raises(Refused, match="no such cap to remove"):
        await caps.inherit_cap(org.ledger, actor=org.ada.actor, subject=org.al.id, period=Period.DAY)

    await set_cap(org, org.al.id, "0")
    at_once = await caps.inherit_cap(org.ledger, actor=org.ada.actor, subject=org.al.id, period=Period.DAY)
    assert at_once.state is CapState.IN_FORCE


async def test_each_cap_of_a_person_says_why_it_counts_or_does_not(org: SampleOrg) -> None:
    await org.grant(org.bo)
    await set_cap(org, org.id, "500")
    await set_cap(org, org.team, "600")
    await set_cap(org, org.bo.id, "700")
    await set_cap(org, org.bo.id, "60")
    found = await caps.caps_of_member(org.ledger, actor=org.al.actor, member_id=org.bo.id)

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


async def test_the_most_restrictive_of_several_teams_counts(org: SampleOrg) -> None:
    other = await organizations.create_team(org.ledger, actor=org.ada.actor, name="Parsers")
    await organizations.add_to_team(org.ledger, actor=org.ada.actor, team_id=other.id, member_id=org.bo.id)
    await set_cap(org, org.team, "100")
    await set_cap(org, other.id, "40")
    found = await caps.caps_of_member(org.ledger, actor=org.bo.actor)

    assert [(cap.name, cap.why) for cap in found] == [
        ("Parsers", "The most restrictive of their teams'; nothing is set for them alone."),
        ("Compilers", "That of Parsers is more restrictive."),
    ]


async def test_a_lead_caps_what_each_draws_from_the_teams_pool_and_nothing_else(org: SampleOrg) -> None:
    await org.grant(org.bo, "10")
    await grants.grant(
        org.ledger,
        actor=org.ada.actor,
        key="pool",
        to=Recipient(pool=org.team),
        amount=Credits.of(100),
        source=Source.PURCHASE,
    )

    async def by_al(subject: str, pool: str | None) -> CapView:
        return await caps.set_cap(
            org.ledger, actor=org.al.actor, subject=subject, period=Period.MONTH, amount=Credits.of(5), pool=pool
        )

    await by_al(org.team, org.team)
    capped = await spendable(org, org.bo)
    await caps.set_cap(
        org.ledger,
        actor=org.al.actor,
        subject=org.bo.id,
        period=Period.MONTH,
        amount=None,
        pool=org.team,
    )

    assert capped == "15"
    assert (await spendable(org, org.bo), await spendable(org, org.al)) == ("110", "5")
    for subject, pool in ((org.bo.id, None), (org.team, None), (org.id, None)):
        with pytest.raises(Refused) as refused:
            await by_al(subject, pool)
        assert refused.value.code is Code.NOT_ALLOWED
    with pytest.raises(Refused, match="for its team, or for a member of it"):
        await set_cap(org, org.ada.id, "5", pool=org.team)
    with pytest.raises(Refused) as by_bo:
        await caps.set_cap(
            org.ledger, actor=org.bo.actor, subject=org.bo.id, period=Period.DAY, amount=None, pool=org.team
        )
    assert by_bo.value.code is Code.NOT_ALLOWED


async def test_caps_of_others_are_seen_by_leads_and_admins_and_the_whole_list_by_admins(org: SampleOrg) -> None:
    await set_cap(org, org.bo.id, "5")
    for act in (
        caps.list_caps(org.ledger, actor=org.al.actor),
        caps.caps_of_member(org.ledger, actor=org.bo.actor, member_id=org.al.id),
    ):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.code is Code.NOT_ALLOWED

    assert len(await caps.caps_of_member(org.ledger, actor=org.al.actor, member_id=org.bo.id)) == 1


async def test_the_list_goes_on_page_by_page(org: SampleOrg) -> None:
    for subject in (org.id, org.team, org.al.id, org.bo.id):
        await set_cap(org, subject, "5")
    first = await caps.list_caps(org.ledger, actor=org.ada.actor, limit=3)
    rest = await caps.list_caps(org.ledger, actor=org.ada.actor, limit=3, cursor=first.next_cursor)

    assert sorted(cap.name for cap in (*first.items, *rest.items)) == ["Acme", "Al", "Bo", "Compilers"]
    assert rest.next_cursor is None


async def test_editors_at_other_processes_hear_of_it(database_url: str) -> None:
    """L11: a cap or a plan changes what somebody can spend, wherever they are connected."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        with contextlib.closing(open_ledger(some_settings(database_url), clock=clock)) as other:
            bos, others = other.changes.subscribe(org.bo.actor.member_id), other.changes.subscribe(1)
            other.watch()
            assert await bos.wait(20), "it listens"
            await others.wait(0.2)
            await set_cap(org, org.bo.id, "5")
            heard = await bos.wait(20)
            plan = await plans.create_plan(ledger, actor=org.ada.actor, name="Pro", weekly=Credits.of(5))
            await plans.give_plan(ledger, actor=org.ada.actor, subject=org.id, plan_id=plan.id)

            assert heard
            assert await others.wait(20), "everybody's plan concerns everybody"


async def test_what_is_elsewhere_is_not_found(org: SampleOrg) -> None:
    for subject, pool in (
        (org.stranger.id, None),
        (org.strange_team, None),
        (org.strange_org, None),
        (org.bo.id, org.strange_team),
        (org.bo.id, org.id),
        ("nonsense", None),
    ):
        with pytest.raises(Refused) as refused:
            await set_cap(org, subject, "5", pool=pool)
        assert refused.value.code is Code.NOT_FOUND
