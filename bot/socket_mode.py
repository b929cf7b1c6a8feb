"""Socket Mode: Slack's requests over a connection of ours, for a house without a public address."""

from __future__ import annotations

import asyncio
from typing import Final

from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from bot.log import logger, quiet_logger

PATIENCE_SECONDS: Final = 30.0


async def keep_socket_open(app: AsyncApp, *, token: SecretStr) -> None:
    """Connect and stay connected until cancelled; the library reconnects by itself, quietly."""
    handler = AsyncSocketModeHandler(app, token.get_secret_value(), logger=quiet_logger())
    connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
    try:
        while not (await asyncio.wait({connecting}, timeout=PATIENCE_SECONDS))[0]:
            logger.warning("Slack's Socket Mode is not connected; is TEAMCREDITS_SLACK_APP_TOKEN right? Trying again")
        logger.info("Slack is connected by Socket Mode")
        await asyncio.Event().wait()
    finally:
        connecting.cancel()
        await handler.close_async()  # type: ignore[no-untyped-call]
