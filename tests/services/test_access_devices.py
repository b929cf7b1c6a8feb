"""Signing in a device (RFC 8628), below HTTP and on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.ledger.errors import Code, Refused
from core.services import access, devices, members
from core.services.devices import DeviceError, DeviceProblem, DeviceStart, DeviceToken
from core.services.views import Scope
from tests.support.house import House


async def _start(house: House) -> DeviceStart:
    return await devices.start_device(house.ledger, scopes=[Scope.READ, Scope.GIVE], device="nvim", place="10.0.0.7")


async def _poll(house: House, started: DeviceStart) -> DeviceToken | DeviceProblem:
    try:
        return await devices.poll_device(house.ledger, device_code=started.device_code)
    except DeviceError as error:
        return error.code


async def test_the_one_who_approves_owns_the_token(either_house: House) -> None:
    house = either_house
    started = await _start(house)
    shown = await devices.approve_device(house.ledger, actor=house.bo.actor, user_code=started.user_code)
    token = await _poll(house, started)

    assert (shown.device, shown.place, shown.scopes) == ("nvim", "10.0.0.7", (Scope.GIVE, Scope.READ))
    assert isinstance(token, DeviceToken)
    actor = await access.authenticate(house.ledger, token.access_token)
    assert (actor.member_id, actor.scopes) == (house.bo.actor.member_id, {Scope.READ, Scope.GIVE})
    house.clock.advance(timedelta(seconds=token.expires_in))
    with pytest.raises(Refused):
        await access.authenticate(house.ledger, token.access_token)


async def test_the_owner_is_told_of_each_sign_in_once(either_house: House) -> None:
    house = either_house
    started = await _start(house)
    await devices.approve_device(house.ledger, actor=house.bo.actor, user_code=started.user_code)
    await _poll(house, started)
    await _poll(house, started)
    with house.ledger.engine.connect() as connection:
        query = text("SELECT member_id, body, slack_state FROM outbox WHERE kind = 'signed_in'")
        told = connection.execute(query).all()

    assert [(row.member_id, row.slack_state) for row in told] == [(house.bo.actor.member_id, "queued")]
    assert "nvim has signed in as you, from 10.0.0.7." in str(told[0].body)


async def test_a_sign_in_is_redeemed_once_by_however_many_at_once(either_house: House) -> None:
    house = either_house
    started = await _start(house)
    await devices.approve_device(house.ledger, actor=house.bo.actor, user_code=started.user_code)
    answers = await asyncio.gather(*(_poll(house, started) for _ in range(8)))

    assert sum(isinstance(answer, DeviceToken) for answer in answers) == 1
    assert answers.count(DeviceProblem.INVALID) == 7


async def test_of_two_who_decide_at_once_the_first_wins(either_house: House) -> None:
    house = either_house
    started = await _start(house)
    decisions = await asyncio.gather(
        devices.approve_device(house.ledger, actor=house.al.actor, user_code=started.user_code),
        devices.deny_device(house.ledger, actor=house.bo.actor, user_code=started.user_code),
        return_exceptions=True,
    )

    refused = [each for each in decisions if isinstance(each, Refused)]
    assert [each.code for each in refused] == [Code.NOT_FOUND]


async def test_a_double_click_decides_once_and_a_change_of_mind_does_not_count(either_house: House) -> None:
    house = either_house
    started = await _start(house)
    for _ in range(2):
        await devices.approve_device(house.ledger, actor=house.bo.actor, user_code=started.user_code)
    with pytest.raises(Refused):
        await devices.deny_device(house.ledger, actor=house.bo.actor, user_code=started.user_code)

    assert isinstance(await _poll(house, started), DeviceToken)


@pytest.mark.parametrize("shape", ["{0}", "{0} ", "`{0}`", " {1}"])
async def test_a_code_is_found_however_a_person_types_it(house: House, shape: str) -> None:
    started = await _start(house)
    typed = shape.format(started.user_code, started.user_code.replace("-", " ").lower())

    assert (await devices.describe_device(house.ledger, actor=house.bo.actor, user_code=typed)).device == "nvim"


@pytest.mark.parametrize("code", ["", "----", "BBBB-BBBB", "x" * 10_000, "\0", "'; DROP TABLE device_grant"])
async def test_a_code_that_nobody_was_shown_finds_nothing(house: House, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await devices.describe_device(house.ledger, actor=house.bo.actor, user_code=code)

    assert caught.value.code is Code.NOT_FOUND


async def test_a_lapsed_code_cannot_be_approved_and_is_forgotten_in_time(either_house: House) -> None:
    house = either_house
    started = await _start(house)
    house.clock.advance(devices.CODE_LIFE)
    with pytest.raises(Refused) as caught:
        await devices.approve_device(house.ledger, actor=house.bo.actor, user_code=started.user_code)
    lapsed = await _poll(house, started)
    house.clock.advance(devices.CODE_LIFE + timedelta(microseconds=1))
    await _start(house)
    forgotten = await _poll(house, started)

    assert caught.value.code is Code.NOT_FOUND
    assert (lapsed, forgotten) == (DeviceProblem.EXPIRED, DeviceProblem.INVALID)


async def test_who_left_between_approval_and_token_gets_none(either_house: House) -> None:
    house = either_house
    started = await _start(house)
    await devices.approve_device(house.ledger, actor=house.bo.actor, user_code=started.user_code)
    await members.deactivate(house.ledger, actor=house.ada.actor, member_id=house.bo.id)

    assert await _poll(house, started) is DeviceProblem.DENIED


async def test_a_device_never_administers(house: House) -> None:
    with pytest.raises(Refused) as caught:
        await devices.start_device(house.ledger, scopes=[Scope.ADMIN], device="nvim", place="here")

    assert caught.value.code is Code.INVALID_REQUEST


async def test_codes_are_of_letters_that_form_no_words(house: House) -> None:
    codes = [(await _start(house)).user_code for _ in range(20)]

    assert len(set(codes)) == 20
    assert all(len(code) == 9 and code[4] == "-" for code in codes)
    assert not set("".join(codes)) & set("AEIOUY0123456789")


async def test_what_is_stored_of_a_sign_in_does_not_redeem_it(house: House) -> None:
    started = await _start(house)
    with house.ledger.engine.connect() as connection:
        row = repr(connection.execute(text("SELECT * FROM device_grant")).one())

    assert started.device_code not in row


async def test_so_many_sign_ins_wait_at_once_and_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MAX_WAITING", 3)
    for _ in range(3):
        await _start(house)
    with pytest.raises(Refused) as caught:
        await _start(house)

    assert caught.value.code is Code.OVERLOADED
