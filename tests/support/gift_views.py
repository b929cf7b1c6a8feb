"""Whole gift and balance views for tests of front ends; a test names only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.ledger.credits import ZERO, Credits
from core.ledger.gifts import GiftState
from core.ledger.lots import Source
from core.services.common.views import BalanceView, DecisionView, GiftView, PartyView, ResetsView, SliceView

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AL = PartyView("mem_a", "Al", slack_user_id="U0AL")
BO = PartyView("mem_b", "Bo", slack_user_id="U0BO")


def a_gift_view(**values: Any) -> GiftView:
    """Return a pending gift of 500 cr from Al to Bo."""
    whole = GiftView(
        id="gift_1",
        state=GiftState.PENDING,
        sender=AL,
        recipient=BO,
        amount=Credits.of(500),
        message="thanks for the review",
        created_at=NOW,
        settles_at=NOW + timedelta(hours=24),
        lots=(SliceView("lot_1", Source.PURCHASE, Credits.of(500), NOW + timedelta(days=30)),),
        decision=DecisionView("approve", ()),
    )
    return replace(whole, **values)


def a_balance(**values: Any) -> BalanceView:
    """Return a balance of 4,210 cr, all of it giftable up to 500 a day."""
    whole = BalanceView(
        member_id="mem_a",
        name="Al",
        spendable=Credits.of(4210),
        available=Credits.of(4210),
        giftable=Credits.of(4000),
        gift_limit_left=Credits.of(500),
        giftable_until=None,
        held_gifts=ZERO,
        held_usage=ZERO,
        owed=ZERO,
        incoming=ZERO,
        pool=ZERO,
        capacity=Credits.of(5000),
        lots=(),
        allowance=(),
        boost=None,
        resets_banked=ResetsView(0, None),
        next_allotment=None,
        blocked=None,
        as_of=NOW,
        valid_until=None,
    )
    return replace(whole, **values)
