"""Caps: how much a person may take from lots and pools in a period (S5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, NamedTuple

from core.ledger.credits import Credits
from core.ledger.records import Record


class Period(StrEnum):
    """The length of a cap's window; windows follow the calendar in UTC, a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Span(NamedTuple):
    """A window of time: from ``opens_at`` on, up to and without ``closes_at``."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Cap(Record):
    """A limit set for a member, a team or the whole organization; None is unlimited, zero is blocked.

    With ``pool_id`` it limits what is taken from that pool alone. It is in force from ``from_at`` on, until a row
    that was set later is. One that ``inherits`` is as if its subject had none.
    """

    TABLE: ClassVar[str] = "cap"
    KEY: ClassVar[tuple[str, ...]] = ("cap_id",)

    cap_id: int
    subject_id: int
    pool_id: int | None
    period: Period
    amount: Credits | None
    from_at: datetime
    created_at: datetime
    inherits: bool = False

    @property
    def meter(self) -> str:
        """The name of the windows in which its use is counted."""
        return f"cap:{self.period.value}" if self.pool_id is None else f"pool:{self.pool_id}:{self.period.value}"


def period_of(period: Period, now: datetime) -> Span:
    """Return the calendar window that ``now`` (aware, UTC) lies in."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        return Span(day, day + timedelta(days=1))
    if period is Period.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Span(monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return Span(first, (first + timedelta(days=32)).replace(day=1))


def in_force(caps: Iterable[Cap], *, member_id: int, team_ids: Iterable[int], org_id: int, now: datetime) -> list[Cap]:
    """Return the cap that counts for a person in each period and pool (S5).

    Their own row comes before their teams', of which the most restrictive counts, and those before the
    organization's; a subject without a row, or with one that inherits, is passed over.
    """
    set_by = {key: cap for key, cap in newest(caps, now).items() if not cap.inherits}
    chosen: dict[str, Cap] = {}
    for subjects in ((org_id,), tuple(team_ids), (member_id,)):
        for meter in {meter for meter, _ in set_by}:
            rows = [set_by[meter, subject] for subject in subjects if (meter, subject) in set_by]
            if rows:
                chosen[meter] = min(rows, key=_restrictiveness)
    return [chosen[meter] for meter in sorted(chosen)]


def newest(caps: Iterable[Cap], now: datetime) -> dict[tuple[str, int], Cap]:
    """Return by (meter, subject) the row that was set last among those that have begun."""
    begun = (cap for cap in caps if cap.from_at <= now)
    return {(cap.meter, cap.subject_id): cap for cap in sorted(begun, key=lambda cap: (cap.created_at, cap.cap_id))}


def starts_at(new: Credits | None, old: Credits | None, period: Period, now: datetime) -> datetime:
    """Return from when on a changed cap counts: raising and blocking at once, lowering with the next window (S5)."""
    lowers = new is not None and (old is None or new < old)
    return period_of(period, now).closes_at if lowers and new else now


def _restrictiveness(cap: Cap) -> tuple[bool, int, int]:
    """Sort what blocks most first; unlimited comes last."""
    return (cap.amount is None, 0 if cap.amount is None else cap.amount.micros, cap.cap_id)
