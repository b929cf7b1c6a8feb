"""The Home tab: what is left, in the reader's own time zone."""

from __future__ import annotations

from bot import people
from bot.desk import Desk
from bot.errands import spoken
from bot.payloads import Payload, is_slack_id
from bot.views import balances as balance_views
from bot.views.blocks import Said
from core.services import balances


async def show_home(desk: Desk, payload: Payload) -> None:
    """Publish the tab when somebody opens it; after the acknowledgement, since Slack is asked."""
    event = payload["event"]
    user_id = str(event.get("user"))
    if event.get("tab", "home") != "home" or not is_slack_id(user_id):
        return
    desk.errands.run(_publish(desk, team_id=payload["team_id"], user_id=user_id))


async def _publish(desk: Desk, *, team_id: str, user_id: str) -> None:
    async def look() -> Said:
        actor = await people.acting(desk, team_id=team_id, user_id=user_id)
        return balance_views.balance(await balances.balance(desk.ledger, actor=actor))

    await desk.slack.publish_home(user_id, balance_views.home(await spoken(look)))
