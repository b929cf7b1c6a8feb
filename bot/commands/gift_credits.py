"""``/gift-credits @bo 500 thanks``: at once, to one or several people, all or none."""

from __future__ import annotations

import asyncio

from bot import people
from bot.desk import Desk
from bot.grammar import parse_gift
from bot.payloads import Payload
from bot.text import visible
from bot.views import gifts as gift_views
from bot.views import guide
from bot.views.blocks import Said
from core.services import gifts
from core.services.gifts import Recipient


async def gift_credits(desk: Desk, command: Payload) -> Said:
    """Give. The key is the command's trigger, so that a second delivery gets the same answer and gives nothing."""
    text = command.get("text", "")
    if visible(text).lower() in {"", "help"}:
        return guide.giving()
    wanted = parse_gift(text)
    team_id = command["team_id"]
    giver = await people.acting(desk, team_id=team_id, user_id=command["user_id"])
    receivers = await asyncio.gather(
        *(people.named(desk, team_id=team_id, user_id=user_id) for user_id in wanted.user_ids)
    )
    answer = await gifts.give(
        desk.ledger,
        actor=giver,
        key=f"slack:cmd:{command['trigger_id']}",
        to=[Recipient(member=each.id) for each in receivers],
        amount=wanted.amount,
        message=wanted.reason,
    )
    return gift_views.given(answer.item)
