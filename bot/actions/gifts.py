"""Cancel and Decline: under the message that told of a gift, and in the list of pending ones."""

from __future__ import annotations

from bot import member_lookup
from bot.action_ids import ActionId
from bot.commands.credits import pending
from bot.context import AppContext
from bot.errors import error_message
from bot.messages import gifts as gift_views
from bot.messages.blocks import Message, context
from bot.payloads import Payload
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.services.common.actors import Actor
from core.services.common.views import GiftView
from core.services.gifts import gifts

_CANCELS = frozenset({ActionId.GIFT_CANCEL, ActionId.LIST_CANCEL})
_IN_LIST = frozenset({ActionId.LIST_CANCEL, ActionId.LIST_DECLINE})


async def decide_gift(app_context: AppContext, payload: Payload) -> Message:
    """Do what was pressed, for whoever pressed it, and return what to show in the message's place.

    The act's key is the gift and the person (L6), so a click that is delivered twice acts once. Somebody who comes
    too late is shown what became of the gift.
    """
    pressed = payload["actions"][0]
    action, gift_id = ActionId(pressed["action_id"]), str(pressed.get("value"))
    actor = await member_lookup.acting_member(app_context, team_id=payload["team"]["id"], user_id=payload["user"]["id"])
    act = gifts.cancel if action in _CANCELS else gifts.decline
    late = None
    try:
        gift = (await act(app_context.ledger, actor=actor, gift_id=gift_id)).item
    except Refused as refused:
        if refused.code is not Code.GIFT_NOT_PENDING:
            raise
        late, gift = refused, await gifts.gift(app_context.ledger, actor=actor, gift_id=gift_id)
    note = None if late is None else error_message(late).text
    if action in _IN_LIST:
        return await pending(app_context, actor, note or _outcome(actor, gift).text)
    reply = _outcome(actor, gift)
    return reply if note is None else Message(reply.text, (*reply.blocks, context(note)))


def _outcome(actor: Actor, gift: GiftView) -> Message:
    me = shown_id(Prefix.MEMBER, actor.member_id)
    return gift_views.for_sender(gift) if gift.sender.id == me else gift_views.for_recipient(gift)
