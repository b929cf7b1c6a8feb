"""Gifts as read from the database, turned into views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.ledger.ids import Prefix, shown_id
from core.ledger.positions import Slice
from core.services.common.parties import party
from core.services.common.views import DecisionView, FindingView, GiftView, SliceView
from core.store.queries.gifts import GiftRecord


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


def decision_view(body: Mapping[str, Any]) -> DecisionView:
    names = ("rule", "outcome", "value", "limit", "headroom")
    findings = (FindingView(**{name: finding[name] for name in names}) for finding in body.get("findings", ()))
    return DecisionView(body.get("outcome", "approve"), tuple(findings))
