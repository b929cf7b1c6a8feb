"""What people are told of how much they can give. Pure; for Slack and the terminal."""

from __future__ import annotations

from typing import Final

from core.ledger.credits import ZERO, Credits
from core.services.common.views import BalanceView

_NOTHING: Final = {
    "verified_sender": "Only verified members can give",
    "gifts_per_day": "You've sent as many gifts as you can in 24 hours",
    "credits_per_day": "You've given as much as you can in 24 hours",
}


def giftable_text(balance: BalanceView) -> str:
    """Return how much somebody can give now and which limit says so, without a full stop."""
    left, rule = balance.gift_limit_left, balance.gift_limit_rule
    if balance.giftable <= ZERO:
        return "Nothing to give right now"
    if left is None or left >= balance.giftable:
        return f"You can give up to {balance.giftable.shown()} cr"
    if left <= ZERO:
        return _NOTHING.get(str(rule), "You can't give right now")
    return _limited(left, rule)


def _limited(left: Credits, rule: str | None) -> str:
    if rule == "credits_per_gift":
        return f"You can give up to {left.shown()} cr in one gift"
    if rule == "credits_per_day":
        return f"You can give {left.shown()} cr more today (daily limit)"
    return f"You can give up to {left.shown()} cr"
