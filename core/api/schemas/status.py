"""The status that editors show, and the name of its state."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from core.api.schemas.base import AmountShown, Shown
from core.api.schemas.credits import (
    AllowanceShown,
    BoostShown,
    HeldShown,
    NextAllotmentShown,
    ResetsShown,
    allowance_shown,
    amount_or_none,
    boost_shown,
    held_shown,
    next_allotment_shown,
    resets_shown,
)
from core.services.common.views import BalanceView, StatusView

VERSION: Final = 1


class PersonShown(Shown):
    """Whose status it is."""

    id: str
    name: str


class BlockedShown(Shown):
    """Why nothing can be spent, in a code and a sentence."""

    code: str
    message: str


class NoticeShown(Shown):
    """Something to tell the person once; claim it before showing it."""

    id: str
    kind: str
    text: str
    created_at: datetime


class RequestsShown(Shown):
    """Open requests for credits: those that wait for one's answer, and one's own."""

    for_me: int
    mine: int


class StatusShown(Shown):
    """What an editor shows. ``state_id`` changes if and only if anything but ``as_of`` does."""

    version: int
    state_id: str
    member: PersonShown
    as_of: datetime
    valid_until: datetime | None
    spendable: AmountShown
    available: AmountShown
    pool: AmountShown
    held: HeldShown
    owed: AmountShown
    incoming: AmountShown
    giftable: AmountShown
    gift_limit_left: AmountShown | None
    gift_limit_rule: Annotated[str | None, Field(description="The policy rule behind `gift_limit_left`.")]
    giftable_until: datetime | None
    capacity: AmountShown
    allowance: list[AllowanceShown]
    boost: BoostShown | None
    resets_banked: ResetsShown
    next_allotment: NextAllotmentShown | None
    resets_at: datetime | None
    blocked: BlockedShown | None
    requests: RequestsShown
    notices: list[NoticeShown]


class ClaimShown(Shown):
    """The notice is this window's to show."""

    claimed: bool


def status_shown(status: StatusView) -> StatusShown:
    balance = status.balance
    values: dict[str, Any] = {
        "version": VERSION,
        "member": PersonShown(id=balance.member_id, name=balance.name),
        "valid_until": _valid_until(status),
        "spendable": str(balance.spendable),
        "available": str(balance.available),
        "pool": str(balance.pool),
        "held": held_shown(balance),
        "owed": str(balance.owed),
        "incoming": str(balance.incoming),
        "giftable": str(balance.giftable),
        "gift_limit_left": amount_or_none(balance.gift_limit_left),
        "gift_limit_rule": balance.gift_limit_rule,
        "giftable_until": balance.giftable_until,
        "capacity": str(balance.capacity),
        "allowance": allowance_shown(balance),
        "boost": boost_shown(balance),
        "resets_banked": resets_shown(balance),
        "next_allotment": next_allotment_shown(balance),
        "resets_at": balance.resets_at,
        "blocked": _blocked(balance),
        "requests": RequestsShown(for_me=status.requests.for_me, mine=status.requests.mine),
        "notices": [
            NoticeShown(id=each.id, kind=each.kind, text=each.text, created_at=each.created_at)
            for each in status.notices
        ],
    }
    return StatusShown(state_id=_state_id(values), as_of=balance.as_of, **values)


def _state_id(values: dict[str, Any]) -> str:
    """Return a name for all that is shown but the time it was asked for."""
    text = orjson.dumps(values, default=lambda part: part.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:32]


def _valid_until(status: StatusView) -> datetime | None:
    """Return the next instant at which it changes without a commit: by the balance, or by a request that lapses."""
    moments = (status.balance.valid_until, status.requests.first_lapses_at)
    return min((moment for moment in moments if moment is not None), default=None)


def _blocked(balance: BalanceView) -> BlockedShown | None:
    return None if balance.blocked is None else BlockedShown(code=balance.blocked[0], message=balance.blocked[1])
