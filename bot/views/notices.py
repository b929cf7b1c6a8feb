"""The direct message for each kind of notice in the outbox. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.text import escape
from bot.views import gifts
from bot.views.blocks import Said, context, say, section
from core.ledger.credits import Credits
from core.services.views import GiftView


def notice(kind: str, *, gift: GiftView | None, body: Mapping[str, Any], spendable: Credits | None = None) -> Said:
    """Return the message. The first one about a gift is built from its present state, so that it can be renewed."""
    if kind == "gift_sent" and gift is not None:
        return gifts.for_sender(gift)
    if kind == "gift_incoming" and gift is not None:
        return gifts.for_recipient(gift)
    told = section(escape(str(body.get("text") or "Something changed in your wallet.")))
    if kind == "signed_in":
        return say(told, context("Not you? `/credits freeze` stops everything at once."))
    return say(told) if spendable is None else say(told, context(f"You can spend {spendable.shown()} cr now."))
