"""``/credits reset``: use a reset that is banked; the allowance starts afresh, and resets when it would have."""

from __future__ import annotations

from bot.context import AppContext
from bot.messages.blocks import Message, context, message, section
from core.services.allowances import resets
from core.services.common.actors import Actor
from core.services.wallet import balances


async def reset(app_context: AppContext, actor: Actor) -> Message:
    """Use what expires first. Raises Refused(not_found) without any, nothing_to_reset: then it is kept."""
    first = await resets.next_banked(app_context.ledger, actor=actor)
    await resets.use(app_context.ledger, actor=actor, reset_id=first.id)
    state = await balances.balance(app_context.ledger, actor=actor)
    left = state.resets_banked.count
    return message(
        section(f"Your allowance starts afresh: *{state.spendable.shown()} cr* to spend."),
        context(f"Its windows reset when they would have. Resets still banked: {left}."),
    )
