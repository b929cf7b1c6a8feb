"""Pledge and Decline under the message that tells somebody they are asked for credits."""

from __future__ import annotations

from bot import member_lookup
from bot.action_ids import ActionId
from bot.context import AppContext
from bot.messages import requests as views
from bot.messages.blocks import Message
from bot.payloads import Payload
from core.ledger.credits import Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.services.common.actors import Actor
from core.services.sharing import requests
from core.services.wallet import balances


async def answer_request(app_context: AppContext, payload: Payload) -> Message:
    """Do what was pressed, for whoever pressed it, and return what to show in the message's place.

    Somebody who comes too late is shown what became of the request.
    """
    pressed = payload["actions"][0]
    request_id, key = str(pressed.get("value")), f"slack:act:{pressed.get('value')}:{pressed.get('action_ts')}"
    actor = await member_lookup.acting_member(app_context, team_id=payload["team"]["id"], user_id=payload["user"]["id"])
    try:
        if pressed["action_id"] == ActionId.REQUEST_PLEDGE:
            amount = await _what_they_can(app_context, actor, request_id)
            done = await requests.pledge(app_context.ledger, actor=actor, key=key, request_id=request_id, amount=amount)
        else:
            done = await requests.decline(app_context.ledger, actor=actor, key=key, request_id=request_id)
        request = done.item
    except Refused as refused:
        if refused.code is not Code.REQUEST_NOT_OPEN:
            raise
        request = await requests.request(app_context.ledger, actor=actor, request_id=request_id)
    return views.outcome(request, me=shown_id(Prefix.MEMBER, actor.member_id))


async def _what_they_can(app_context: AppContext, actor: Actor, request_id: str) -> Credits:
    """Return what others leave of it, as far as they may give it now; all of that when they may give nothing, so
    that they are told why not."""
    request = await requests.request(app_context.ledger, actor=actor, request_id=request_id)
    me = shown_id(Prefix.MEMBER, actor.member_id)
    room = request.amount - total(part.amount for part in request.pledges if part.by.id != me)
    balance = await balances.balance(app_context.ledger, actor=actor)
    limits = [balance.giftable, *([] if balance.gift_limit_left is None else [balance.gift_limit_left])]
    return min(room, *limits) or room or request.amount  # of a closed one nothing is left; that is said by the refusal
