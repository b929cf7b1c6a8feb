"""Members: how people come in from Slack and by admins, and are found."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import GiftState
from core.services.common.actors import Role, Scope
from core.services.common.recipients import Recipient
from core.services.common.views import MemberView
from core.services.gifts import gifts
from core.services.people import members, organizations
from core.services.people.members import SlackProfile
from tests.support.sample_org import SampleOrg

CY = SlackProfile(
    team_id="T1",
    user_id="U1",
    name="Cy",
    email="cy@acme.test",
    email_confirmed=True,
    is_bot=False,
    is_guest=False,
    is_stranger=False,
    deleted=False,
    time_zone="Europe/Paris",
)


async def _join(org: SampleOrg, profile: SlackProfile = CY) -> MemberView:
    await organizations.bind_slack_team(org.ledger, org=org.id, team_id="T1")
    return await members.join_from_slack(org.ledger, profile)


async def test_a_slack_person_becomes_a_verified_member_with_a_wallet(either_org: SampleOrg) -> None:
    org = either_org
    joined = await _join(org)
    actor = await members.slack_actor(org.ledger, team_id="T1", user_id="U1")
    await org.grant(org.al)
    await gifts.give(org.ledger, actor=org.al.actor, key="k", to=[Recipient(member=joined.id)], amount=Credits.of(5))

    assert (joined.name, joined.kind, joined.role, joined.slack_user_id) == ("Cy", "person", Role.MEMBER, "U1")
    assert joined.verified_at == joined.joined_at == org.clock()
    assert actor is not None
    assert (actor.role, actor.scopes) == (Role.MEMBER, {Scope.READ, Scope.GIVE})


async def test_meeting_somebody_many_times_at_once_makes_one_member(either_org: SampleOrg) -> None:
    await _join(either_org)
    other = replace(CY, user_id="U2", name="Di")
    views = await asyncio.gather(*(members.join_from_slack(either_org.ledger, other) for _ in range(10)))

    assert len({view.id for view in views}) == 1


async def test_meeting_somebody_again_updates_them_and_keeps_what_is_ours(either_org: SampleOrg) -> None:
    org = either_org
    first = await _join(org)
    await members.update_member(org.ledger, actor=org.ada.actor, member_id=first.id, role=Role.ADMIN)
    org.clock.advance(timedelta(days=1))
    again = await _join(org, replace(CY, name="Cyrus", email="cyrus@acme.test"))
    actor = await members.slack_actor(org.ledger, team_id="T1", user_id="U1")

    assert (again.id, again.name, again.role) == (first.id, "Cyrus", Role.ADMIN)
    assert (again.joined_at, again.verified_at) == (first.joined_at, first.verified_at)
    assert actor is not None
    assert actor.is_admin


@pytest.mark.parametrize(
    "change", [{"is_guest": True}, {"email_confirmed": False}, {"is_bot": True}], ids=lambda change: next(iter(change))
)
async def test_only_a_full_member_with_a_confirmed_address_is_verified(org: SampleOrg, change: dict[str, bool]) -> None:
    """G7; and who becomes a guest later loses it."""
    unverified = await _join(org, replace(CY, **change))
    verified = await _join(org)
    lost = await _join(org, replace(CY, **change))

    assert (unverified.verified_at, lost.verified_at) == (None, None)
    assert verified.verified_at is not None


async def test_the_same_address_or_name_is_not_the_same_person(org: SampleOrg) -> None:
    first, second = await _join(org), await _join(org, replace(CY, user_id="U2"))

    assert first.id != second.id


async def test_strangers_and_unbound_workspaces_are_not_taken_in(org: SampleOrg) -> None:
    await _join(org)
    for profile in (replace(CY, user_id="U9", is_stranger=True), replace(CY, team_id="T9")):
        with pytest.raises(Refused) as caught:
            await members.join_from_slack(org.ledger, profile)
        assert caught.value.code is Code.UNKNOWN_MEMBER
    assert await members.slack_member(org.ledger, team_id="T1", user_id="U9") is None
    assert await members.slack_actor(org.ledger, team_id="T9", user_id="U1") is None


async def test_somebody_deleted_in_slack_leaves_and_their_gifts_go_back(either_org: SampleOrg) -> None:
    """G4; and Slack never brings them back."""
    org = either_org
    joined = await _join(org)
    await org.grant(org.al)
    given = await gifts.give(
        org.ledger, actor=org.al.actor, key="k", to=[Recipient(member=joined.id)], amount=Credits.of(5)
    )
    gone = await _join(org, replace(CY, deleted=True))
    gift = await gifts.gift(org.ledger, actor=org.al.actor, gift_id=str(given.item[0].id))
    back = await _join(org)

    assert gone.deactivated_at == org.clock()
    assert gift.state is GiftState.RETURNED
    assert back.deactivated_at == gone.deactivated_at
    with pytest.raises(Refused) as caught:
        await members.slack_actor(org.ledger, team_id="T1", user_id="U1")
    assert caught.value.code is Code.NOT_ALLOWED


async def test_somebody_met_when_already_deleted_comes_in_gone(org: SampleOrg) -> None:
    assert (await _join(org, replace(CY, deleted=True))).deactivated_at == org.clock()


@pytest.mark.parametrize(
    ("name", "kept"), [("", "U1"), (" \n ", "U1"), ("a\0\ud800b", "a b"), ("x" * 500, "x" * 80), ("  A  B ", "A B")]
)
async def test_whatever_slack_calls_somebody_can_be_stored(either_org: SampleOrg, name: str, kept: str) -> None:
    joined = await _join(either_org, replace(CY, name=name, email="\0\ud800", time_zone="x" * 100))

    assert joined.name == kept


async def test_a_slack_identity_is_nobody_elses(either_org: SampleOrg) -> None:
    await _join(either_org)
    with pytest.raises(Refused) as caught:
        await members.add_member(either_org.ledger, actor=either_org.ada.actor, name="Impostor", slack=("T1", "U1"))

    assert caught.value.code is Code.INVALID_REQUEST


async def test_members_are_found_whatever_their_case_and_wildcards_mean_nothing(either_org: SampleOrg) -> None:
    org = either_org
    for name in ("50%_off", "al gore", "Émile"):
        await members.add_member(org.ledger, actor=org.ada.actor, name=name)

    async def found(query: str) -> set[str]:
        return {each.name for each in (await members.find_members(org.ledger, actor=org.bo.actor, query=query)).items}

    assert await found("AL") == {"Al", "al gore"}
    assert await found("%") == {"50%_off"}
    assert await found("_") == {"50%_off"}
    assert await found("émi") == {"Émile"}
    assert await found("Zoe") == set()


async def test_pages_of_members_miss_nobody_and_repeat_nobody(either_org: SampleOrg) -> None:
    org = either_org
    for _ in range(5):
        await members.add_member(org.ledger, actor=org.ada.actor, name="Same Name")
    seen, cursor = [], None
    while True:
        page = await members.find_members(org.ledger, actor=org.bo.actor, limit=3, cursor=cursor)
        seen += [each.id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == 8


async def test_two_admins_who_step_down_at_once_leave_one(either_org: SampleOrg) -> None:
    org = either_org
    await members.update_member(org.ledger, actor=org.ada.actor, member_id=org.al.id, role=Role.ADMIN)
    answers = await asyncio.gather(
        *(
            members.update_member(org.ledger, actor=org.ada.actor, member_id=each.id, role=Role.MEMBER)
            for each in (org.ada, org.al)
        ),
        return_exceptions=True,
    )
    with org.ledger.engine.connect() as connection:
        left = connection.execute(
            text("SELECT count(*) FROM member WHERE role = 'admin' AND org_id = :org"), {"org": org.ada.actor.org_id}
        ).scalar_one()

    assert left == 1
    assert [each.code for each in answers if isinstance(each, Refused)] == [Code.NOT_ALLOWED]


async def test_who_is_no_admin_adds_and_changes_nobody(org: SampleOrg) -> None:
    for attempt in (
        members.add_member(org.ledger, actor=org.bo.actor, name="Di"),
        members.update_member(org.ledger, actor=org.bo.actor, member_id=org.bo.id, verified=True),
        members.deactivate(org.ledger, actor=org.bo.actor, member_id=org.al.id),
    ):
        with pytest.raises(Refused) as caught:
            await attempt
        assert caught.value.code is Code.NOT_ALLOWED
