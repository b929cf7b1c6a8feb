"""Gifts, what they leave owing, and what people are told."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from core.ledger.gifts import GiftState
from core.store.tables.columns import CLUSTERED, big, key_part, one_of

# The conditions of partial indexes. A query that wants one says it in the same literal words (``text``): with
# values in their place no database can tell that the index fits.
OPEN_GIFT = "state IN ('pending', 'in_review')"
PENDING_GIFT = "state = 'pending'"
QUEUED_DELIVERY = "state = 'queued'"
DUE_MESSAGE = "slack_state IN ('queued', 'sending')"
UNCLAIMED_NOTICE = "claimed_at IS NULL AND for_editor"
OPEN_OBLIGATION = "repaid < amount"


class GiftRow(SQLModel, table=True):
    """A gift. ``state`` and ``settles_at`` are caches of its transfers; the rest never changes."""

    __tablename__: ClassVar[Any] = "gift"
    __table_args__: ClassVar[Any] = (
        one_of("state", GiftState),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("sender_account <> recipient_account", name="not_to_oneself"),
        Index(
            "gift_due",
            "settles_at",
            sqlite_where=text(PENDING_GIFT),
            postgresql_where=text(PENDING_GIFT),
        ),
        Index("gift_by_sender", "org_id", "sender_account", "created_at", "gift_id"),
        Index("gift_by_recipient", "org_id", "recipient_account", "created_at", "gift_id"),
        Index(
            "gift_open_by_sender",
            "org_id",
            "sender_account",
            sqlite_where=text(OPEN_GIFT),
            postgresql_where=text(OPEN_GIFT),
        ),
        Index(
            "gift_open_by_recipient",
            "org_id",
            "recipient_account",
            sqlite_where=text(OPEN_GIFT),
            postgresql_where=text(OPEN_GIFT),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    gift_id: int = key_part()
    sender_account: int = big()
    recipient_org: int | None = big(default=None)
    recipient_account: int = big()
    amount: int = big()
    created_at: int = big()
    settles_at: int = big()
    state: str = Field(sa_type=Text)
    decision: dict[str, Any] = Field(sa_type=JSON)


class DeliveryRow(SQLModel, table=True):
    """A settled gift on its way to another organization: delivered at least once, applied exactly once (L9)."""

    __tablename__: ClassVar[Any] = "delivery"
    __table_args__: ClassVar[Any] = (
        one_of("state", ("queued", "arrived", "bounced")),
        Index(
            "delivery_queued",
            "next_at",
            sqlite_where=text(QUEUED_DELIVERY),
            postgresql_where=text(QUEUED_DELIVERY),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    gift_id: int = key_part()
    to_org: int = big()
    state: str = Field(default="queued", sa_type=Text)
    attempts: int = 0
    next_at: int = big()


class ObligationRow(SQLModel, table=True):
    """What a claw-back or a charge could not take, owed outside the books (G6, S2); ``cause_id`` is the gift or the
    charge. ``repaid`` is a cache of its repayments, ``cancelled`` what refunds of the charge took away."""

    __tablename__: ClassVar[Any] = "obligation"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("repaid >= 0 AND repaid <= amount", name="repaid_within_amount"),
        Index(
            "obligation_open",
            "org_id",
            "debtor_account",
            sqlite_where=text(OPEN_OBLIGATION),
            postgresql_where=text(OPEN_OBLIGATION),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    cause_id: int = key_part()
    debtor_account: int = big()
    creditor_account: int = big()
    amount: int = big()
    repaid: int = big()
    created_at: int = big()
    cancelled: int | None = big(default=None)


class OutboxRow(SQLModel, table=True):
    """Something a person is told, written with what caused it: by direct message, and once in their editor."""

    __tablename__: ClassVar[Any] = "outbox"
    __table_args__: ClassVar[Any] = (
        one_of("slack_state", ("none", "queued", "sending", "sent", "failed")),
        Index(
            "outbox_queued",
            "next_at",
            sqlite_where=text(DUE_MESSAGE),
            postgresql_where=text(DUE_MESSAGE),
        ),
        Index(
            "outbox_unclaimed",
            "org_id",
            "member_id",
            sqlite_where=text(UNCLAIMED_NOTICE),
            postgresql_where=text(UNCLAIMED_NOTICE),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    notice_id: int = key_part()
    member_id: int = big()
    kind: str = Field(sa_type=Text)
    gift_id: int | None = big(default=None)
    body: dict[str, Any] = Field(sa_type=JSON)
    created_at: int = big()
    for_editor: bool = True
    claimed_at: int | None = big(default=None)
    slack_state: str = Field(default="none", sa_type=Text)
    slack_channel: str | None = Field(default=None, sa_type=Text)
    slack_ts: str | None = Field(default=None, sa_type=Text)
    attempts: int = 0
    next_at: int = big()
