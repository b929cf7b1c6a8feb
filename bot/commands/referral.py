"""``/credits referral``: one's code for people who are new here; with somebody's code, by whom one came."""

from __future__ import annotations

from bot.context import AppContext
from bot.messages import referrals as views
from bot.messages.blocks import Message
from core.services.common.actors import Actor
from core.services.sharing import referrals


async def referral(app_context: AppContext, actor: Actor, code: str) -> Message:
    """Raises Refused: not_verified without an identity that is, and what ``use_code`` raises."""
    if code:
        return views.came((await referrals.use_code(app_context.ledger, actor=actor, code=code)).item)
    own = await referrals.make_code(app_context.ledger, actor=actor)
    return views.invites(own, await referrals.referrals(app_context.ledger, actor=actor))
