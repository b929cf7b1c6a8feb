"""Answers that do not fit into the acknowledgement: by the response URL, or else by direct message."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from bot.desk import Desk
from bot.log import logger
from bot.views.blocks import Said
from bot.web_api import Later, Never

PAUSES: Final = (1.0, 5.0)
LONGEST_PAUSE: Final = 30.0


async def instead(desk: Desk, payload: dict[str, Any], said: Said) -> None:
    """Put an answer in the place of the message whose button was pressed."""
    await _post(desk, payload, said, {"replace_original": True, **said.payload()})


async def beside(desk: Desk, payload: dict[str, Any], said: Said) -> None:
    """Show an answer to the person who pressed, and leave the message as it is."""
    await _post(desk, payload, said, {"replace_original": False, **said.ephemeral()})


async def by_message(desk: Desk, user_id: str, said: Said) -> None:
    """Send an answer as a direct message; a Slack that is busy is asked again a few times."""
    for pause in PAUSES:
        try:
            await desk.slack.post(user_id, said)
        except Later as later:
            await asyncio.sleep(min(later.seconds or pause, LONGEST_PAUSE))
        else:
            return
    await desk.slack.post(user_id, said)


async def _post(desk: Desk, payload: dict[str, Any], said: Said, body: dict[str, Any]) -> None:
    """A response URL lives 30 minutes and five uses; after that the answer still reaches the person."""
    url = payload.get("response_url")
    try:
        await desk.slack.answer(url if isinstance(url, str) else "", body)
    except (Later, Never) as failure:
        logger.info("a response URL did not take an answer (%s); it goes by direct message", failure.why)
        await by_message(desk, payload["user"]["id"], said)
