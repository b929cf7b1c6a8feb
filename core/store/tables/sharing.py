"""What people ask of each other, and by whom they came."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from core.ledger.requests import RequestState
from core.store.tables.columns import CLUSTERED, big, key_part, one_of

OPEN_REQUEST = "state = 'open'"
OPEN_REFERRAL = "rewarded_at IS NULL"


class CreditRequestRow(SQLModel, table=True):
    """A request for credits; its reason is the note of the transfer that made it."""

    __tablename__: ClassVar[Any] = "credit_request"
    __table_args__: ClassVar[Any] = (
        one_of("state", RequestState),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("given >= 0 AND given <= amount", name="given_within_amount"),
        CheckConstraint("(state = 'open') = (open_asker_id IS NOT NULL)", name="asker_of_open"),
        Index("credit_request_due", "lapses_at", sqlite_where=text(OPEN_REQUEST), postgresql_where=text(OPEN_REQUEST)),
        Index("credit_request_by_asker", "org_id", "asker_id", "request_id"),
        Index("credit_request_open_by_asker", "org_id", "open_asker_id"),
        CLUSTERED,
    )

    org_id: int = key_part()
    request_id: int = key_part()
    asker_id: int = big()
    amount: int = big()
    state: str = Field(sa_type=Text)
    given: int = big()
    created_at: int = big()
    lapses_at: int = big()
    open_asker_id: int | None = big(default=None)
    closed_at: int | None = big(default=None)


class PledgeRow(SQLModel, table=True):
    """One person's part in a request; nothing of theirs is held for it. ``gift_id`` is what it became."""

    __tablename__: ClassVar[Any] = "pledge"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        Index("pledge_by_member", "org_id", "member_id", "request_id"),
        CLUSTERED,
    )

    org_id: int = key_part()
    request_id: int = key_part()
    member_id: int = key_part()
    amount: int = big()
    was_asked: bool
    has_declined: bool
    changed_at: int = big()
    gift_id: int | None = big(default=None)


class ReferralCodeRow(SQLModel, table=True):
    """By what a member's guests say who invited them."""

    __tablename__: ClassVar[Any] = "referral_code"
    __table_args__: ClassVar[Any] = (Index("referral_code_by_code", "org_id", "code", unique=True), CLUSTERED)

    org_id: int = key_part()
    member_id: int = key_part()
    code: str = Field(sa_type=Text)
    created_at: int = big()


class ReferralRow(SQLModel, table=True):
    """Who came by whom: one inviter each, for ever."""

    __tablename__: ClassVar[Any] = "referral"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("invited_id <> inviter_id", name="not_by_oneself"),
        Index("referral_by_inviter", "org_id", "inviter_id", "created_at"),
        Index("referral_open", "created_at", sqlite_where=text(OPEN_REFERRAL), postgresql_where=text(OPEN_REFERRAL)),
        CLUSTERED,
    )

    org_id: int = key_part()
    invited_id: int = key_part()
    inviter_id: int = big()
    created_at: int = big()
    rewarded_at: int | None = big(default=None)
