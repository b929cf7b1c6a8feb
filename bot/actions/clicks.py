"""What all buttons share: one click acts once, and its answer takes the message's place or stands beside it."""

from __future__ import annotations

from bot import answers
from bot.desk import Desk
from bot.errands import PROMISE, Work
from bot.payloads import Payload
from bot.views.blocks import Said


async def answer_click(desk: Desk, payload: Payload, work: Work) -> None:
    """Do what was pressed before it is acknowledged; show the answer after."""

    async def show(said: Said) -> None:
        await (answers.beside if said.is_refusal else answers.instead)(desk, payload, said)

    said = await desk.errands.answer(key_of(payload), work, afterwards=show)
    if said is not PROMISE:
        desk.errands.run(show(said))


def key_of(payload: Payload) -> str:
    """Return what makes one click one click: who, where, which button, when."""
    container = payload.get("container")
    place = container if isinstance(container, dict) else {}
    where = place.get("message_ts") or place.get("view_id") or ""
    pressed = payload["actions"][0]
    parts = (payload["user"]["id"], where, pressed["action_id"], pressed.get("value"), pressed.get("action_ts"))
    return "\n".join(("act", *map(str, parts)))
