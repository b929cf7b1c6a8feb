"""Who is here: people who join, change or leave the workspace."""

from __future__ import annotations

from typing import Final

from bot import member_lookup
from bot.context import AppContext
from bot.payloads import Payload, is_slack_id
from core.ledger.commands import SYSTEM
from core.ledger.errors import Code, Refused
from core.services.people import members

# Strangers of this house, and people who have left it before.
_NOT_OURS: Final = frozenset({Code.UNKNOWN_MEMBER, Code.NOT_ALLOWED})


async def sync_user(app_context: AppContext, payload: Payload) -> None:
    """Take in what Slack says of a person, whole each time, so that a repeated event changes nothing.

    Strangers, and people who left before we met them, stay out.
    """
    user, team_id = payload["event"].get("user"), payload["team_id"]
    if not isinstance(user, dict) or not is_slack_id(user.get("id")):
        return
    profile = member_lookup.profile_of(user, team_id=team_id, user_id=user["id"])
    try:
        if profile.deleted:
            await _leave(app_context, team_id=team_id, user_id=profile.user_id)
        else:
            await members.join_from_slack(app_context.ledger, profile)
    except Refused as refused:
        if refused.code not in _NOT_OURS:
            raise


async def _leave(app_context: AppContext, *, team_id: str, user_id: str) -> None:
    """Let somebody go: their open gifts go back, their tokens end (G4)."""
    actor = await members.slack_actor(app_context.ledger, team_id=team_id, user_id=user_id)
    if actor is not None:
        await members.leave(app_context.ledger, org_id=actor.org_id, actor_id=SYSTEM, member_id=actor.member_id)
