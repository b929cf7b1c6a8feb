"""People, plans and teams that are asked for twice are there once (L6): addresses and names are one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import NamedTuple

import pytest
from sqlalchemy import Connection

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.metering.allowances import Plan
from core.services.allowances import plans
from core.services.allowances.plans import PlanView
from core.services.common.views import MemberView
from core.services.people import members, organizations
from core.services.people.members import SlackProfile
from core.services.people.organizations import TeamView
from core.store.engine import writing
from core.store.queries import organizations as organization_queries
from core.store.queries import people
from core.store.queries.organizations import TeamRecord
from core.store.queries.people import MemberRecord
from core.store.queries.plans import add_plan
from tests.support.sample_org import Person, SampleOrg, write_down

AT_ONCE, LOOK_SECONDS = 6, 0.3
TWIN = SlackProfile(
    team_id="T1",
    user_id="U1",
    name="Twin",
    email="twin@acme.example",
    email_confirmed=True,
    is_bot=False,
    is_guest=False,
    is_stranger=False,
    deleted=False,
    time_zone="UTC",
)
Made = MemberView | PlanView | TeamView
Make = Callable[[SampleOrg, Person, str], Coroutine[None, None, Made]]
Write = Callable[[Connection, SampleOrg, str], None]


class Kind(NamedTuple):
    """Something that is there once: how it is made and how its row is written, which fact of a refusal names it,
    two spellings of one, and one that is another's.
    """

    make: Make
    write: Write
    fact: str
    one: str
    same: str
    other: str


async def _member(org: SampleOrg, admin: Person, email: str) -> MemberView:
    return await members.add_member(org.ledger, actor=admin.actor, name="Twin", email=email)


async def _plan(org: SampleOrg, admin: Person, name: str) -> PlanView:
    return await plans.create_plan(org.ledger, actor=admin.actor, name=name, weekly=Credits.of(5))


async def _team(org: SampleOrg, admin: Person, name: str) -> TeamView:
    return await organizations.create_team(org.ledger, actor=admin.actor, name=name)


def _write_member(connection: Connection, org: SampleOrg, email: str) -> None:
    org_id, number = org.ada.actor.org_id, org.ledger.new_id()
    people.add_member(connection, MemberRecord(org_id, number, "Twin", "person", "member", org.clock(), email=email))


def _write_plan(connection: Connection, org: SampleOrg, name: str) -> None:
    limits = (None, Credits.of(5), None)
    add_plan(connection, Plan(org.ada.actor.org_id, org.ledger.new_id(), name, *limits, org.clock()))


def _write_team(connection: Connection, org: SampleOrg, name: str) -> None:
    organization_queries.add_team(connection, TeamRecord(org.ada.actor.org_id, org.ledger.new_id(), name, org.clock()))


KINDS = [
    Kind(_member, _write_member, "member", "twin@acme.example", "Twin@ACME.example", "win@acme.example"),
    Kind(_plan, _write_plan, "plan", "Straße", " STRASSE ", "Stra_e"),
    Kind(_team, _write_team, "team", "Straße", " STRASSE ", "Stra_e"),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.fact)


async def _many(org: SampleOrg) -> tuple[int, ...]:
    """Return how many members, plans and teams there are."""
    ledger, actor = org.ledger, org.ada.actor
    lists = (
        await members.find_members(ledger, actor=actor),
        await plans.list_plans(ledger, actor=actor),
        await organizations.list_teams(ledger, actor=actor),
    )
    return tuple(len(each.items) for each in lists)


@each_kind
async def test_the_second_of_two_is_refused_and_told_which_is_there(either_org: SampleOrg, kind: Kind) -> None:
    org = either_org
    first = await kind.make(org, org.ada, kind.one)
    before = await _many(org)
    for again in (kind.one, kind.same):
        with pytest.raises(Refused, match=first.id) as refused:
            await kind.make(org, org.ada, again)
        assert (refused.value.code, refused.value.fields) == (Code.ALREADY_EXISTS, {kind.fact: first.id})

    assert await _many(org) == before
    assert (await kind.make(org, org.ada, kind.other)).id != first.id


@each_kind
async def test_of_many_at_one_instant_one_is_made(either_org: SampleOrg, kind: Kind) -> None:
    org = either_org
    tries = (kind.make(org, org.ada, kind.one) for _ in range(AT_ONCE))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    made = [each for each in answers if not isinstance(each, BaseException)]
    refused = [each for each in answers if isinstance(each, Refused)]

    assert (len(made), len(refused)) == (1, AT_ONCE - 1)
    assert [each.fields for each in refused] == [{kind.fact: made[0].id}] * (AT_ONCE - 1)


@each_kind
async def test_who_asks_while_another_process_makes_it_waits_and_is_refused(either_org: SampleOrg, kind: Kind) -> None:
    """Nobody looks whether it is there while somebody is between looking and making."""
    org = either_org
    with writing(org.ledger.engine) as connection:
        organization_queries.lock_organization(connection, org_id=org.ada.actor.org_id)
        asked = asyncio.create_task(kind.make(org, org.ada, kind.one))
        early, _ = await asyncio.wait([asked], timeout=LOOK_SECONDS)
        kind.write(connection, org, kind.one)
    with pytest.raises(Refused) as refused:
        await asked

    assert not early
    assert refused.value.code is Code.ALREADY_EXISTS


@each_kind
async def test_another_organization_may_use_the_same(org: SampleOrg, kind: Kind) -> None:
    own = await kind.make(org, org.ada, kind.one)

    assert (await kind.make(org, org.stranger, kind.one)).id != own.id


async def test_who_left_frees_their_address(either_org: SampleOrg) -> None:
    org = either_org
    first = await _member(org, org.ada, "twin@acme.example")
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=first.id)
    second = await _member(org, org.ada, "twin@acme.example")
    with pytest.raises(Refused) as refused:
        await _member(org, org.ada, "twin@acme.example")

    assert refused.value.fields == {"member": second.id}


async def test_a_plan_that_was_removed_frees_its_name(org: SampleOrg) -> None:
    first = await _plan(org, org.ada, "Pro")
    await plans.remove_plan(org.ledger, actor=org.ada.actor, plan_id=first.id)

    assert (await _plan(org, org.ada, "Pro")).id != first.id


async def test_people_without_an_address_may_be_called_the_same(org: SampleOrg) -> None:
    one, two = [await members.add_member(org.ledger, actor=org.ada.actor, name="Di") for _ in range(2)]

    assert one.id != two.id


async def test_whoever_comes_from_slack_comes_in_whatever_address_they_share(either_org: SampleOrg) -> None:
    """Slack's people are known by their user id: they are never taken for a namesake, and never kept out."""
    org = either_org
    await organizations.bind_slack_team(org.ledger, org=org.id, team_id="T1")
    added = await _member(org, org.ada, "twin@acme.example")
    joined = await members.join_from_slack(org.ledger, TWIN)
    again = await members.join_from_slack(org.ledger, TWIN)
    with pytest.raises(Refused) as refused:
        await _member(org, org.ada, "twin@acme.example")

    assert joined.id == again.id != added.id
    assert joined.verified_at == org.clock()
    assert refused.value.fields == {"member": added.id}


