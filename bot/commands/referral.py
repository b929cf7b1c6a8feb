"""``/credits referral``: one's code for people who are new here; with somebody's code, by whom one came."""

from __future__ import annotations

from bot.desk import Desk
from bot.views import referrals as views
from bot.views.blocks import Said
from core.services import referrals
from core.services.views import Actor


async def referral(desk: Desk, actor: Actor, code: str) -> Said:
    """Raises Refused: not_verified without an identity that is, and what ``use_code`` raises."""
    if code:
        return views.came((await referrals.use_code(desk.ledger, actor=actor, code=code)).item)
    own = await referrals.make_code(desk.ledger, actor=actor)
    return views.invites(own, await referrals.referrals(desk.ledger, actor=actor))
