"""Approve and Deny of a device that asks to sign in: whoever presses becomes the owner of its token."""

from __future__ import annotations

from bot import member_lookup
from bot.action_ids import ActionId
from bot.context import AppContext
from bot.messages import links as link_views
from bot.messages.blocks import Message
from bot.payloads import Payload
from core.services.people import devices


async def decide_link(app_context: AppContext, payload: Payload) -> Message:
    """Let the device in or send it away, as the person who pressed."""
    pressed = payload["actions"][0]
    code = str(pressed.get("value"))
    actor = await member_lookup.acting_member(app_context, team_id=payload["team"]["id"], user_id=payload["user"]["id"])
    if pressed["action_id"] == ActionId.LINK_APPROVE:
        return link_views.approved(
            (await devices.approve_device(app_context.ledger, actor=actor, user_code=code)).device
        )
    return link_views.denied((await devices.deny_device(app_context.ledger, actor=actor, user_code=code)).device)
