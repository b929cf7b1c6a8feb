"""Who is here: people who join, change or leave the workspace."""

from __future__ import annotations

from bot import people
from bot.desk import Desk
from bot.payloads import Payload
from core.ledger.errors import Code, Refused
from core.services import members


async def keep_roster(desk: Desk, payload: Payload) -> None:
    """Take in what Slack says of a person, whole each time, so that a repeated event changes nothing.

    Strangers, and people who left before we met them, stay out.
    """
    user, team_id = payload["event"].get("user"), payload["team_id"]
    if not isinstance(user, dict) or not isinstance(user.get("id"), str):
        return
    profile = people.profile_of(user, team_id=team_id, user_id=user["id"])
    known = await members.slack_member(desk.ledger, team_id=team_id, user_id=profile.user_id)
    if known is None and profile.deleted:
        return
    try:
        await members.join_from_slack(desk.ledger, profile)
    except Refused as refused:
        if refused.code is not Code.UNKNOWN_MEMBER:
            raise
