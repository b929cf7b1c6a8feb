"""Signing in a device (RFC 8628), below HTTP and on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.ledger.errors import Code, Refused
from core.services.common.actors import Scope
from core.services.people import devices, members, tokens
from core.services.people.devices import DeviceError, DeviceProblem, DeviceStart, DeviceToken
from tests.support.sample_org import SampleOrg


async def _start(org: SampleOrg) -> DeviceStart:
    return await devices.start_device(org.ledger, scopes=[Scope.READ, Scope.GIVE], device="nvim", place="10.0.0.7")


async def _poll(org: SampleOrg, started: DeviceStart) -> DeviceToken | DeviceProblem:
    try:
        return await devices.poll_device(org.ledger, device_code=started.device_code)
    except DeviceError as error:
        return error.code


async def test_the_one_who_approves_owns_the_token(either_org: SampleOrg) -> None:
    org = either_org
    started = await _start(org)
    shown = await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)
    token = await _poll(org, started)

    assert (shown.device, shown.place, shown.scopes) == ("nvim", "10.0.0.7", (Scope.GIVE, Scope.READ))
    assert isinstance(token, DeviceToken)
    actor = await tokens.authenticate(org.ledger, token.access_token)
    assert (actor.member_id, actor.scopes) == (org.bo.actor.member_id, {Scope.READ, Scope.GIVE})
    org.clock.advance(timedelta(seconds=token.expires_in))
    with pytest.raises(Refused):
        await tokens.authenticate(org.ledger, token.access_token)


async def test_the_owner_is_told_of_each_sign_in_once(either_org: SampleOrg) -> None:
    org = either_org
    started = await _start(org)
    await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)
    await _poll(org, started)
    await _poll(org, started)
    with org.ledger.engine.connect() as connection:
        query = text("SELECT member_id, body, slack_state FROM outbox WHERE kind = 'signed_in'")
        told = connection.execute(query).all()

    assert [(row.member_id, row.slack_state) for row in told] == [(org.bo.actor.member_id, "queued")]
    assert "nvim has signed in as you, from 10.0.0.7." in str(told[0].body)


async def test_a_sign_in_is_redeemed_once_by_however_many_at_once(either_org: SampleOrg) -> None:
    org = either_org
    started = await _start(org)
    await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)
    answers = await asyncio.gather(*(_poll(org, started) for _ in range(8)))

    assert sum(isinstance(answer, DeviceToken) for answer in answers) == 1
    assert answers.count(DeviceProblem.INVALID) == 7


async def test_of_two_who_decide_at_once_the_first_wins(either_org: SampleOrg) -> None:
    org = either_org
    started = await _start(org)
    decisions = await asyncio.gather(
        devices.approve_device(org.ledger, actor=org.al.actor, user_code=started.user_code),
        devices.deny_device(org.ledger, actor=org.bo.actor, user_code=started.user_code),
        return_exceptions=True,
    )

    refused = [each for each in decisions if isinstance(each, Refused)]
    assert [each.code for each in refused] == [Code.NOT_FOUND]


async def test_a_double_click_decides_once_and_a_change_of_mind_does_not_count(either_org: SampleOrg) -> None:
    org = either_org
    started = await _start(org)
    for _ in range(2):
        await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)
    with pytest.raises(Refused):
        await devices.deny_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)

    assert isinstance(await _poll(org, started), DeviceToken)


@pytest.mark.parametrize("shape", ["{0}", "{0} ", "`{0}`", " {1}"])
async def test_a_code_is_found_however_a_person_types_it(org: SampleOrg, shape: str) -> None:
    started = await _start(org)
    typed = shape.format(started.user_code, started.user_code.replace("-", " ").lower())

    assert (await devices.describe_device(org.ledger, actor=org.bo.actor, user_code=typed)).device == "nvim"


@pytest.mark.parametrize("code", ["", "----", "BBBB-BBBB", "x" * 10_000, "\0", "'; DROP TABLE device_grant"])
async def test_a_code_that_nobody_was_shown_finds_nothing(org: SampleOrg, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await devices.describe_device(org.ledger, actor=org.bo.actor, user_code=code)

    assert caught.value.code is Code.NOT_FOUND


async def test_a_lapsed_code_cannot_be_approved_and_is_forgotten_in_time(either_org: SampleOrg) -> None:
    org = either_org
    started = await _start(org)
    org.clock.advance(devices.CODE_LIFE)
    with pytest.raises(Refused) as caught:
        await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)
    lapsed = await _poll(org, started)
    org.clock.advance(devices.CODE_LIFE + timedelta(microseconds=1))
    await _start(org)
    forgotten = await _poll(org, started)

    assert caught.value.code is Code.NOT_FOUND
    assert (lapsed, forgotten) == (DeviceProblem.EXPIRED, DeviceProblem.INVALID)


async def test_who_left_between_approval_and_token_gets_none(either_org: SampleOrg) -> None:
    org = either_org
    started = await _start(org)
    await devices.approve_device(org.ledger, actor=org.bo.actor, user_code=started.user_code)
    await members.deactivate(org.ledger, actor=org.ada.actor, member_id=org.bo.id)

    assert await _poll(org, started) is DeviceProblem.DENIED


async def test_a_device_never_administers(org: SampleOrg) -> None:
    with pytest.raises(Refused) as caught:
        await devices.start_device(org.ledger, scopes=[Scope.ADMIN], device="nvim", place="here")

    assert caught.value.code is Code.INVALID_REQUEST


async def test_codes_are_of_letters_that_form_no_words(org: SampleOrg) -> None:
    codes = [(await _start(org)).user_code for _ in range(20)]

    assert len(set(codes)) == 20
    assert all(len(code) == 9 and code[4] == "-" for code in codes)
    assert not set("".join(codes)) & set("AEIOUY0123456789")


async def test_what_is_stored_of_a_sign_in_does_not_redeem_it(org: SampleOrg) -> None:
    started = await _start(org)
    with org.ledger.engine.connect() as connection:
        row = repr(connection.execute(text("SELECT * FROM device_grant")).one())

    assert started.device_code not in row


async def test_so_many_sign_ins_wait_at_once_and_no_more(org: SampleOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MAX_WAITING", 3)
    for _ in range(3):
        await _start(org)
    with pytest.raises(Refused) as caught:
        await _start(org)

    assert caught.value.code is Code.OVERLOADED
