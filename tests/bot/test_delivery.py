"""From the outbox to Slack: at least once, in order, at Slack's pace, and never for ever."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from bot.frontend import build
from core.ledger.credits import Credits
from core.ledger.ids import Prefix, shown_id
from core.services.common.recipients import Recipient
from core.services.gifts import gifts
from tests.support.slack_server import Call, refuses, says
from tests.support.slack_world import AL, BO, CY, SlackWorld, slack_settings, slack_world
from tests.support.waiting import eventually

GIVE = "/gift-credits"


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    async with slack_world(sqlite_url) as world:
        yield world


@contextlib.asynccontextmanager
async def time_passing(world: SlackWorld) -> AsyncIterator[None]:
    """Let the ledger's clock run, an hour in each tenth of a second."""

    async def run() -> None:
        while True:
            await asyncio.sleep(0.1)
            world.clock.advance(timedelta(hours=1))

    running = asyncio.create_task(run())
    try:
        yield
    finally:
        running.cancel()


async def both_told(world: SlackWorld) -> None:
    await world.slack.until(lambda: len(world.slack.messages) == 2)


async def test_a_rate_limit_is_waited_for_as_long_as_slack_says(world: SlackWorld) -> None:
    limited = says({"ok": False, "error": "ratelimited"}, status=429, Retry_After="1")
    world.slack.script("chat.postMessage", limited, limited)
    began = asyncio.get_running_loop().time()
    await world.types(AL, GIVE, f"<@{BO}> 500")
    await both_told(world)

    assert asyncio.get_running_loop().time() - began >= 1.0
    assert len(world.slack.made("chat.postMessage")) == 4


@pytest.mark.parametrize(
    "failure",
    [
        says({"ok": False, "error": "internal_error"}, status=500),
        says({"ok": False, "error": "fatal_error"}),
        says({"ok": False, "error": "ratelimited"}, status=429, Retry_After="600"),
        says({"ok": False}, status=503, Retry_After="soon"),
        says({"ok": True}),
        refuses("missing_scope"),
    ],
    ids=["500", "fatal", "long limit", "503", "no channel", "scope"],
)
async def test_what_may_work_later_is_tried_again(world: SlackWorld, failure: object) -> None:
    world.slack.script("chat.postMessage", failure, failure)  # type: ignore[arg-type]
    async with time_passing(world):
        await world.types(AL, GIVE, f"<@{BO}> 500")
        await both_told(world)

    assert len(world.slack.made("chat.postMessage")) == 4


async def test_a_revoked_token_stops_deliveries_until_slack_knows_us_again(world: SlackWorld) -> None:
    world.slack.script("chat.postMessage", refuses("token_revoked"))
    world.slack.script("auth.test", refuses("token_revoked"))
    await world.types(AL, GIVE, f"<@{BO}> 500")
    await both_told(world)

    assert len(world.slack.made("auth.test")) == 2


async def test_what_can_never_work_is_given_up_and_named(world: SlackWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    world.slack.script("chat.postMessage", *[refuses("user_disabled")] * 2)
    await world.types(AL, GIVE, f"<@{BO}> 500 secret words")
    await world.types(AL, GIVE, f"<@{CY}> 5")
    await both_told(world)
    await eventually(lambda: caplog.text.count("user_disabled") == 2)

    assert len(world.slack.made("chat.postMessage")) == 4
    assert "secret words" not in caplog.text


async def test_a_gift_decided_while_its_messages_were_on_the_way_leaves_no_dead_button(world: SlackWorld) -> None:
    released = asyncio.Event()

    async def held() -> web.StreamResponse:
        await released.wait()
        place = (f"D{next(numbers)}", "1.000001")
        world.slack.messages[place] = Call("chat.postMessage", {})
        return web.json_response({"ok": True, "channel": place[0], "ts": place[1]})

    numbers = itertools.count(1)
    world.slack.script("chat.postMessage", held, held)
    await world.types(AL, GIVE, f"<@{BO}> 500")
    await world.slack.until(lambda: len(world.slack.made("chat.postMessage")) == 2)
    page = await gifts.gifts(world.ledger, actor=await world.actor(AL))
    await gifts.cancel(world.ledger, actor=await world.actor(AL), gift_id=str(page.items[0].id))
    released.set()
    await world.slack.until(
        lambda: {call.arguments["channel"] for call in world.slack.made("chat.update")} == {"D1", "D2"}
    )

    assert not [call for call in world.slack.made("chat.update") if '"button"' in call.text]
    assert len(world.slack.made("chat.postMessage")) == 2  # nothing posted beside it


async def test_people_without_slack_hold_nothing_up(world: SlackWorld) -> None:
    ada = shown_id(Prefix.MEMBER, world.admin.member_id)  # she came by the terminal
    await gifts.give(
        world.ledger,
        actor=await world.actor(AL),
        key="k",
        to=[Recipient(member=ada)],
        amount=Credits.of(5),
    )
    await world.types(AL, GIVE, f"<@{BO}> 5")
    await world.slack.until(lambda: len(world.slack.inbox(AL)) == 2 and world.slack.inbox(BO))

    assert "to Ada" in world.slack.inbox(AL)[0].text


async def test_two_servers_send_each_message_once(world: SlackWorld) -> None:
    settings = slack_settings(str(world.ledger.engine.url), world.slack)
    other = build(world.ledger, settings, seconds_between_messages=0.0)
    assert other is not None
    await other.start()
    try:
        for number in range(1, 6):
            await world.types(CY, GIVE, f"<@{AL if number % 2 else BO}> {number}")
            await world.types(AL, GIVE, f"<@{BO if number % 2 else CY}> {number}")
        await world.slack.until(lambda: len(world.slack.messages) >= 14)
        await asyncio.sleep(0.5)
    finally:
        await other.stop()

    posted = [call.text for call in world.slack.made("chat.postMessage")]
    assert len(posted) == len(set(posted))


async def test_what_a_server_died_with_is_sent_by_the_next_after_its_lease(world: SlackWorld) -> None:
    world.slack.script("chat.postMessage", *[says({"ok": False}, after=60.0)] * 2)
    await world.types(AL, GIVE, f"<@{BO}> 500")
    await asyncio.sleep(0.3)
    await world.frontend.stop()
    again = build(world.ledger, slack_settings("sqlite:///x", world.slack), seconds_between_messages=0.0)
    assert again is not None
    await again.start()
    try:
        world.clock.advance(timedelta(minutes=5))
        await both_told(world)
    finally:
        await again.stop()
