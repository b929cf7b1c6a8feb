"""A device that asks to be let in: who asks, from where, for what; nothing is given before Approve. Pure."""

from __future__ import annotations

from typing import Final, assert_never

from bot.action_ids import ActionId
from bot.messages.blocks import Message, Style, bullets, button, buttons, context, message, section
from bot.mrkdwn import escape, moment
from core.services.common.actors import Scope
from core.services.people.devices import DeviceView

NOT_YOU: Final = "Approve only if you started this yourself, just now. Nobody from support will ever ask you for it."


def asked(code: str, device: DeviceView) -> Message:
    """Return the question, with its two answers."""
    facts = [
        f"device: *{escape(device.device)}*",
        f"place: *{escape(device.place)}*",
        *(f"it could {_meaning(scope)}" for scope in device.scopes),
        f"the code is good until {moment(device.expires_at)}",
    ]
    return message(
        section("*Something asks to sign in as you*\n" + bullets(facts)),
        context(NOT_YOU),
        buttons(
            button("Approve", action_id=ActionId.LINK_APPROVE, value=code, style=Style.PRIMARY),
            button("Deny", action_id=ActionId.LINK_DENY, value=code, style=Style.DANGER),
        ),
    )


def approved(device: str) -> Message:
    return message(section(f"*{escape(device)}* is signed in. `/credits freeze` signs everything out again."))


def denied(device: str) -> Message:
    return message(section(f"*{escape(device)}* was not let in."))


def how_to() -> Message:
    return message(section("Your editor shows a code like `WDJB-MJHT`. Type `/credits link WDJB-MJHT`."))


def _meaning(scope: Scope) -> str:
    match scope:
        case Scope.READ:
            return "see your balance and your gifts"
        case Scope.GIVE:
            return "give credits in your name"
        case Scope.SPEND:
            return "spend your credits"
        case Scope.ADMIN:
            return "*act as an admin*: grants, members, policy"
        case _:
            assert_never(scope)
