"""``/credits request 300 a release``, ``/credits request @al 300 a release``: ask for credits."""

from __future__ import annotations

import asyncio
from typing import Final

from bot import people
from bot.desk import Desk
from bot.grammar import GiftOrder, Slip, parse_gift
from bot.names import CREDITS_COMMAND
from bot.payloads import Payload
from bot.text import plain
from bot.views import requests as views
from bot.views.blocks import Said
from core.ledger.credits import Credits
from core.services import requests
from core.services.views import Actor

_FORM: Final = f"{CREDITS_COMMAND} request 300 a release on Friday"


async def request(desk: Desk, actor: Actor, asked: str, command: Payload) -> Said:
    """Ask those who are named, or else one's leads. Raises Slip for what is no request."""
    order = _parsed(asked)
    team_id = command["team_id"]
    named = await asyncio.gather(*(people.named(desk, team_id=team_id, user_id=each) for each in order.user_ids))
    answer = await requests.ask(
        desk.ledger,
        actor=actor,
        key=f"slack:cmd:{command['trigger_id']}",
        amount=order.amount,
        reason=order.reason,
        to=[each.id for each in named],
    )
    return views.asked(answer.item)


def _parsed(asked: str) -> GiftOrder:
    """Read whom (or nobody), how much and why, in this order."""
    if asked.startswith("<"):
        try:
            return parse_gift(asked)
        except Slip as slip:
            raise Slip(slip.hint, _FORM) from None  # its own correction would give credits away
    amount, _, reason = asked.partition(" ")
    try:
        return GiftOrder((), Credits.parse_typed(amount), plain(reason).strip() or None)
    except ValueError:
        raise Slip("After `request` comes how much, and why; before it, if you like, whom.", _FORM) from None
