"""Asking in Slack: the command, the question with its buttons, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.ledger.credits import Credits
from core.services.sharing import requests
from core.services.sharing.requests import RequestView
from tests.support.slack_world import AL, BO, CY, SlackWorld, said_text, slack_world

CREDITS = "/credits"


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    async with slack_world(sqlite_url) as world:
        yield world


async def made(world: SlackWorld) -> RequestView:
    """Return the newest request of Bo."""
    return (await requests.list_requests(world.ledger, actor=await world.actor(BO))).items[0]


async def asks(world: SlackWorld, amount: str = "300") -> RequestView:
    """Let Bo ask Al, and return the request once Al has been told."""
    await world.types(BO, CREDITS, f"request <@{AL}|al> {amount} the <release>")
    await world.slack.until(lambda: len(world.slack.inbox(AL)) == 1)
    return await made(world)


async def test_somebody_named_is_asked_with_two_buttons(world: SlackWorld) -> None:
    answer = said_text(await world.types(BO, CREDITS, f"request <@{AL}|al> 1,000 a payload for Friday"))
    await world.slack.until(lambda: len(world.slack.inbox(AL)) == 1)
    [told] = world.slack.inbox(AL)

    assert f"Asked <@{AL}> for *1,000 cr*" in answer
    assert "a payload for Friday" in answer
    assert "asks for 1,000 cr: a payload for Friday" in told.text
    assert (await made(world)).id in told.text
    assert "request_pledge" in told.text


async def test_pressing_pledge_promises_what_one_can_once_however_often_it_comes(world: SlackWorld) -> None:
    asked = await asks(world, "900")
    for _ in range(2):
        await world.presses(AL, "request_pledge", asked.id, action_ts="1.5")
    await asyncio.sleep(0)
    now = await made(world)

    assert str(now.pledged) == "500", "one gift may be at most 500 cr"
    assert (await world.balance(AL)).held_gifts == Credits.of(0)


async def test_a_pledge_that_fills_it_becomes_a_gift(world: SlackWorld) -> None:
    asked = await asks(world)
    await world.presses(AL, "request_pledge", asked.id)
    await world.slack.until(lambda: bool(world.slack.inbox(BO)))

    assert (await world.balance(AL)).held_gifts == Credits.of(300)
    assert (await world.balance(BO)).incoming == Credits.of(300)


async def test_pressing_decline_says_no_and_only_who_is_asked_can(world: SlackWorld) -> None:
    asked = await asks(world)
    await world.presses(CY, "request_decline", asked.id)
    before = (await made(world)).state.value
    await world.presses(AL, "request_decline", asked.id)

    assert (before, (await made(world)).state.value) == ("open", "declined")


@pytest.mark.parametrize("slip", ["request", "request many", f"request <@{AL}>", "request -5", f"request <@{AL}> 1e9"])
async def test_a_slip_is_answered_with_the_form_and_asks_nobody(world: SlackWorld, slip: str) -> None:
    answer = said_text(await world.types(BO, CREDITS, slip))

    assert "Try: /credits request 300" in answer
    assert (await requests.list_requests(world.ledger, actor=await world.actor(BO))).items == ()


async def test_who_comes_too_late_is_shown_what_became_of_it(world: SlackWorld) -> None:
    """No dead buttons: filled by others meanwhile, or withdrawn."""
    asked = await asks(world)
    await requests.pledge(
        world.ledger, actor=await world.actor(AL), key="by editor", request_id=asked.id, amount=Credits.of(300)
    )
    await world.presses(AL, "request_pledge", asked.id)
    await world.slack.until(lambda: any("It's been filled." in call.text for call in world.slack.calls))

    assert (await world.balance(AL)).held_gifts == Credits.of(300)
