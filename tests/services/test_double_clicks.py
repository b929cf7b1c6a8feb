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
from core.services import members, organisations, plans
from core.services.members import SlackProfile
from core.services.organisations import TeamView
from core.services.plans import PlanView
from core.services.views import MemberView
from core.store import groups, people
from core.store.engine import writing
from core.store.groups import TeamRecord
from core.store.people import MemberRecord
from core.store.plans import add_plan
from tests.support.house import House, Person, write_down

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
Make = Callable[[House, Person, str], Coroutine[None, None, Made]]
Write = Callable[[Connection, House, str], None]


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


async def _member(house: House, admin: Person, email: str) -> MemberView:
    return await members.add_member(house.ledger, actor=admin.actor, name="Twin", email=email)


async def _plan(house: House, admin: Person, name: str) -> PlanView:
    return await plans.create_plan(house.ledger, actor=admin.actor, name=name, weekly=Credits.of(5))


async def _team(house: House, admin: Person, name: str) -> TeamView:
    return await organisations.create_team(house.ledger, actor=admin.actor, name=name)


def _write_member(connection: Connection, house: House, email: str) -> None:
    org_id, number = house.ada.actor.org_id, house.ledger.new_id()
    people.add_member(connection, MemberRecord(org_id, number, "Twin", "person", "member", house.clock(), email=email))


def _write_plan(connection: Connection, house: House, name: str) -> None:
    limits = (None, Credits.of(5), None)
    add_plan(connection, Plan(house.ada.actor.org_id, house.ledger.new_id(), name, *limits, house.clock()))


def _write_team(connection: Connection, house: House, name: str) -> None:
    groups.add_team(connection, TeamRecord(house.ada.actor.org_id, house.ledger.new_id(), name, house.clock()))


KINDS = [
    Kind(_member, _write_member, "member", "twin@acme.example", "Twin@ACME.example", "win@acme.example"),
    Kind(_plan, _write_plan, "plan", "Straße", " STRASSE ", "Stra_e"),
    Kind(_team, _write_team, "team", "Straße", " STRASSE ", "Stra_e"),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.fact)


async def _many(house: House) -> tuple[int, ...]:
    """Return how many members, plans and teams there are."""
    ledger, actor = house.ledger, house.ada.actor
    lists = (
        await members.find_members(ledger, actor=actor),
        await plans.list_plans(ledger, actor=actor),
        await organisations.list_teams(ledger, actor=actor),
    )
    return tuple(len(each.items) for each in lists)


@each_kind
async def test_the_second_of_two_is_refused_and_told_which_is_there(either_house: House, kind: Kind) -> None:
    house = either_house
    first = await kind.make(house, house.ada, kind.one)
    before = await _many(house)
    for again in (kind.one, kind.same):
        with pytest.raises(Refused, match=first.id) as refused:
            await kind.make(house, house.ada, again)
        assert (refused.value.code, refused.value.fields) == (Code.ALREADY_EXISTS, {kind.fact: first.id})

    assert await _many(house) == before
    assert (await kind.make(house, house.ada, kind.other)).id != first.id


@each_kind
async def test_of_many_at_one_instant_one_is_made(either_house: House, kind: Kind) -> None:
    house = either_house
    tries = (kind.make(house, house.ada, kind.one) for _ in range(AT_ONCE))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    made = [each for each in answers if not isinstance(each, BaseException)]
    refused = [each for each in answers if isinstance(each, Refused)]

    assert (len(made), len(refused)) == (1, AT_ONCE - 1)
    assert [each.fields for each in refused] == [{kind.fact: made[0].id}] * (AT_ONCE - 1)


@each_kind
async def test_who_asks_while_another_process_makes_it_waits_and_is_refused(either_house: House, kind: Kind) -> None:
    """Nobody looks whether it is there while somebody is between looking and making."""
    house = either_house
    with writing(house.ledger.engine) as connection:
        groups.lock_organisation(connection, org_id=house.ada.actor.org_id)
        asked = asyncio.create_task(kind.make(house, house.ada, kind.one))
        early, _ = await asyncio.wait([asked], timeout=LOOK_SECONDS)
        kind.write(connection, house, kind.one)
    with pytest.raises(Refused) as refused:
        await asked

    assert not early
    assert refused.value.code is Code.ALREADY_EXISTS


@each_kind
async def test_another_organisation_may_use_the_same(house: House, kind: Kind) -> None:
    own = await kind.make(house, house.ada, kind.one)

    assert (await kind.make(house, house.stranger, kind.one)).id != own.id


async def test_who_left_frees_their_address(either_house: House) -> None:
    house = either_house
    first = await _member(house, house.ada, "twin@acme.example")
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=first.id)
    second = await _member(house, house.ada, "twin@acme.example")
    with pytest.raises(Refused) as refused:
        await _member(house, house.ada, "twin@acme.example")

    assert refused.value.fields == {"member": second.id}


async def test_a_plan_that_was_removed_frees_its_name(house: House) -> None:
    first = await _plan(house, house.ada, "Pro")
    await plans.remove_plan(house.ledger, actor=house.ada.actor, plan_id=first.id)

    assert (await _plan(house, house.ada, "Pro")).id != first.id


async def test_people_without_an_address_may_be_called_the_same(house: House) -> None:
    one, two = [await members.add_member(house.ledger, actor=house.ada.actor, name="Di") for _ in range(2)]

    assert one.id != two.id


async def test_whoever_comes_from_slack_comes_in_whatever_address_they_share(either_house: House) -> None:
    """Slack's people are known by their user id: they are never taken for a namesake, and never kept out."""
    house = either_house
    await organisations.bind_slack_team(house.ledger, org=house.org, team_id="T1")
    added = await _member(house, house.ada, "twin@acme.example")
    joined = await members.join_from_slack(house.ledger, TWIN)
    again = await members.join_from_slack(house.ledger, TWIN)
    with pytest.raises(Refused) as refused:
        await _member(house, house.ada, "twin@acme.example")

    assert joined.id == again.id != added.id
    assert joined.verified_at == house.clock()
    assert refused.value.fields == {"member": added.id}


async def test_who_is_known_from_slack_is_not_added_a_second_time(house: House) -> None:
    await organisations.bind_slack_team(house.ledger, org=house.org, team_id="T1")
    joined = await members.join_from_slack(house.ledger, TWIN)
    with pytest.raises(Refused, match=f"Twin .{joined.id}. has this e-mail address already"):
        await _member(house, house.ada, "twin@acme.example")


@each_kind
async def test_doubles_of_older_versions_stay_as_they_are_and_get_no_third(house: House, kind: Kind) -> None:
    with writing(house.ledger.engine) as connection:
        for _ in range(2):
            kind.write(connection, house, kind.one)
    before = await _many(house)
    with pytest.raises(Refused) as refused:
        await kind.make(house, house.ada, kind.one)

    assert refused.value.code is Code.ALREADY_EXISTS
    assert await _many(house) == before


async def test_one_of_two_who_share_an_address_can_still_be_changed(house: House) -> None:
    for _ in range(2):
        write_down(house, "Twin", "twin@acme.example")
    twin = (await members.find_members(house.ledger, actor=house.ada.actor, query="Twin")).items[0]
    changed = await members.update_member(house.ledger, actor=house.ada.actor, member_id=twin.id, verified=True)

    assert changed.verified_at == house.clock()