async def test_who_is_known_from_slack_is_not_added_a_second_time(org: SampleOrg) -> None:
    await organizations.bind_slack_team(org.ledger, org=org.id, team_id="T1")
    joined = await members.join_from_slack(org.ledger, TWIN)
    with pytest.raises(Refused, match=f"Twin .{joined.id}. has this e-mail address already"):
        await _member(org, org.ada, "twin@acme.example")


@each_kind
async def test_doubles_of_older_versions_stay_as_they_are_and_get_no_third(org: SampleOrg, kind: Kind) -> None:
    with writing(org.ledger.engine) as connection:
        for _ in range(2):
            kind.write(connection, org, kind.one)
    before = await _many(org)
    with pytest.raises(Refused) as refused:
        await kind.make(org, org.ada, kind.one)

    assert refused.value.code is Code.ALREADY_EXISTS
    assert await _many(org) == before


async def test_one_of_two_who_share_an_address_can_still_be_changed(org: SampleOrg) -> None:
    for _ in range(2):
        write_down(org, "Twin", "twin@acme.example")
    twin = (await members.find_members(org.ledger, actor=org.ada.actor, query="Twin")).items[0]
    changed = await members.update_member(org.ledger, actor=org.ada.actor, member_id=twin.id, verified=True)

    assert changed.verified_at == org.clock()
