"""The direct message for each kind of notice in the outbox, and the first one about a gift as it reads now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.messages import gifts, requests
from bot.messages.blocks import Message, context, message, section
from bot.mrkdwn import escape, moment
from core.ledger.credits import Credits
from core.services.allowances.messages import LIMIT_NOTICES, limit_sentence
from core.services.common.views import GiftView

# Notices that only renew the first message about their gift, for the side named; to the other side they are news.
_FIRST: Final = frozenset({"gift_sent", "gift_incoming"})
_QUIET: Final = frozenset({"gift_settled_sender", "gift_cancelled", "gift_approved"})
_WHY: Final = "`/credits why` tells what you can spend, and what would change it."
_OWN_ACTS: Final = {"gift_declined": "recipient"}


def about_gift(gift: GiftView, *, reader: str) -> Message:
    """Return the first message about a gift in its present state, for the side that reads it (a Slack user id)."""
    return gifts.for_sender(gift) if gift.sender.slack_user_id == reader else gifts.for_recipient(gift)


def is_news(kind: str, gift: GiftView | None, *, reader: str) -> bool:
    """Return whether a message of its own is worth it, where the first one about the gift is there to be renewed."""
    if gift is None:
        return True
    side = "sender" if gift.sender.slack_user_id == reader else "recipient"
    return kind not in _FIRST | _QUIET and _OWN_ACTS.get(kind) != side


def notice(
    kind: str, gift: GiftView | None, body: Mapping[str, Any], *, reader: str, spendable: Credits | None = None
) -> Message:
    """Return the message that tells of it."""
    if gift is not None and not is_news(kind, gift, reader=reader):
        return about_gift(gift, reader=reader)
    if kind in LIMIT_NOTICES:
        return message(section(limit_sentence(kind, body, moment=moment)), context(_WHY))
    told = section(escape(str(body.get("text") or "Something changed in your wallet.")))
    if kind == "request_asked" and "request" in body:
        return requests.question(str(body.get("text")), str(body["request"]))
    if kind == "signed_in":
        return message(told, context("Not you? `/credits freeze` stops everything at once."))
    return message(told) if spendable is None else message(told, context(f"You can spend {spendable.shown()} cr now."))
