"""Allotments, and what is taken back and given back, in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.api.schemas.base import Amount, AmountShown, Flag, Moment, RequestModel, Shown, Words
from core.api.schemas.commands import RecipientRequest
from core.api.schemas.credits import GrantShown, MemberParty, PoolParty, grant_shown, party_shown
from core.ledger.allotments import MAX_LASTS
from core.services.grants.allotments import LAST_DAY, AllotmentView
from core.services.grants.refunds import ChargeView, RefundView
from core.services.grants.voids import GrantStory, VoidView

Lasts = Annotated[int, Field(strict=True, ge=1, le=MAX_LASTS)]


class AllotmentRequest(RequestModel):
    """A monthly grant to a wallet or pool."""

    to: Annotated[RecipientRequest, Field(examples=[{"member": "mem_2k7"}])]
    amount: Amount
    day: Annotated[
        int,
        Field(strict=True, ge=1, le=LAST_DAY, description="Of the month, at midnight UTC; 31 is the last day."),
    ]
    lasts_months: Annotated[Lasts, Field(description="1: each lot lapses at the next run.")] = 1
    giftable: Annotated[Flag | None, Field(description="Absent: it may be given on.")] = None
    starts_at: Annotated[Moment | None, Field(description="The first run is then or later; absent is now.")] = None
    reason: Words | None = None


class AllotmentChange(RequestModel):
    """What changes from the next run on; what is left out stays."""

    amount: Amount | None = None
    lasts_months: Lasts | None = None
    giftable: Flag | None = None
    reason: Words | None = None


class EndRequest(RequestModel):
    """Why it ends."""

    reason: Words | None = None


class AllotmentShown(Shown):
    """A monthly grant; ``next_at`` is null once it has ended, ``granted`` what it has given so far."""

    id: str
    to: MemberParty | PoolParty
    amount: AmountShown
    day: int
    lasts_months: int
    giftable: bool
    first_at: datetime
    next_at: datetime | None
    granted: AmountShown
    created_at: datetime
    ended_at: datetime | None


class TakingBack(RequestModel):
    """How much to take back, and why; without an amount all that is left."""

    amount: Annotated[Amount | None, Field(description="Absent: all that is left.")] = None
    reason: Annotated[Words, Field(examples=["granted twice"])]


class BecameShown(Shown):
    """What became of a grant where it was granted; the parts sum to its amount."""

    left: AmountShown
    held: AmountShown
    used: AmountShown
    given: AmountShown
    lapsed: AmountShown
    voided: AmountShown


class GrantStoryShown(Shown):
    """A grant and what became of it."""

    grant: GrantShown
    became: BecameShown


class VoidShown(Shown):
    """What was taken back of a grant, and how the grant stands now."""

    transfer: str
    amount: AmountShown
    grant: GrantShown
    became: BecameShown


class ChargeShown(Shown):
    """A charge, what it was paid from, and what was given back of it."""

    transfer: str
    member: MemberParty
    model: str
    at: datetime
    amount: AmountShown
    allowance: AmountShown
    lots: AmountShown
    overage: AmountShown
    refunded: AmountShown
    left: AmountShown


class RefundShown(Shown):
    """What was given back: no longer owed, to wallets and pools, and to the allowance; and how the charge stands."""

    transfer: str
    amount: AmountShown
    cancelled: AmountShown
    lots: AmountShown
    allowance: AmountShown
    charge: ChargeShown


def allotment_shown(allotment: AllotmentView) -> AllotmentShown:
    return AllotmentShown(
        id=allotment.id,
        to=party_shown(allotment.to),
        amount=str(allotment.amount),
        day=allotment.day,
        lasts_months=allotment.lasts_months,
        giftable=allotment.giftable,
        first_at=allotment.first_at,
        next_at=allotment.next_at,
        granted=str(allotment.granted),
        created_at=allotment.created_at,
        ended_at=allotment.ended_at,
    )


def story_shown(story: GrantStory) -> GrantStoryShown:
    return GrantStoryShown(grant=grant_shown(story.grant), became=_became(story))


def void_shown(void: VoidView) -> VoidShown:
    return VoidShown(
        transfer=void.transfer_id,
        amount=str(void.amount),
        grant=grant_shown(void.story.grant),
        became=_became(void.story),
    )


def charge_shown(charge: ChargeView) -> ChargeShown:
    return ChargeShown(
        transfer=charge.transfer_id,
        member=MemberParty(member=charge.member.id, name=charge.member.name),
        model=charge.model,
        at=charge.at,
        amount=str(charge.amount),
        allowance=str(charge.allowance),
        lots=str(charge.lots),
        overage=str(charge.overage),
        refunded=str(charge.refunded),
        left=str(charge.left),
    )


def refund_shown(refund: RefundView) -> RefundShown:
    return RefundShown(
        transfer=refund.transfer_id,
        amount=str(refund.amount),
        cancelled=str(refund.cancelled),
        lots=str(refund.lots),
        allowance=str(refund.allowance),
        charge=charge_shown(refund.charge),
    )


def _became(story: GrantStory) -> BecameShown:
    became = story.became
    return BecameShown(
        left=str(became.left),
        held=str(became.held),
        used=str(became.used),
        given=str(became.given),
        lapsed=str(became.lapsed),
        voided=str(became.voided),
    )
