"""/credits: the balance, what moved, help, signing in an editor, freezing."""

from __future__ import annotations

import pytest

from core.ledger.credits import ZERO
from core.ledger.errors import Refused
from core.services.common.actors import Scope
from core.services.people import devices, tokens
from core.services.people.devices import DeviceError, DeviceStart
from tests.support.slack_world import AL, BO, DEE, SlackWorld, said_text, slack_world

CREDITS = "/credits"


async def a_device(world: SlackWorld) -> DeviceStart:
    return await devices.start_device(
        world.ledger, scopes=[Scope.READ, Scope.GIVE], device="Neovim on <host>", place="10.0.0.1"
    )


async def test_the_balance_shows_what_can_be_spent_and_given(database_url: str) -> None:
    async with slack_world(database_url) as world:
        reply = await world.types(AL, CREDITS)

        assert "4,000 cr" in reply["text"]
        assert "up to 500 cr" in said_text(reply)
        assert said_text(await world.types(AL, CREDITS, "balance")) == said_text(reply)


async def test_somebody_new_comes_in_with_an_empty_wallet(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        assert "*0 cr*" in (await world.types(DEE, CREDITS))["text"]


async def test_history_shows_grants_and_gifts(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        await world.types(AL, "/gift-credits", f"<@{BO}> 500")
        text = (await world.types(AL, CREDITS, "history"))["text"]

        assert "+4,000 cr" in text
        assert "−500 cr" in text


async def test_help_and_unknown_words_show_what_there_is(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        assert "/gift-credits @bo 500" in said_text(await world.types(AL, CREDITS, "help"))
        assert "&lt;frob&gt;" in said_text(await world.types(AL, CREDITS, "&lt;frob&gt; nicate"))
        assert "/gift-credits @bo 500" in said_text(await world.types(AL, "/gift-credits"))
        assert "/gift-credits @bo 500" in said_text(await world.types(AL, "/gift-credits", " help "))


async def test_a_device_is_shown_and_gets_a_token_only_on_approve(database_url: str) -> None:
    async with slack_world(database_url) as world:
        device = await a_device(world)
        shown = said_text(await world.types(AL, CREDITS, f"link {device.user_code.lower()}"))

        for part in ("Neovim on &lt;host&gt;", "10.0.0.1", "give credits in your name"):
            assert part in shown
        with pytest.raises(DeviceError, match="authorization_pending"):
            await devices.poll_device(world.ledger, device_code=device.device_code)

        for _ in range(2):  # a double click
            await world.presses(AL, "link_approve", device.user_code)
        await world.slack.until(lambda: len(world.slack.made("response_url", replace_original=True)) == 2)
        token = await devices.poll_device(world.ledger, device_code=device.device_code)
        actor = await tokens.authenticate(world.ledger, token.access_token)
        assert actor.member_id == (await world.actor(AL)).member_id
        assert actor.scopes == {Scope.READ, Scope.GIVE}
        assert "signed in" in world.slack.made("response_url")[0].text


async def test_a_denied_device_gets_nothing(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        device = await a_device(world)
        await world.presses(AL, "link_deny", device.user_code)
        await world.slack.until(lambda: world.slack.made("response_url"))

        assert "not let in" in world.slack.made("response_url")[0].text
        with pytest.raises(DeviceError, match="access_denied"):
            await devices.poll_device(world.ledger, device_code=device.device_code)


@pytest.mark.parametrize("code", ["WDJB-MJHT", "x", "<@U1>", "'; DROP TABLE", "A" * 500])
async def test_a_code_that_nothing_waits_under_is_said_so(sqlite_url: str, code: str) -> None:
    async with slack_world(sqlite_url) as world:
        assert "isn't valid or has expired" in (await world.types(AL, CREDITS, f"link {code}"))["text"]


async def test_link_without_a_code_says_where_the_code_is(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        assert "WDJB-MJHT" in (await world.types(AL, CREDITS, "link"))["text"]


async def test_freeze_takes_back_gifts_and_signs_out_everything_and_twice_is_once(database_url: str) -> None:
    async with slack_world(database_url) as world:
        await world.types(AL, "/gift-credits", f"<@{BO}> 500")
        device = await a_device(world)
        await devices.approve_device(world.ledger, actor=await world.actor(AL), user_code=device.user_code)
        token = await devices.poll_device(world.ledger, device_code=device.device_code)
        first = await world.types(AL, CREDITS, "freeze")
        again = await world.types(AL, CREDITS, "freeze")

        assert first == again
        assert "frozen" in first["text"]
        assert (await world.balance(AL)).held_gifts == ZERO
        assert "frozen" in (await world.types(AL, "/gift-credits", f"<@{BO}> 5"))["text"]
        with pytest.raises(Refused, match="unauthenticated"):
            await tokens.authenticate(world.ledger, token.access_token)
