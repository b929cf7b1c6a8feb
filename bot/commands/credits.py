"""``/credits``: what I have, what moved, what is pending, boosts and resets, signing in."""

from __future__ import annotations

from typing import Final

from bot import people
from bot.commands.boost import boost
from bot.commands.referral import referral
from bot.commands.request import request
from bot.commands.reset import reset
from bot.commands.why import why
from bot.desk import Desk
from bot.grammar import Slip
from bot.payloads import Payload
from bot.text import visible
from bot.views import balances as balance_views
from bot.views import gifts as gift_views
from bot.views import guide
from bot.views import links as link_views
from bot.views.blocks import Said, say, section
from core.ledger.gifts import GiftState
from core.ledger.ids import Prefix, shown_id
from core.services import balances, devices, freezes, gifts, members
from core.services.views import Actor

_WORDS: Final = frozenset(
    {"", "balance", "history", "pending", "why", "request", "boost", "reset", "referral", "link", "freeze"}
)
FREEZE_REASON: Final = "frozen by its owner from Slack"
FROZEN: Final = say(
    section(
        ":snowflake: Your wallet is frozen, the gifts you had pending are back, and every editor is signed out. "
        "An admin can unfreeze it."
    )
)


async def credits_(desk: Desk, command: Payload) -> Said:
    """Answer one subcommand; without one, the balance."""
    word, _, rest = visible(command.get("text", "")).strip("`").partition(" ")
    if word.lower() == "help":
        return guide.everything()
    if word.lower() not in _WORDS:
        return guide.unknown(word)
    actor = await people.acting(desk, team_id=command["team_id"], user_id=command["user_id"])
    match word.lower():
        case "history":
            page = await balances.statement(desk.ledger, actor=actor, limit=balance_views.MAX_LINES)
            return balance_views.history(page.items)
        case "pending":
            return await pending(desk, actor)
        case "why":
            return await _why(desk, actor, rest.strip("` "))
        case "request":
            return await _request(desk, actor, rest.strip("` "), command)
        case "boost":
            return await _boost(desk, actor, rest.strip("` "), command)
        case "reset":
            return await reset(desk, actor)
        case "referral":
            return await referral(desk, actor, rest.strip("` "))
        case "link":
            return await _link(desk, actor, rest.strip("` "))
        case "freeze":
            return await _freeze(desk, actor)
        case _:
            return balance_views.balance(await balances.balance(desk.ledger, actor=actor))


async def pending(desk: Desk, actor: Actor, note: str | None = None) -> Said:
    """Return the gifts on their way, sent and received, newest first."""
    most = gift_views.MAX_LISTED + 1
    waiting = await gifts.gifts(desk.ledger, actor=actor, state=GiftState.PENDING, limit=most)
    reviewed = await gifts.gifts(desk.ledger, actor=actor, state=GiftState.IN_REVIEW, limit=most)
    newest_first = sorted((*waiting.items, *reviewed.items), key=lambda gift: gift.created_at, reverse=True)
    return gift_views.pending(newest_first, me=shown_id(Prefix.MEMBER, actor.member_id), note=note)


async def _why(desk: Desk, actor: Actor, asked: str) -> Said:
    try:
        return await why(desk, actor, asked)
    except Slip as slip:
        return guide.slip(slip)


async def _request(desk: Desk, actor: Actor, asked: str, command: Payload) -> Said:
    try:
        return await request(desk, actor, asked, command)
    except Slip as slip:
        return guide.slip(slip)


async def _boost(desk: Desk, actor: Actor, asked: str, command: Payload) -> Said:
    try:
        return await boost(desk, actor, asked, command)
    except Slip as slip:
        return guide.slip(slip)


async def _link(desk: Desk, actor: Actor, code: str) -> Said:
    """Show what asks to sign in. Nothing is issued before Approve."""
    if not code:
        return link_views.how_to()
    asked = code[:20]
    return link_views.asked(asked, await devices.describe_device(desk.ledger, actor=actor, user_code=asked))


async def _freeze(desk: Desk, actor: Actor) -> Said:
    """Freeze one's own wallet, at once. A wallet that is frozen already gets the same answer."""
    me = await members.member(desk.ledger, actor=actor, member_id=shown_id(Prefix.MEMBER, actor.member_id))
    if me.frozen_at is None:
        await freezes.freeze(desk.ledger, actor=actor, reason=FREEZE_REASON)
    return FROZEN
