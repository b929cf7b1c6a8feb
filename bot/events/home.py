"""The Home tab: what is left, in the reader's own time zone."""

from __future__ import annotations

from bot import member_lookup
from bot.context import AppContext
from bot.messages import balances as balance_views
from bot.messages.blocks import Message
from bot.payloads import Payload, is_slack_id
from bot.pending import run_safely
from core.services.wallet import balances


async def show_home(app_context: AppContext, payload: Payload) -> None:
    """Publish the tab when somebody opens it; after the acknowledgement, since Slack is asked."""
    event = payload["event"]
    user_id = str(event.get("user"))
    if event.get("tab", "home") != "home" or not is_slack_id(user_id):
        return
    app_context.pending.run(_publish(app_context, team_id=payload["team_id"], user_id=user_id))


async def _publish(app_context: AppContext, *, team_id: str, user_id: str) -> None:
    async def look() -> Message:
        actor = await member_lookup.acting_member(app_context, team_id=team_id, user_id=user_id)
        return balance_views.balance(await balances.balance(app_context.ledger, actor=actor))

    await app_context.slack.publish_home(user_id, balance_views.home(await run_safely(look)))
