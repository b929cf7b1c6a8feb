"""From stored records to views: ids in their outside form, sentences for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.ledger.accounts import AccountKind, kind_of, owner_of
from core.ledger.credits import Credits
from core.ledger.ids import Prefix, shown_id
from core.ledger.positions import Slice
from core.services.views import Decision, FindingView, GiftView, Party, SliceView
from core.services.words.asking import ASKING_NOTICES, asking_sentence
from core.services.words.boosts import BOOST_NOTICES, boost_sentence
from core.services.words.limits import LIMIT_NOTICES, limit_sentence
from core.services.words.supply import SUPPLY_NOTICES, supply_sentence
from core.store.gifts import GiftRecord, Side


def party(org_id: int, side: Side) -> Party:
    """Return one side of a gift: a member, a team's pool or the organisation's."""
    owner = owner_of(side.account)
    if kind_of(side.account) is AccountKind.POOL:
        prefix = Prefix.ORG if owner == org_id else Prefix.TEAM
        return Party(shown_id(prefix, owner), side.name, is_pool=True)
    return Party(shown_id(Prefix.MEMBER, owner), side.name, slack_user_id=side.slack_user_id)


def gift_view(record: GiftRecord) -> GiftView:
    return GiftView(
        shown_id(Prefix.GIFT, record.gift_id),
        record.state,
        party(record.org_id, record.sender),
        party(record.recipient_org or record.org_id, record.recipient),
        record.amount,
        record.message,
        record.created_at,
        record.settles_at,
        slice_views(record.slices),
        decision_view(record.decision),
        record.reason,
    )


def slice_views(slices: Iterable[Slice]) -> tuple[SliceView, ...]:
    return tuple(
        SliceView(
            shown_id(Prefix.LOT, part.lot.lot_id),
            part.lot.source,
            part.amount,
            part.lot.expires_at,
            giftable=part.lot.giftable,
        )
        for part in slices
    )


def decision_view(body: Mapping[str, Any]) -> Decision:
    names = ("rule", "outcome", "value", "limit", "headroom")
    findings = (FindingView(**{name: finding[name] for name in names}) for finding in body.get("findings", ()))
    return Decision(body.get("outcome", "approve"), tuple(findings))


_GIFT_SENTENCES: Final = {
    "gift_sent": "You gave {to} {amount} cr; it arrives when the settlement period is over.",
    "gift_incoming": "{sender} is giving you {amount} cr; it arrives when the settlement period is over.",
    "gift_approved": "Your gift of {amount} cr to {to} was approved.",
    "gift_settled_sender": "Your gift of {amount} cr has arrived at {to}.",
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
