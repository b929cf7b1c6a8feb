"""What tokens cost, as an organization has loaded it."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Text
from sqlmodel import Field, SQLModel

from core.store.tables.columns import big, key_part


class RateCardRow(SQLModel, table=True):
    """One fact of one load of rate cards: append-only, so that every card that was ever in force can be told.

    Rates are micro-credits per million tokens; null is not charged. Without ``tiers`` it has the fallback's.
    ``effective_from`` is a day, like 2026-09-29.
    """

    __tablename__: ClassVar[Any] = "rate_row"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("input > 0 AND output > 0 AND cached_input >= 0", name="rates_fit"),
        CheckConstraint("cache_write >= 0 AND cache_write_1h >= 0", name="cache_rates_fit"),
    )

    org_id: int = key_part()
    load_number: int = key_part()
    model: str = Field(primary_key=True, sa_type=Text)
    effective_from: str = Field(primary_key=True, sa_type=Text)
    input: int = big()
    cached_input: int = big()
    output: int = big()
    cache_write: int | None = big(default=None)
    cache_write_1h: int | None = big(default=None)
    tiers: dict[str, str] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    provider: str | None = Field(default=None, sa_type=Text)
    source: str | None = Field(default=None, sa_type=Text)
    loaded_by: int = big()
    loaded_at: int = big()
