"""What brings credits and usage again, and takes them back: allotments, refunds, resets of many at once."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from core.ledger.allotments import MAX_LASTS
from core.store.tables.columns import CLUSTERED, big, key_part

RUNNING_ALLOTMENT = "ended_at IS NULL"
OPEN_ORDER = "finished_at IS NULL"


class AllotmentRow(SQLModel, table=True):
    """A monthly grant (S9). ``passed``, ``next_at`` and ``granted`` follow from the grants it has caused."""

    __tablename__: ClassVar[Any] = "allotment"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("day BETWEEN 1 AND 31", name="day_of_a_month"),
        CheckConstraint(f"lasts BETWEEN 1 AND {MAX_LASTS}", name="lasts_some_months"),
        CheckConstraint("passed >= 0 AND granted >= 0", name="counts_not_negative"),
        Index("allotment_by_account", "org_id", "account_id"),
        Index(
            "allotment_due",
            "next_at",
            sqlite_where=text(RUNNING_ALLOTMENT),
            postgresql_where=text(RUNNING_ALLOTMENT),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    allotment_id: int = key_part()
    account_id: int = big()
    amount: int = big()
    day: int
    lasts: int
    giftable: bool
    first_at: int = big()
    next_at: int = big()
    created_at: int = big()
    passed: int
    granted: int = big()
    ended_at: int | None = big(default=None)


class RefundRow(SQLModel, table=True):
    """What a refund gave back of a charge (S9): its amount, of which ``cancelled`` had not been paid yet and
    ``allowance`` had been covered by a plan. The rest are lots."""

    __tablename__: ClassVar[Any] = "refund"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("cancelled >= 0 AND allowance >= 0 AND cancelled + allowance <= amount", name="parts_fit"),
        Index("refund_by_charge", "org_id", "charge_id"),
        CLUSTERED,
    )

    org_id: int = key_part()
    transfer_id: int = key_part()
    charge_id: int = big()
    amount: int = big()
    cancelled: int = big()
    allowance: int = big()


class ResetOrderRow(SQLModel, table=True):
    """A reset for one member, a team or everybody (``subject_id``), and how far it has come (S8).

    Members are taken in the order of their ids; ``after_member`` is the last one who has been.
    """

    __tablename__: ClassVar[Any] = "reset_order"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("done >= 0 AND unchanged >= 0", name="counts_not_negative"),
        Index(
            "reset_order_open",
            "created_at",
            sqlite_where=text(OPEN_ORDER),
            postgresql_where=text(OPEN_ORDER),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    order_id: int = key_part()
    subject_id: int = big()
    is_banked: bool
    expires_at: int | None = big(default=None)
    created_at: int = big()
    after_member: int = big()
    done: int = big()
    unchanged: int = big()
    finished_at: int | None = big(default=None)
