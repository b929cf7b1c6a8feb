"""What was used, and what it was paid from."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from core.metering.caps import Period
from core.metering.holds import HoldState
from core.store.tables.columns import CLUSTERED, big, key_part, one_of

OPEN_HOLD = "state = 'open'"
UNWARNED_RESET = "used_at IS NULL AND warned_at IS NULL"


class UsageEventRow(SQLModel, table=True):
    """A usage event (S4), with the card it was rated by; (source, id) is unique.

    Each kind of tokens is counted apart: ``input_tokens`` are those read from no cache and written to none. ``amount``
    is its price, of which ``allowance`` was covered by a plan and ``overage`` by nothing; the rest came from lots.
    ``happened_at`` is when it was used, by whose card it was rated, where the report said so; ``at`` repeats the moment
    of its transfer, so that a person's usage is found in its order.
    """

    __tablename__: ClassVar[Any] = "usage_event"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        Index("usage_event_by_member", "org_id", "member_id", "at", "transfer_id"),
        CLUSTERED,
    )

    org_id: int = key_part()
    transfer_id: int = key_part()
    member_id: int = big()
    source: str = Field(sa_type=Text)
    event_id: str = Field(sa_type=Text)
    model: str = Field(sa_type=Text)
    input_tokens: int = big()
    cached_tokens: int = big()
    output_tokens: int = big()
    cache_write_tokens: int = big(default=0)
    cache_write_1h_tokens: int = big(default=0)
    card: str = Field(sa_type=Text)
    is_fallback: bool = False
    amount: int = big()
    tier: str | None = Field(default=None, sa_type=Text)
    allowance: int | None = big(default=None)
    overage: int | None = big(default=None)
    happened_at: int | None = big(default=None)
    at: int | None = big(default=None)


class HoldRow(SQLModel, table=True):
    """Usage that was authorized (S2). What it became is a cache of its transfers; the rest never changes.

    ``amount`` is the estimate, ``allowance`` the part of it that the plan covers; the rest lies in the escrows of
    ``sources``, which are wallet and pools in the order they were drawn.
    """

    __tablename__: ClassVar[Any] = "hold"
    __table_args__: ClassVar[Any] = (
        one_of("state", HoldState),
        CheckConstraint("amount >= 0 AND allowance >= 0 AND allowance <= amount", name="amounts_fit"),
        Index("hold_due", "deadline_at", sqlite_where=text(OPEN_HOLD), postgresql_where=text(OPEN_HOLD)),
        Index("hold_by_member", "org_id", "member_id", "hold_id"),
        CLUSTERED,
    )

    org_id: int = key_part()
    hold_id: int = key_part()
    member_id: int = big()
    model: str = Field(sa_type=Text)
    card: str = Field(sa_type=Text)
    amount: int = big()
    allowance: int = big()
    sources: list[int] = Field(sa_type=JSON)
    created_at: int = big()
    deadline_at: int = big()
    state: str = Field(sa_type=Text)
    charged: int = big(default=0)
    overage: int = big(default=0)
    is_late: bool = False
    closed_at: int | None = big(default=None)
    tier: str | None = Field(default=None, sa_type=Text)


class PlanRow(SQLModel, table=True):
    """How much usage is included, in nested windows; null is no such window. Never changed: a change is a new plan."""

    __tablename__: ClassVar[Any] = "plan"
    org_id: int = key_part()
    plan_id: int = key_part()
    name: str = Field(sa_type=Text)
    five_hours: int | None = big(default=None)
    weekly: int | None = big(default=None)
    monthly: int | None = big(default=None)
    created_at: int = big()


class PlanAssignmentRow(SQLModel, table=True):
    """Who has which plan from when on: the newest row in force counts, one without a plan ends it.

    ``member_id`` is the organization's own id for everybody who has no row. Weeks and months count from ``anchor_at``.
    """

    __tablename__: ClassVar[Any] = "plan_seat"

    org_id: int = key_part()
    member_id: int = key_part()
    from_at: int = key_part()
    plan_id: int | None = big(default=None)
    anchor_at: int = big()


class UsageWindowRow(SQLModel, table=True):
    """How much of an allowance or a cap one person has used in one window: a cache of its postings (S5, S6).

    Months of two anchors may begin at one instant and end at two, so a window is known by both its ends.
    """

    __tablename__: ClassVar[Any] = "usage_window"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("used >= 0", name="used_not_negative"),
        CheckConstraint("reserved >= 0", name="reserved_not_negative"),
        Index("usage_window_live", "org_id", "member_id", "closes_at"),
        CLUSTERED,
    )

    org_id: int = key_part()
    member_id: int = key_part()
    meter: str = Field(primary_key=True, sa_type=Text)
    opens_at: int = key_part()
    closes_at: int = key_part()
    used: int = big()
    told: int = 0  # the highest threshold, in percent, that the person was told of
    reset_at: int | None = big(default=None)  # what was used before counts no more (S8)
    reserved: int = big(default=0)  # of what is used, what open holds may still give back


class WindowPostingRow(SQLModel, table=True):
    """What a transfer added to a window, or gave back: append-only, sealed with its transfer (S6)."""

    __tablename__: ClassVar[Any] = "window_posting"
    __table_args__: ClassVar[Any] = (CheckConstraint("amount <> 0", name="amount_not_zero"), CLUSTERED)

    org_id: int = key_part()
    transfer_id: int = key_part()
    line: int = Field(primary_key=True)
    member_id: int = big()
    meter: str = Field(sa_type=Text)
    opens_at: int = big()
    closes_at: int = big()
    amount: int = big()


class CapRow(SQLModel, table=True):
    """A limit on what a person takes from lots and pools in a period (S5); the newest row in force counts.

    ``subject_id`` is a member, a team or the organization; ``pool_id`` narrows it to what is taken from one pool.
    ``amount`` null is unlimited, 0 is blocked; a row that ``inherits`` is as if its subject had none.
    """

    __tablename__: ClassVar[Any] = "cap"
    __table_args__: ClassVar[Any] = (
        one_of("period", Period),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        Index("cap_by_subject", "org_id", "subject_id"),
    )

    org_id: int = key_part()
    cap_id: int = key_part()
    subject_id: int = big()
    pool_id: int | None = big(default=None)
    period: str = Field(sa_type=Text)
    amount: int | None = big(default=None)
    from_at: int = big()
    created_at: int = big()
    inherits: bool = False


class ResetRow(SQLModel, table=True):
    """A reset of one person's windows that is kept until it is used (S8)."""

    __tablename__: ClassVar[Any] = "reset"
    __table_args__: ClassVar[Any] = (
        Index("reset_by_member", "org_id", "member_id"),
        Index("reset_unwarned", "expires_at", sqlite_where=text(UNWARNED_RESET), postgresql_where=text(UNWARNED_RESET)),
        CLUSTERED,
    )

    org_id: int = key_part()
    reset_id: int = key_part()
    member_id: int = big()
    expires_at: int | None = big(default=None)
    created_at: int = big()
    used_at: int | None = big(default=None)
    warned_at: int | None = big(default=None)
