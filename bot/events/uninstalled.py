"""The app was taken out of the workspace, or its token withdrawn: deliveries wait until it is back."""

from __future__ import annotations

from bot.context import AppContext
from bot.log import logger
from bot.payloads import Payload


async def forget_workspace(app_context: AppContext, payload: Payload) -> None:
    """Log it. Nothing is deleted: the books are the organization's, and messages wait in the outbox."""
    tokens = payload["event"].get("tokens")
    if isinstance(tokens, dict) and not tokens.get("bot"):
        return  # somebody withdrew a token of their own
    logger.warning("Slack says %s; messages wait until the app is installed again", payload["event"]["type"])
    app_context.disconnected()
