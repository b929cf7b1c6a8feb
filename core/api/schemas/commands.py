"""What can be asked of credits: gifts, decisions, grants, allocations, freezes."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from core.api.schemas.base import Amount, Flag, Id, Moment, RequestModel, Words
from core.ledger.lots import GiftOrder, Source
from core.services.common.recipients import Recipient


class RecipientRequest(RequestModel):
    """Whom credits go to: a member, a pool (a team's or the organization's), or another organization's member."""

    member: Id | None = None
    pool: Id | None = None
    org: Id | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.member is None) == (self.pool is None) or (self.org is not None and self.member is None):
            raise ValueError("name a member, or a pool, or an org with its member")
        return self

    def recipient(self) -> Recipient:
        return Recipient(member=self.member, pool=self.pool, org=self.org)


class TransferRequest(RequestModel):
    """A gift to be made."""

    to: Annotated[RecipientRequest, Field(examples=[{"member": "mem_2k7"}])]
    amount: Amount
    message: Annotated[Words | None, Field(examples=["thanks for the review"])] = None
    prefer: Annotated[GiftOrder, Field(description="Which of your lots go first.")] = GiftOrder.SOONEST
    dry_run: Annotated[Flag, Field(description="Only answer what would happen; needs no key.")] = False


class ReasonRequest(RequestModel):
    """Why a gift is rejected or clawed back; both sides are told."""

    reason: Annotated[Words, Field(examples=["sent to the wrong person"])]


class GrantRequest(RequestModel):
    """A lot to be granted to a wallet or pool."""

    to: Annotated[RecipientRequest, Field(examples=[{"member": "mem_2k7"}])]
    amount: Amount
    source: Source
    expires_at: Annotated[Moment | None, Field(description="From then on it is unusable; absent is never.")] = None
    giftable: Annotated[Flag | None, Field(description="Absent: purchases and allotments are.")] = None
    priority: Annotated[int, Field(strict=True, ge=0, le=1_000, description="Lower is spent sooner.")] = 100
    reason: Words | None = None


class AllocationRequest(RequestModel):
    """Credits from a pool to a member, by a lead of its team or an admin."""

    pool: Annotated[Id, Field(examples=["team_2k5"])]
    to: Annotated[RecipientRequest, Field(examples=[{"member": "mem_2k7"}])]
    amount: Amount
    reason: Words | None = None


class FreezeRequest(RequestModel):
    """Whose wallet to freeze; absent is one's own."""

    member: Id | None = None
    reason: Words | None = None


class UnfreezeRequest(RequestModel):
    """Whose wallet to free again, and why."""

    member: Annotated[Id, Field(examples=["mem_2k7"])]
    reason: Annotated[Words, Field(examples=["laptop found, keys changed"])]
