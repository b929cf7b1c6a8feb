"""Organizations and teams: how a tenant begins, is bound to Slack, and groups its people."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from core.ledger.errors import Code, Refused
from core.services.people import organizations, tokens
from tests.support.sample_org import SampleOrg


async def test_an_organization_begins_with_an_admin_a_token_and_a_policy(either_org: SampleOrg) -> None:
    org = either_org
    own_org, admin, token = await organizations.create_organization(
        org.ledger, name="New", admin_name="Eve", policy={"settlement_hours": 1}
    )
    actor = await tokens.authenticate(org.ledger, token)
    operator = await organizations.operator(org.ledger, org=own_org)
    with org.ledger.engine.connect() as connection:
        policies = connection.execute(
            text("SELECT version, body FROM policy WHERE org_id = :org"), {"org": actor.org_id}
        ).all()

    assert actor.is_admin
    assert admin.verified_at == org.clock()
    assert (operator.member_id, operator.is_admin) == (actor.member_id, True)
    assert len(policies) == 1


async def test_the_terminal_must_say_which_of_several_organizations(org: SampleOrg) -> None:
    for org_id in (None, "org_1", "nonsense"):
        with pytest.raises(Refused) as caught:
            await organizations.operator(org.ledger, org=org_id)
        assert caught.value.code is Code.NOT_FOUND


async def test_a_workspace_and_an_organization_are_bound_to_each_other_once(either_org: SampleOrg) -> None:
    ledger, org, other = either_org.ledger, either_org.id, either_org.strange_org
    with pytest.raises(Refused):
        await organizations.bind_slack_team(ledger, team_id="T1")  # two are unbound

    assert await organizations.bind_slack_team(ledger, org=org, team_id="T1") == org
    assert await organizations.bind_slack_team(ledger, org=org, team_id="T1") == org
    assert await organizations.bind_slack_team(ledger, team_id="T1") == org
    for wrong in ((other, "T1"), (org, "T2")):
        with pytest.raises(Refused) as caught:
            await organizations.bind_slack_team(ledger, org=wrong[0], team_id=wrong[1])
        assert caught.value.code is Code.NOT_ALLOWED
    assert await organizations.bind_slack_team(ledger, team_id="T2") == other


async def test_two_workspaces_that_bind_at_once_do_not_share_an_organization(either_org: SampleOrg) -> None:
    answers = await asyncio.gather(
        *(
            organizations.bind_slack_team(either_org.ledger, org=either_org.id, team_id=team)
            for team in ("T1", "T2", "T3")
        ),
        return_exceptions=True,
    )

    assert answers.count(either_org.id) == 1


async def test_being_put_into_a_team_twice_at_once_is_being_in_it_once(either_org: SampleOrg) -> None:
    org = either_org
    views = await asyncio.gather(
        *(
            organizations.add_to_team(
                org.ledger, actor=org.ada.actor, team_id=org.team, member_id=org.ada.id, is_lead=leads
            )
            for leads in (True, False, True)
        )
    )

    assert all(view.members.count(org.ada.id) == 1 for view in views)


async def test_teams_are_listed_page_by_page(org: SampleOrg) -> None:
    for name in ("Red", "Blue"):
        await organizations.create_team(org.ledger, actor=org.ada.actor, name=name)
    first = await organizations.list_teams(org.ledger, actor=org.bo.actor, limit=2)
    second = await organizations.list_teams(org.ledger, actor=org.bo.actor, limit=2, cursor=first.next_cursor)

    assert [team.name for team in (*first.items, *second.items)] == ["Compilers", "Red", "Blue"]
    assert second.next_cursor is None
