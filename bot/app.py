"""Which of Slack's requests goes where: Bolt's routing over our listeners, none of which raises.

Bolt runs without its own verification and parsing, which bot/http_endpoint.py does first, and without calls of its own.
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

from bot import replies
from bot.action_ids import CREDITS_COMMAND, GIFT_COMMAND, ActionId
from bot.actions.clicks import answer_click
from bot.actions.gifts import decide_gift
from bot.actions.links import decide_link
from bot.actions.requests import answer_request
from bot.commands.credits import credits_
from bot.commands.gift_credits import gift_credits
from bot.context import AppContext
from bot.events.home import show_home
from bot.events.uninstalled import forget_workspace
from bot.events.user_sync import sync_user
from bot.log import log_defect, quiet_logger
from bot.messages.blocks import Message
from bot.payloads import Payload
from bot.pending import ANSWER_SECONDS
from bot.slack_api import Identity

Listener = Callable[..., Awaitable[None]]
EventListener = Callable[..., Awaitable[BoltResponse]]
CommandWork = Callable[[AppContext, Payload], Awaitable[Message]]
EventWork = Callable[[AppContext, Payload], Awaitable[None]]


def build_app(app_context: AppContext) -> AsyncApp:
    """Return the Bolt app with every listener of this house."""

    async def authorize() -> AuthorizeResult:
        known = app_context.identity or Identity("", "", None)
        return AuthorizeResult(
            enterprise_id=None,
            team_id=known.team_id,
            bot_user_id=known.user_id,
            bot_id=known.bot_id,
            bot_token=app_context.slack.client.token,
        )

    app = AsyncApp(
        name="teamcredits",
        logger=quiet_logger(),
        client=app_context.slack.client,
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
    )
    app.command(GIFT_COMMAND)(_command(app_context, gift_credits))
    app.command(CREDITS_COMMAND)(_command(app_context, credits_))
    app.action(re.compile(r"^(?:gift|list)_(?:cancel|decline)$"))(_click(app_context, decide_gift))
    app.action(re.compile(f"^(?:{ActionId.LINK_APPROVE}|{ActionId.LINK_DENY})$"))(_click(app_context, decide_link))
    app.action(re.compile(f"^(?:{ActionId.REQUEST_PLEDGE}|{ActionId.REQUEST_DECLINE})$"))(
        _click(app_context, answer_request)
    )
    app.event("team_join")(_event(app_context, sync_user))
    app.event("user_change")(_event(app_context, sync_user))
    app.event("app_home_opened")(_event(app_context, show_home))
    app.event("app_uninstalled")(_event(app_context, forget_workspace))
    app.event("tokens_revoked")(_event(app_context, forget_workspace))
    return app


def _command(app_context: AppContext, work: CommandWork) -> Listener:
    async def listener(ack: AsyncAck, body: dict[str, Any]) -> None:
        async def afterwards(reply: Message) -> None:
            await replies.direct_message(app_context, body["user_id"], reply)

        once = "\n".join(("cmd", body["trigger_id"], body["user_id"], body["command"], body.get("text", "")))
        reply = await app_context.pending.answer(once, lambda: work(app_context, body), afterwards=afterwards)
        await ack(reply.ephemeral())

    return listener


def _click(app_context: AppContext, work: CommandWork) -> Listener:
    async def listener(ack: AsyncAck, body: dict[str, Any]) -> None:
        await answer_click(app_context, body, lambda: work(app_context, body))
        await ack()

    return listener


def _event(app_context: AppContext, work: EventWork) -> EventListener:
    """Acknowledge what took effect; Slack sends the rest again."""

    async def listener(body: dict[str, Any]) -> BoltResponse:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await work(app_context, body)
        except Exception as error:
            log_defect(f"The event {body['event']['type']}", error)
            return BoltResponse(status=503)
        return BoltResponse(status=200)

    return listener
