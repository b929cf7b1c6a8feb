"""Tokens: what they open, who may hand them out, and that no secret is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from core.ledger.errors import Code, Refused
from core.services import access, members
from core.services.views import Actor, Role, Scope
from tests.support.house import House


async def _refusal(house: House, token: str) -> Code:
    with pytest.raises(Refused) as caught:
        await access.authenticate(house.ledger, token)
    return caught.value.code


async def test_a_token_opens_for_its_owner_with_its_scopes(either_house: House) -> None:
    house = either_house
    secret, _ = await access.issue_token(
        house.ledger, actor=house.ada.actor, member_id=house.bo.id, scopes=[Scope.SPEND], label="gateway"
    )
    actor = await access.authenticate(house.ledger, secret)

    assert (actor.org_id, actor.member_id) == (house.bo.actor.org_id, house.bo.actor.member_id)
    assert (actor.role, actor.scopes, actor.is_admin) == (Role.MEMBER, {Scope.SPEND}, False)


async def test_only_a_hash_of_a_secret_is_stored(either_house: House) -> None:
    with either_house.ledger.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM token")).all()

    assert len(rows) == 4
    assert all(len(bytes(row.hash)) == 32 for row in rows)
    assert either_house.bo.token not in repr(rows)
    assert either_house.bo.token.removeprefix("tc_") not in repr(rows)


async def test_secrets_are_long_and_never_the_same(house: House) -> None:
    secrets = {house.ada.token, house.al.token, house.bo.token, house.stranger.token}

    assert len(secrets) == 4
    assert all(secret.startswith("tc_") and len(secret) == 46 for secret in secrets)


@pytest.mark.parametrize("token", ["", "tc_", "tc_\0", "tc_é", "tc_" + "x" * 43, "tc_" + "x" * 10_000, "xoxb-1"])
async def test_what_was_never_issued_opens_nothing(house: House, token: str) -> None:
    assert await _refusal(house, token) is Code.UNAUTHENTICATED


async def test_a_token_ends_at_its_very_moment(either_house: House) -> None:
    house = either_house
    secret, _ = await access.issue_token(
        house.ledger,
        actor=house.bo.actor,
        scopes=[Scope.READ],
        label="for an hour",
        expires_at=house.clock() + timedelta(hours=1),
    )
    house.clock.advance(timedelta(hours=1, microseconds=-1))
    await access.authenticate(house.ledger, secret)
    house.clock.advance(timedelta(microseconds=1))

    assert await _refusal(house, secret) is Code.UNAUTHENTICATED


async def test_who_has_left_is_shut_out(either_house: House) -> None:
    """G4: a leaver's tokens end."""
    house = either_house
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=house.bo.id)

    assert await _refusal(house, house.bo.token) is Code.UNAUTHENTICATED
    assert await access.still_hold(house.ledger, {access.hash_of(house.bo.token)}) == frozenset()


async def test_revoking_is_ones_own_or_an_admins_and_twice_is_once(either_house: House) -> None:
    house = either_house
    secret, token_id = await access.issue_token(house.ledger, actor=house.bo.actor, scopes=[Scope.READ], label="second")
    for actor in (house.al.actor, house.stranger.actor):
        with pytest.raises(Refused) as caught:
            await access.revoke_token(house.ledger, actor=actor, token_id=token_id)
        assert caught.value.code is Code.NOT_FOUND
    for actor in (house.bo.actor, house.ada.actor):
        await access.revoke_token(house.ledger, actor=actor, token_id=token_id)

    assert await _refusal(house, secret) is Code.UNAUTHENTICATED
    assert (await access.authenticate(house.ledger, house.bo.token)).member_id == house.bo.actor.member_id


async def test_which_of_many_still_hold_is_asked_at_once(either_house: House) -> None:
    house = either_house
    digests = {access.hash_of(token) for token in (house.al.token, house.bo.token, "tc_made_up")}

    assert await access.still_hold(house.ledger, digests) == digests - {access.hash_of("tc_made_up")}
    assert await access.still_hold(house.ledger, set()) == frozenset()


async def test_nobody_hands_out_more_than_they_hold(house: House) -> None:
    tried: list[tuple[Actor, str, Scope, Code]] = [
        (house.bo.actor, house.bo.id, Scope.SPEND, Code.INSUFFICIENT_SCOPE),
        (house.bo.actor, house.bo.id, Scope.ADMIN, Code.INSUFFICIENT_SCOPE),
        (house.bo.actor, house.al.id, Scope.READ, Code.NOT_ALLOWED),
        (house.ada.actor, house.bo.id, Scope.ADMIN, Code.NOT_ALLOWED),
        (house.ada.actor, house.stranger.id, Scope.READ, Code.NOT_FOUND),
    ]
    for actor, member_id, scope, code in tried:
        with pytest.raises(Refused) as caught:
            await access.issue_token(house.ledger, actor=actor, member_id=member_id, scopes=[scope], label="too much")
        assert caught.value.code is code


async def test_live_tokens_are_listed_newest_first_page_by_page(either_house: House) -> None:
    house = either_house
    for label in ("two", "three"):
        await access.issue_token(house.ledger, actor=house.bo.actor, scopes=[Scope.READ], label=label)
    first = await access.list_tokens(house.ledger, actor=house.bo.actor, limit=2)
    second = await access.list_tokens(house.ledger, actor=house.bo.actor, limit=2, cursor=first.next_cursor)

    assert [token.label for token in first.items] == ["three", "two"]
    assert [token.label for token in second.items] == ["Bo's laptop"]
    assert second.next_cursor is None
    with pytest.raises(Refused) as caught:
        await access.list_tokens(house.ledger, actor=house.bo.actor, member_id=house.al.id)
    assert caught.value.code is Code.NOT_ALLOWED
