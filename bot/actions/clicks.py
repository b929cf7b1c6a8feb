"""What all buttons share: one click acts once, and its answer takes the message's place or stands beside it."""

from __future__ import annotations

from bot import replies
from bot.context import AppContext
from bot.messages.blocks import Message
from bot.payloads import Payload
from bot.pending import STILL_WORKING, Work


async def answer_click(app_context: AppContext, payload: Payload, work: Work) -> None:
    """Do what was pressed before it is acknowledged; show the answer after."""

    async def show(reply: Message) -> None:
        await (replies.ephemeral_reply if reply.is_refusal else replies.replace_original)(app_context, payload, reply)

    reply = await app_context.pending.answer(key_of(payload), work, afterwards=show)
    if reply is not STILL_WORKING:
        app_context.pending.run(show(reply))


def key_of(payload: Payload) -> str:
    """Return what makes one click one click: who, where, which button, when."""
    container = payload.get("container")
    place = container if isinstance(container, dict) else {}
    where = place.get("message_ts") or place.get("view_id") or ""
    pressed = payload["actions"][0]
    parts = (payload["user"]["id"], where, pressed["action_id"], pressed.get("value"), pressed.get("action_ts"))
    return "\n".join(("act", *map(str, parts)))
