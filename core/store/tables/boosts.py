"""Boosts: who has one, and the campaigns by which they are applied for (S6, S7)."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from core.metering.campaigns import ApplicationState, Method
from core.store.tables.columns import CLUSTERED, big, key_part, one_of

UNTOLD_BOOST = "tell_at IS NOT NULL"
OF_A_CAMPAIGN = "campaign_id IS NOT NULL"


class BoostRow(SQLModel, table=True):
    """A multiplier on the allowances of a member, a team or the organization; ``factor`` is in thousandths."""

    __tablename__: ClassVar[Any] = "boost"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("factor > 1000", name="factor_multiplies"),
        CheckConstraint("starts_at <= ends_at", name="ends_after_start"),
        Index("boost_by_subject", "org_id", "subject_id"),
        Index("boost_to_tell", "tell_at", sqlite_where=text(UNTOLD_BOOST), postgresql_where=text(UNTOLD_BOOST)),
        Index(
            "boost_by_campaign",
            "org_id",
            "campaign_id",
            "ends_at",
            sqlite_where=text(OF_A_CAMPAIGN),
            postgresql_where=text(OF_A_CAMPAIGN),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    boost_id: int = key_part()
    subject_id: int = big()
    factor: int = big()
    starts_at: int = big()
    ends_at: int = big()
    campaign_id: int | None = big(default=None)
    actor_id: int = big()
    created_at: int = big()
    told: int = 0
    tell_at: int | None = big(default=None)
    budget_days: int = 0


class CampaignRow(SQLModel, table=True):
    """A boost that people apply for. The counters are caches of its applications, written with each of them."""

    __tablename__: ClassVar[Any] = "campaign"
    __table_args__: ClassVar[Any] = (
        one_of("method", Method),
        CheckConstraint("factor > 1000", name="factor_multiplies"),
        CheckConstraint("opens_at < closes_at AND starts_at < ends_at", name="ends_after_start"),
        CheckConstraint("admitted <= capacity", name="within_capacity"),
        CheckConstraint(
            "applied >= 0 AND admitted >= 0 AND waitlisted >= 0 AND refused >= 0 AND withdrawn >= 0",
            name="counts_not_negative",
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    campaign_id: int = key_part()
    name: str = Field(sa_type=Text)
    factor: int = big()
    method: str = Field(sa_type=Text)
    capacity: int = 0
    team_ids: list[int] = Field(sa_type=JSON)
    form: list[Any] = Field(sa_type=JSON)
    opens_at: int = big()
    closes_at: int = big()
    starts_at: int = big()
    ends_at: int = big()
    actor_id: int = big()
    created_at: int = big()
    seed: str | None = Field(default=None, sa_type=Text)
    drawn_at: int | None = big(default=None)
    ended_at: int | None = big(default=None)
    applied: int = 0
    admitted: int = 0
    waitlisted: int = 0
    refused: int = 0
    withdrawn: int = 0


class ApplicationRow(SQLModel, table=True):
    """Somebody applies for a campaign, once; ``answers`` and ``words`` are erasable."""

    __tablename__: ClassVar[Any] = "application"
    __table_args__: ClassVar[Any] = (
        one_of("state", ApplicationState),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating_fits"),
        Index("application_by_member", "org_id", "member_id", "campaign_id", unique=True),
        Index("application_by_rank", "org_id", "campaign_id", "state", "rank"),
        CLUSTERED,
    )

    org_id: int = key_part()
    application_id: int = key_part()
    campaign_id: int = big()
    member_id: int = big()
    state: str = Field(sa_type=Text)
    rank: int = big()
    answers: dict[str, Any] = Field(sa_type=JSON)
    created_at: int = big()
    decided_at: int | None = big(default=None)
    decided_by: int | None = big(default=None)
    rating: int | None = None
    words: str | None = Field(default=None, sa_type=Text)


class BoostBudgetRow(SQLModel, table=True):
    """How many days of boosts a team's leads may drop in a month."""

    __tablename__: ClassVar[Any] = "boost_budget"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("days_per_month >= 0 AND spent_days >= 0", name="days_not_negative"),
    )

    org_id: int = key_part()
    team_id: int = key_part()
    days_per_month: int = 0
    max_factor: int = big()
    month_at: int = big()
    spent_days: int = 0
