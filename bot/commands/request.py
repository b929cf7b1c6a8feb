"""``/credits request 300 a release``, ``/credits request @al 300 a release``: ask for credits."""

from __future__ import annotations

import asyncio
from typing import Final

from bot import member_lookup
from bot.action_ids import CREDITS_COMMAND
from bot.context import AppContext
from bot.messages import requests as views
from bot.messages.blocks import Message
from bot.mrkdwn import plain
from bot.parsing import GiftCommand, UsageError, parse_gift
from bot.payloads import Payload
from core.ledger.credits import Credits
from core.services.common.actors import Actor
from core.services.sharing import requests

_FORM: Final = f"{CREDITS_COMMAND} request 300 a release on Friday"


async def request(app_context: AppContext, actor: Actor, asked: str, command: Payload) -> Message:
    """Ask those who are named, or else one's leads. Raises Slip for what is no request."""
    order = _parsed(asked)
    team_id = command["team_id"]
    named = await asyncio.gather(
        *(member_lookup.mentioned_members(app_context, team_id=team_id, user_id=each) for each in order.user_ids)
    )
    answer = await requests.ask(
        app_context.ledger,
        actor=actor,
        key=f"slack:cmd:{command['trigger_id']}",
        amount=order.amount,
        reason=order.reason,
        to=[each.id for each in named],
    )
    return views.asked(answer.item)


def _parsed(asked: str) -> GiftCommand:
    """Read whom (or nobody), how much and why, in this order."""
    if asked.startswith("<"):
        try:
            return parse_gift(asked)
        except UsageError as slip:
            raise UsageError(slip.hint, _FORM) from None  # its own correction would give credits away
    amount, _, reason = asked.partition(" ")
    try:
        return GiftCommand((), Credits.parse_typed(amount), plain(reason).strip() or None)
    except ValueError:
        raise UsageError("After `request` comes how much, and why; before it, if you like, whom.", _FORM) from None
