"""From stored records to views: ids in their outside form, sentences for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from core.ledger.credits import Credits
from core.services.allowances.messages import LIMIT_NOTICES, limit_sentence
from core.services.boosts.messages import BOOST_NOTICES, boost_sentence
from core.services.common.views import GiftView
from core.services.grants.messages import SUPPLY_NOTICES, supply_sentence
from core.services.sharing.messages import ASKING_NOTICES, asking_sentence

_GIFT_SENTENCES: Final = {
    "gift_sent": "You gave {to} {amount} cr. It arrives when the settlement period is over.",
    "gift_incoming": "{sender} is giving you {amount} cr. It arrives when the settlement period is over.",
    "gift_approved": "Your gift of {amount} cr to {to} was approved.",
    "gift_settled_sender": "{to} received your gift of {amount} cr.",
    "gift_received": "{sender} gave you {amount} cr.",
    "gift_cancelled": "{sender} took back the gift of {amount} cr to {to}.",
    "gift_declined": "{to} declined the gift of {amount} cr from {sender}.",
    "gift_rejected": "The gift of {amount} cr from {sender} to {to} was not approved.",
    "gift_returned": "The gift of {amount} cr from {sender} to {to} was returned.",
    "gift_reversed": "The gift of {amount} cr from {sender} to {to} was taken back.",
}


def notice_text(kind: str, body: Mapping[str, Any], gift: GiftView | None) -> str:
    """Return one plain sentence for a notice, with the message or reason where there is one."""
    if gift is not None:
        sentence = _GIFT_SENTENCES[kind].format(
            sender=gift.sender.name, to=gift.recipient.name, amount=gift.amount.shown()
        )
        words = gift.message if kind in {"gift_incoming", "gift_received"} else gift.reason
        return sentence if not words else f"{sentence.removesuffix('.')}: {words}"
    if kind in ASKING_NOTICES:
        return asking_sentence(kind, body)
    if kind in LIMIT_NOTICES:
        return limit_sentence(kind, body)
    if kind in BOOST_NOTICES:
        return boost_sentence(kind, body)
    if kind == "grant_received":
        return f"You received {Credits.parse(body['amount']).shown()} cr."
    if kind in SUPPLY_NOTICES:
        return supply_sentence(kind, body)
    return str(body.get("text", kind.replace("_", " ")))
