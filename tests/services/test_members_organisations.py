"""Organisations and teams: how a tenant begins, is bound to Slack, and groups its people."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from core.ledger.errors import Code, Refused
from core.services import access, organisations
from tests.support.house import House


async def test_an_organisation_begins_with_an_admin_a_token_and_a_policy(either_house: House) -> None:
    house = either_house
    org, admin, token = await organisations.create_organisation(
        house.ledger, name="New", admin_name="Eve", policy={"settlement_hours": 1}
    )
    actor = await access.authenticate(house.ledger, token)
    operator = await organisations.operator(house.ledger, org=org)
    with house.ledger.engine.connect() as connection:
        policies = connection.execute(
            text("SELECT version, body FROM policy WHERE org_id = :org"), {"org": actor.org_id}
        ).all()

    assert actor.is_admin
    assert admin.verified_at == house.clock()
    assert (operator.member_id, operator.is_admin) == (actor.member_id, True)
    assert len(policies) == 1


async def test_the_terminal_must_say_which_of_several_organisations(house: House) -> None:
    for org in (None, "org_1", "nonsense"):
        with pytest.raises(Refused) as caught:
            await organisations.operator(house.ledger, org=org)
        assert caught.value.code is Code.NOT_FOUND


async def test_a_workspace_and_an_organisation_are_bound_to_each_other_once(either_house: House) -> None:
    ledger, org, other = either_house.ledger, either_house.org, either_house.strange_org
    with pytest.raises(Refused):
        await organisations.bind_slack_team(ledger, team_id="T1")  # two are unbound

    assert await organisations.bind_slack_team(ledger, org=org, team_id="T1") == org
    assert await organisations.bind_slack_team(ledger, org=org, team_id="T1") == org
    assert await organisations.bind_slack_team(ledger, team_id="T1") == org
    for wrong in ((other, "T1"), (org, "T2")):
        with pytest.raises(Refused) as caught:
            await organisations.bind_slack_team(ledger, org=wrong[0], team_id=wrong[1])
        assert caught.value.code is Code.NOT_ALLOWED
    assert await organisations.bind_slack_team(ledger, team_id="T2") == other


async def test_two_workspaces_that_bind_at_once_do_not_share_an_organisation(either_house: House) -> None:
    answers = await asyncio.gather(
        *(
            organisations.bind_slack_team(either_house.ledger, org=either_house.org, team_id=team)
            for team in ("T1", "T2", "T3")
        ),
        return_exceptions=True,
    )

    assert answers.count(either_house.org) == 1


async def test_being_put_into_a_team_twice_at_once_is_being_in_it_once(either_house: House) -> None:
    house = either_house
    views = await asyncio.gather(
        *(
            organisations.add_to_team(
                house.ledger, actor=house.ada.actor, team_id=house.team, member_id=house.ada.id, is_lead=leads
            )
            for leads in (True, False, True)
        )
    )

    assert all(view.members.count(house.ada.id) == 1 for view in views)


async def test_teams_are_listed_page_by_page(house: House) -> None:
    for name in ("Red", "Blue"):
        await organisations.create_team(house.ledger, actor=house.ada.actor, name=name)
    first = await organisations.list_teams(house.ledger, actor=house.bo.actor, limit=2)
    second = await organisations.list_teams(house.ledger, actor=house.bo.actor, limit=2, cursor=first.next_cursor)

    assert [team.name for team in (*first.items, *second.items)] == ["Compilers", "Red", "Blue"]
    assert second.next_cursor is None
