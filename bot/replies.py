"""Answers that do not fit into the acknowledgement: by the response URL, or else by direct message."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from bot.context import AppContext
from bot.log import logger
from bot.messages.blocks import Message
from bot.slack_api import PermanentError, RetryableError

PAUSES: Final = (1.0, 5.0)
LONGEST_PAUSE: Final = 30.0


async def replace_original(app_context: AppContext, payload: dict[str, Any], reply: Message) -> None:
    """Put an answer in the place of the message whose button was pressed."""
    await _post(app_context, payload, reply, {"replace_original": True, **reply.payload()})


async def ephemeral_reply(app_context: AppContext, payload: dict[str, Any], reply: Message) -> None:
    """Show an answer to the person who pressed, and leave the message as it is."""
    await _post(app_context, payload, reply, {"replace_original": False, **reply.ephemeral()})


async def direct_message(app_context: AppContext, user_id: str, reply: Message) -> None:
    """Send an answer as a direct message; a Slack that is busy is asked again a few times."""
    for pause in PAUSES:
        try:
            await app_context.slack.post(user_id, reply)
        except RetryableError as later:
            await asyncio.sleep(min(later.seconds or pause, LONGEST_PAUSE))
        else:
            return
    await app_context.slack.post(user_id, reply)


async def _post(app_context: AppContext, payload: dict[str, Any], reply: Message, body: dict[str, Any]) -> None:
    """A response URL lives 30 minutes and five uses; after that the answer still reaches the person."""
    url = payload.get("response_url")
    try:
        await app_context.slack.answer(url if isinstance(url, str) else "", body)
    except (RetryableError, PermanentError) as failure:
        logger.info("a response URL did not take an answer (%s); it goes by direct message", failure.why)
        await direct_message(app_context, payload["user"]["id"], reply)
