"""Tokens: what they open, who may hand them out, and that no secret is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor, Role, Scope
from core.services.people import members, tokens
from tests.support.sample_org import SampleOrg


async def _refusal(org: SampleOrg, token: str) -> Code:
    with pytest.raises(Refused) as caught:
        await tokens.authenticate(org.ledger, token)
    return caught.value.code


async def test_a_token_opens_for_its_owner_with_its_scopes(either_org: SampleOrg) -> None:
    org = either_org
    secret, _ = await tokens.issue_token(
        org.ledger, actor=org.ada.actor, member_id=org.bo.id, scopes=[Scope.SPEND], label="gateway"
    )
    actor = await tokens.authenticate(org.ledger, secret)

    assert (actor.org_id, actor.member_id) == (org.bo.actor.org_id, org.bo.actor.member_id)
    assert (actor.role, actor.scopes, actor.is_admin) == (Role.MEMBER, {Scope.SPEND}, False)


async def test_only_a_hash_of_a_secret_is_stored(either_org: SampleOrg) -> None:
    with either_org.ledger.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM token")).all()

    assert len(rows) == 4
    assert all(len(bytes(row.hash)) == 32 for row in rows)
    assert either_org.bo.token not in repr(rows)
    assert either_org.bo.token.removeprefix("tc_") not in repr(rows)


async def test_secrets_are_long_and_never_the_same(org: SampleOrg) -> None:
    secrets = {org.ada.token, org.al.token, org.bo.token, org.stranger.token}

    assert len(secrets) == 4
    assert all(secret.startswith("tc_") and len(secret) == 46 for secret in secrets)


@pytest.mark.parametrize("token", ["", "tc_", "tc_\0", "tc_é", "tc_" + "x" * 43, "tc_" + "x" * 10_000, "xoxb-1"])
async def test_what_was_never_issued_opens_nothing(org: SampleOrg, token: str) -> None:
    assert await _refusal(org, token) is Code.UNAUTHENTICATED


async def test_a_token_ends_at_its_very_moment(either_org: SampleOrg) -> None:
    org = either_org
    secret, _ = await tokens.issue_token(
        org.ledger,
        actor=org.bo.actor,
        scopes=[Scope.READ],
        label="for an hour",
        expires_at=org.clock() + timedelta(hours=1),
    )
    org.clock.advance(timedelta(hours=1, microseconds=-1))
    await tokens.authenticate(org.ledger, secret)
    org.clock.advance(timedelta(microseconds=1))

    assert await _refusal(org, secret) is Code.UNAUTHENTICATED


async def test_who_has_left_is_shut_out(either_org: SampleOrg) -> None:
    """G4: a leaver's tokens end."""
    org = either_org
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.bo.id)

    assert await _refusal(org, org.bo.token) is Code.UNAUTHENTICATED
    assert await tokens.still_hold(org.ledger, {tokens.hash_of(org.bo.token)}) == frozenset()


async def test_revoking_is_ones_own_or_an_admins_and_twice_is_once(either_org: SampleOrg) -> None:
    org = either_org
    secret, token_id = await tokens.issue_token(org.ledger, actor=org.bo.actor, scopes=[Scope.READ], label="second")
    for actor in (org.al.actor, org.stranger.actor):
        with pytest.raises(Refused) as caught:
            await tokens.revoke_token(org.ledger, actor=actor, token_id=token_id)
        assert caught.value.code is Code.NOT_FOUND
    for actor in (org.bo.actor, org.ada.actor):
        await tokens.revoke_token(org.ledger, actor=actor, token_id=token_id)

    assert await _refusal(org, secret) is Code.UNAUTHENTICATED
    assert (await tokens.authenticate(org.ledger, org.bo.token)).member_id == org.bo.actor.member_id


async def test_which_of_many_still_hold_is_asked_at_once(either_org: SampleOrg) -> None:
    org = either_org
    digests = {tokens.hash_of(token) for token in (org.al.token, org.bo.token, "tc_made_up")}

    assert await tokens.still_hold(org.ledger, digests) == digests - {tokens.hash_of("tc_made_up")}
    assert await tokens.still_hold(org.ledger, set()) == frozenset()


async def test_nobody_hands_out_more_than_they_hold(org: SampleOrg) -> None:
    tried: list[tuple[Actor, str, Scope, Code]] = [
        (org.bo.actor, org.bo.id, Scope.SPEND, Code.INSUFFICIENT_SCOPE),
        (org.bo.actor, org.bo.id, Scope.ADMIN, Code.INSUFFICIENT_SCOPE),
        (org.bo.actor, org.al.id, Scope.READ, Code.NOT_ALLOWED),
        (org.ada.actor, org.bo.id, Scope.ADMIN, Code.NOT_ALLOWED),
        (org.ada.actor, org.stranger.id, Scope.READ, Code.NOT_FOUND),
    ]
    for actor, member_id, scope, code in tried:
        with pytest.raises(Refused) as caught:
            await tokens.issue_token(org.ledger, actor=actor, member_id=member_id, scopes=[scope], label="too much")
        assert caught.value.code is code


async def test_live_tokens_are_listed_newest_first_page_by_page(either_org: SampleOrg) -> None:
    org = either_org
    for label in ("two", "three"):
        await tokens.issue_token(org.ledger, actor=org.bo.actor, scopes=[Scope.READ], label=label)
    first = await tokens.list_tokens(org.ledger, actor=org.bo.actor, limit=2)
    second = await tokens.list_tokens(org.ledger, actor=org.bo.actor, limit=2, cursor=first.next_cursor)

    assert [token.label for token in first.items] == ["three", "two"]
    assert [token.label for token in second.items] == ["Bo's laptop"]
    assert second.next_cursor is None
    with pytest.raises(Refused) as caught:
        await tokens.list_tokens(org.ledger, actor=org.bo.actor, member_id=org.al.id)
    assert caught.value.code is Code.NOT_ALLOWED
