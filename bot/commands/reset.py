"""``/credits reset``: use a reset that is banked; the allowance starts afresh, and resets when it would have."""

from __future__ import annotations

from bot.desk import Desk
from bot.views.blocks import Said, context, say, section
from core.services import balances, resets
from core.services.views import Actor


async def reset(desk: Desk, actor: Actor) -> Said:
    """Use what expires first. Raises Refused(not_found) without any, nothing_to_reset: then it is kept."""
    first = await resets.next_banked(desk.ledger, actor=actor)
    await resets.use(desk.ledger, actor=actor, reset_id=first.id)
    state = await balances.balance(desk.ledger, actor=actor)
    left = state.resets_banked.count
    return say(
        section(f"Your allowance starts afresh: *{state.spendable.shown()} cr* to spend."),
        context(f"Its windows reset when they would have. Resets still banked: {left}."),
    )
