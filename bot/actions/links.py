"""Approve and Deny of a device that asks to sign in: whoever presses becomes the owner of its token."""

from __future__ import annotations

from bot import people
from bot.desk import Desk
from bot.names import ActionId
from bot.payloads import Payload
from bot.views import links as link_views
from bot.views.blocks import Said
from core.services import devices


async def decide_link(desk: Desk, payload: Payload) -> Said:
    """Let the device in or send it away, as the person who pressed."""
    pressed = payload["actions"][0]
    code = str(pressed.get("value"))
    actor = await people.acting(desk, team_id=payload["team"]["id"], user_id=payload["user"]["id"])
    if pressed["action_id"] == ActionId.LINK_APPROVE:
        return link_views.approved((await devices.approve_device(desk.ledger, actor=actor, user_code=code)).device)
    return link_views.denied((await devices.deny_device(desk.ledger, actor=actor, user_code=code)).device)
