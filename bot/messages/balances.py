"""What one has and what moved: the balance, the history, the Home tab. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bot.messages.blocks import Message, bullets, context, header, message, section
from bot.mrkdwn import day, escape, moment
from core.ledger.credits import ZERO
from core.services.allowances.messages import limit_label
from core.services.common.views import AllowanceView, BalanceView, StatementLineView
from core.services.gifts.messages import giftable_text
from core.services.usage.messages import usage_words

MAX_LOTS: Final = 10
MAX_LINES: Final = 20


def balance(state: BalanceView) -> Message:
    """Return what one can spend, what is bound, what one may give, and when something changes by itself."""
    lead = f"*{state.spendable.shown()} cr* to spend"
    if state.blocked is not None:
        lead = f"*Blocked.* {escape(state.blocked[1])}\n{lead}"
    return message(section(lead), section(bullets(_facts(state))), context(f"As of {moment(state.as_of)}."))


def home(reply: Message) -> dict[str, Any]:
    """Return the Home tab around a balance, or around why there is none."""
    blocks = [header("Your credits"), *reply.blocks, context("`/credits help` shows what else there is.")]
    return {"type": "home", "blocks": blocks}


def history(lines: Sequence[StatementLineView]) -> Message:
    """Return the latest movements, newest first."""
    if not lines:
        return message(section("Nothing has moved yet."))
    return message(section("*Latest movements*\n" + bullets([_movement(line) for line in lines[:MAX_LINES]])))


def _facts(state: BalanceView) -> list[str]:
    return [
        *_allowances(state),
        *([f"of these from your teams' pools: {state.pool.shown()} cr"] if state.pool else []),
        *([f"in gifts you sent, still pending: {state.held_gifts.shown()} cr"] if state.held_gifts else []),
        *([f"held for running requests: {state.held_usage.shown()} cr"] if state.held_usage else []),
        *([f"owed, repaid first by what you are granted: {state.owed.shown()} cr"] if state.owed else []),
        *([f"on their way to you: {state.incoming.shown()} cr"] if state.incoming else []),
        _giftable(state),
        *_lots(state),
        *_to_come(state),
    ]


def _allowances(state: BalanceView) -> list[str]:
    boost = state.boost
    lines = [
        f"{limit_label(each.window)}: {each.used.shown()} of {each.limit.shown()} cr used, {_resets(each)}"
        for each in state.allowance
    ]
    return [*lines, *([f"{boost.factor}× boost until {moment(boost.ends_at)}"] if boost else [])]


def _to_come(state: BalanceView) -> list[str]:
    banked, coming = state.resets_banked, state.next_allotment
    resets = f"{banked.count} {'reset' if banked.count == 1 else 'resets'} banked"
    until = f", until {moment(banked.expires_at)}" if banked.expires_at is not None else ""
    return [
        *([f"{resets}{until}"] if banked.count else []),
        *([f"next allotment: {coming.amount.shown()} cr, {moment(coming.at)}"] if coming is not None else []),
    ]


def _resets(window: AllowanceView) -> str:
    return "begins with its first use" if window.resets_at is None else f"resets {moment(window.resets_at)}"


def _giftable(state: BalanceView) -> str:
    nothing = state.giftable <= ZERO or state.gift_limit_left == ZERO
    until = f", until {moment(state.giftable_until)}" if state.giftable_until is not None and not nothing else ""
    return f"{giftable_text(state)}{until}"


def _lots(state: BalanceView) -> list[str]:
    lines = [
        f"{each.amount.shown()} cr ({each.source.value}) expire {day(each.expires_at)}"
        for each in state.lots
        if each.expires_at is not None
    ]
    return lines[:MAX_LOTS]


def _movement(line: StatementLineView) -> str:
    sign = "+" if line.amount > ZERO else "−" if line.amount < ZERO else ""
    size = (line.amount if line.amount >= ZERO else -line.amount).shown()
    whom = f" · {escape(line.counterpart)}" if line.counterpart else ""
    note = f" · {escape(line.note)}" if line.note else ""
    used = f" · {escape(usage_words(line.usage))}" if line.usage is not None else ""
    return f"{moment(line.at)} · *{sign}{size} cr* {line.kind.replace('_', ' ')}{whom}{note}{used}"
