"""Cancel and Decline: under the message that told of a gift, and in the list of pending ones."""

from __future__ import annotations

from bot import people
from bot.commands.credits import pending
from bot.desk import Desk
from bot.errors import in_words
from bot.names import ActionId
from bot.payloads import Payload
from bot.views import gifts as gift_views
from bot.views.blocks import Said, context
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.services import gifts
from core.services.views import Actor, GiftView

_CANCELS = frozenset({ActionId.GIFT_CANCEL, ActionId.LIST_CANCEL})
_IN_LIST = frozenset({ActionId.LIST_CANCEL, ActionId.LIST_DECLINE})


async def decide_gift(desk: Desk, payload: Payload) -> Said:
    """Do what was pressed, for whoever pressed it, and return what to show in the message's place.

    The act's key is the gift and the person (L6), so a click that is delivered twice acts once. Somebody who comes
    too late is shown what became of the gift.
    """
    pressed = payload["actions"][0]
    action, gift_id = ActionId(pressed["action_id"]), str(pressed.get("value"))
    actor = await people.acting(desk, team_id=payload["team"]["id"], user_id=payload["user"]["id"])
    act = gifts.cancel if action in _CANCELS else gifts.decline
    late = None
    try:
        gift = (await act(desk.ledger, actor=actor, gift_id=gift_id)).item
    except Refused as refused:
        if refused.code is not Code.GIFT_NOT_PENDING:
            raise
        late, gift = refused, await gifts.gift(desk.ledger, actor=actor, gift_id=gift_id)
    note = None if late is None else in_words(late).text
    if action in _IN_LIST:
        return await pending(desk, actor, note or _outcome(actor, gift).text)
    said = _outcome(actor, gift)
    return said if note is None else Said(said.text, (*said.blocks, context(note)))


def _outcome(actor: Actor, gift: GiftView) -> Said:
    me = shown_id(Prefix.MEMBER, actor.member_id)
    return gift_views.for_sender(gift) if gift.sender.id == me else gift_views.for_recipient(gift)
