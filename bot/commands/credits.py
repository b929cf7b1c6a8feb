"""``/credits``: what I have, what moved, what is pending, boosts and resets, signing in."""

from __future__ import annotations

from typing import Final

from bot import member_lookup
from bot.commands.boost import boost
from bot.commands.referral import referral
from bot.commands.request import request
from bot.commands.reset import reset
from bot.commands.why import why
from bot.context import AppContext
from bot.messages import balances as balance_views
from bot.messages import gifts as gift_views
from bot.messages import links as link_views
from bot.messages import usage_help
from bot.messages.blocks import Message, message, section
from bot.mrkdwn import visible
from bot.parsing import UsageError
from bot.payloads import Payload
from core.ledger.gifts import GiftState
from core.ledger.ids import Prefix, shown_id
from core.services.common.actors import Actor
from core.services.gifts import gifts
from core.services.people import devices, freezes, members
from core.services.wallet import balances

_WORDS: Final = frozenset(
    {"", "balance", "history", "pending", "why", "request", "boost", "reset", "referral", "link", "freeze"}
)
FREEZE_REASON: Final = "frozen by its owner from Slack"
FROZEN: Final = message(
    section(
        ":snowflake: Your wallet is frozen, the gifts you had pending are back, and every editor is signed out. "
        "An admin can unfreeze it."
    )
)


async def credits_(app_context: AppContext, command: Payload) -> Message:
    """Answer one subcommand; without one, the balance."""
    word, _, rest = visible(command.get("text", "")).strip("`").partition(" ")
    if word.lower() == "help":
        return usage_help.help_message()
    if word.lower() not in _WORDS:
        return usage_help.unknown_command(word)
    actor = await member_lookup.acting_member(app_context, team_id=command["team_id"], user_id=command["user_id"])
    match word.lower():
        case "history":
            page = await balances.statement(app_context.ledger, actor=actor, limit=balance_views.MAX_LINES)
            return balance_views.history(page.items)
        case "pending":
            return await pending(app_context, actor)
        case "why":
            return await _why(app_context, actor, rest.strip("` "))
        case "request":
            return await _request(app_context, actor, rest.strip("` "), command)
        case "boost":
            return await _boost(app_context, actor, rest.strip("` "), command)
        case "reset":
            return await reset(app_context, actor)
        case "referral":
            return await referral(app_context, actor, rest.strip("` "))
        case "link":
            return await _link(app_context, actor, rest.strip("` "))
        case "freeze":
            return await _freeze(app_context, actor)
        case _:
            return balance_views.balance(await balances.balance(app_context.ledger, actor=actor))


async def pending(app_context: AppContext, actor: Actor, note: str | None = None) -> Message:
    """Return the gifts on their way, sent and received, newest first."""
    most = gift_views.MAX_LISTED + 1
    waiting = await gifts.gifts(app_context.ledger, actor=actor, state=GiftState.PENDING, limit=most)
    reviewed = await gifts.gifts(app_context.ledger, actor=actor, state=GiftState.IN_REVIEW, limit=most)
    newest_first = sorted((*waiting.items, *reviewed.items), key=lambda gift: gift.created_at, reverse=True)
    return gift_views.pending(newest_first, me=shown_id(Prefix.MEMBER, actor.member_id), note=note)


async def _why(app_context: AppContext, actor: Actor, asked: str) -> Message:
    try:
        return await why(app_context, actor, asked)
    except UsageError as slip:
        return usage_help.usage_error(slip)


async def _request(app_context: AppContext, actor: Actor, asked: str, command: Payload) -> Message:
    try:
        return await request(app_context, actor, asked, command)
    except UsageError as slip:
        return usage_help.usage_error(slip)


async def _boost(app_context: AppContext, actor: Actor, asked: str, command: Payload) -> Message:
    try:
        return await boost(app_context, actor, asked, command)
    except UsageError as slip:
        return usage_help.usage_error(slip)


async def _link(app_context: AppContext, actor: Actor, code: str) -> Message:
    """Show what asks to sign in. Nothing is issued before Approve."""
    if not code:
        return link_views.how_to()
    asked = code[:20]
    return link_views.asked(asked, await devices.describe_device(app_context.ledger, actor=actor, user_code=asked))


async def _freeze(app_context: AppContext, actor: Actor) -> Message:
    """Freeze one's own wallet, at once. A wallet that is frozen already gets the same answer."""
    me = await members.member(app_context.ledger, actor=actor, member_id=shown_id(Prefix.MEMBER, actor.member_id))
    if me.frozen_at is None:
        await freezes.freeze(app_context.ledger, actor=actor, reason=FREEZE_REASON)
    return FROZEN
