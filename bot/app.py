"""Which of Slack's requests goes where: Bolt's routing over our listeners, none of which raises.

Bolt runs without its own verification and parsing, which bot/door.py does first, and without calls of its own.
A listener acts, then acknowledges: the answer is in the acknowledgement.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse

from bot import answers
from bot.actions.clicks import answer_click
from bot.actions.gifts import decide_gift
from bot.actions.links import decide_link
from bot.actions.requests import answer_request
from bot.commands.credits import credits_
from bot.commands.gift_credits import gift_credits
from bot.desk import Desk
from bot.errands import ANSWER_SECONDS
from bot.events.farewell import say_farewell
from bot.events.home import show_home
from bot.events.roster import keep_roster
from bot.log import log_defect, quiet_logger
from bot.names import CREDITS_COMMAND, GIFT_COMMAND, ActionId
from bot.payloads import Payload
from bot.views.blocks import Said
from bot.web_api import Identity

Listener = Callable[..., Awaitable[None]]
EventListener = Callable[..., Awaitable[BoltResponse]]
CommandWork = Callable[[Desk, Payload], Awaitable[Said]]
EventWork = Callable[[Desk, Payload], Awaitable[None]]


def build_app(desk: Desk) -> AsyncApp:
    """Return the Bolt app with every listener of this house."""

    async def authorize() -> AuthorizeResult:
        known = desk.identity or Identity("", "", None)
        return AuthorizeResult(
            enterprise_id=None,
            team_id=known.team_id,
            bot_user_id=known.user_id,
            bot_id=known.bot_id,
            bot_token=desk.slack.client.token,
        )

    app = AsyncApp(
        name="teamcredits",
        logger=quiet_logger(),
        client=desk.slack.client,
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
    )
    app.command(GIFT_COMMAND)(_command(desk, gift_credits))
    app.command(CREDITS_COMMAND)(_command(desk, credits_))
    app.action(re.compile(r"^(?:gift|list)_(?:cancel|decline)$"))(_click(desk, decide_gift))
    app.action(re.compile(f"^(?:{ActionId.LINK_APPROVE}|{ActionId.LINK_DENY})$"))(_click(desk, decide_link))
    app.action(re.compile(f"^(?:{ActionId.REQUEST_PLEDGE}|{ActionId.REQUEST_DECLINE})$"))(_click(desk, answer_request))
    app.event("team_join")(_event(desk, keep_roster))
    app.event("user_change")(_event(desk, keep_roster))
    app.event("app_home_opened")(_event(desk, show_home))
    app.event("app_uninstalled")(_event(desk, say_farewell))
    app.event("tokens_revoked")(_event(desk, say_farewell))
    return app


def _command(desk: Desk, work: CommandWork) -> Listener:
    async def listener(ack: AsyncAck, body: dict[str, Any]) -> None:
        async def afterwards(said: Said) -> None:
            await answers.by_message(desk, body["user_id"], said)

        once = "\n".join(("cmd", body["trigger_id"], body["user_id"], body["command"], body.get("text", "")))
        said = await desk.errands.answer(once, lambda: work(desk, body), afterwards=afterwards)
        await ack(said.ephemeral())

    return listener


def _click(desk: Desk, work: CommandWork) -> Listener:
    async def listener(ack: AsyncAck, body: dict[str, Any]) -> None:
        await answer_click(desk, body, lambda: work(desk, body))
        await ack()

    return listener


def _event(desk: Desk, work: EventWork) -> EventListener:
    """Acknowledge what took effect; Slack sends the rest again."""

    async def listener(body: dict[str, Any]) -> BoltResponse:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await work(desk, body)
        except Exception as error:
            log_defect(f"The event {body['event']['type']}", error)
            return BoltResponse(status=503)
        return BoltResponse(status=200)

    return listener
