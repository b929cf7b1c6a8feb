"""``/gift-credits @bo 500 thanks``: at once, to one or several people, all or none."""

from __future__ import annotations

import asyncio

from bot import member_lookup
from bot.context import AppContext
from bot.messages import gifts as gift_views
from bot.messages import usage_help
from bot.messages.blocks import Message
from bot.mrkdwn import visible
from bot.parsing import parse_gift
from bot.payloads import Payload
from core.services.common.recipients import Recipient
from core.services.gifts import gifts


async def gift_credits(app_context: AppContext, command: Payload) -> Message:
    """Give. The key is the command's trigger, so that a second delivery gets the same answer and gives nothing."""
    text = command.get("text", "")
    if visible(text).lower() in {"", "help"}:
        return usage_help.gift_help()
    wanted = parse_gift(text)
    team_id = command["team_id"]
    giver = await member_lookup.acting_member(app_context, team_id=team_id, user_id=command["user_id"])
    receivers = await asyncio.gather(
        *(member_lookup.mentioned_members(app_context, team_id=team_id, user_id=user_id) for user_id in wanted.user_ids)
    )
    answer = await gifts.give(
        app_context.ledger,
        actor=giver,
        key=f"slack:cmd:{command['trigger_id']}",
        to=[Recipient(member=each.id) for each in receivers],
        amount=wanted.amount,
        message=wanted.reason,
    )
    return gift_views.gift_sent(answer.item)
