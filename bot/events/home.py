"""The Home tab: what is left, in the reader's own time zone."""

from __future__ import annotations

from bot import people
from bot.desk import Desk
from bot.errors import in_words
from bot.payloads import Payload
from bot.views import balances as balance_views
from core.ledger.errors import Refused
from core.services import balances


async def show_home(desk: Desk, payload: Payload) -> None:
    """Publish the tab when somebody opens it; after the acknowledgement, since Slack is asked."""
    event = payload["event"]
    user_id = event.get("user")
    if event.get("tab", "home") != "home" or not isinstance(user_id, str):
        return
    desk.errands.run(_publish(desk, team_id=payload["team_id"], user_id=user_id))


async def _publish(desk: Desk, *, team_id: str, user_id: str) -> None:
    try:
        actor = await people.acting(desk, team_id=team_id, user_id=user_id)
        view = balance_views.home(await balances.balance(desk.ledger, actor=actor))
    except Refused as refused:
        view = balance_views.stranger_home(in_words(refused).text)
    await desk.slack.publish_home(user_id, view)
