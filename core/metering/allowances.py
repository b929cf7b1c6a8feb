"""Allowances: usage included in a plan, in nested windows of 5 hours, weeks and months (S6).

Use is single-entry: postings to windows, never lots. A window says how much was used and when it ends; a boost
multiplies its limit and moves nothing; a reset takes back what was used and moves nothing either.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from core.ledger.credits import ZERO, Credits
from core.ledger.records import Record
from core.metering.caps import Span

FIVE_HOURS: Final = "5h"
WEEKLY: Final = "weekly"
MONTHLY: Final = "monthly"
ALLOWANCE_METERS: Final = (FIVE_HOURS, WEEKLY, MONTHLY)
THRESHOLDS: Final = (75, 90, 100)  # percent of a window at which a person is told, once (S5)

_SESSION: Final = timedelta(hours=5)
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """How much usage is included in each kind of window; None is no such window. A change is a new plan."""

    TABLE: ClassVar[str] = "plan"
    KEY: ClassVar[tuple[str, ...]] = ("plan_id",)

    plan_id: int
    name: str
    five_hours: Credits | None
    weekly: Credits | None
    monthly: Credits | None
    created_at: datetime

    @property
    def limits(self) -> dict[str, Credits]:
        """The plan's windows, the shortest first."""
        limits = {FIVE_HOURS: self.five_hours, WEEKLY: self.weekly, MONTHLY: self.monthly}
        return {meter: limit for meter, limit in limits.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class PlanAssignment(Record):
    """Who has which plan from ``from_at`` on; None ends it. The organization's own id stands for everybody without one.

    Weeks and months are counted from ``anchor_at``, so that windows stay where they are when a plan changes.
    """

    TABLE: ClassVar[str] = "plan_seat"
    KEY: ClassVar[tuple[str, ...]] = ("member_id", "from_at")

    member_id: int
    from_at: datetime
    plan_id: int | None
    anchor_at: datetime


@dataclass(frozen=True, slots=True)
class UsageWindow(Record):
    """What one person has used in one window of an allowance or a cap; ``told`` is the threshold they know of.

    What was used before ``reset_at`` counts no more, and cannot be given back either (S8). Of ``used``, open holds
    have only ``reserved`` a part: nobody can use that twice, but nobody has really used it yet.
    """

    TABLE: ClassVar[str] = "usage_window"
    KEY: ClassVar[tuple[str, ...]] = ("member_id", "meter", "opens_at", "closes_at")

    member_id: int
    meter: str
    opens_at: datetime
    closes_at: datetime
    used: Credits = ZERO
    told: int = 0
    reset_at: datetime | None = None
    reserved: Credits = ZERO

    @property
    def really_used(self) -> Credits:
        """What was captured or charged, which is what thresholds go by (S5)."""
        return max(self.used - self.reserved, ZERO)

    @property
    def span(self) -> Span:
        """From when until when; months of two anchors may begin at one instant and end at two."""
        return Span(self.opens_at, self.closes_at)


def assignment_in_force(seats: Iterable[PlanAssignment], member_id: int, now: datetime) -> PlanAssignment | None:
    """Return a person's own newest seat that has begun; where that holds no plan any more, everybody's."""
    begun = [seat for seat in seats if seat.from_at <= now]
    own = max((seat for seat in begun if seat.member_id == member_id), key=_began, default=None)
    if own is not None and own.plan_id is not None:
        return own
    return max((seat for seat in begun if seat.member_id != member_id), key=_began, default=own)


def window_at(meter: str, windows: Iterable[UsageWindow], anchor: datetime, now: datetime) -> UsageWindow | Span:
    """Return the window of an allowance that ``now`` lies in, or the span of one in which nothing was used yet.

    One of 5 hours opens with the first use; weeks and months follow the anchor.
    """
    current = [each for each in windows if each.meter == meter and each.opens_at <= now < each.closes_at]
    if current:
        return min(current, key=lambda window: window.span)
    if meter == FIVE_HOURS:
        return Span(now, now + _SESSION)
    return _week_of(anchor, now) if meter == WEEKLY else _month_of(anchor, now)


def _week_of(anchor: datetime, now: datetime) -> Span:
    opens_at = anchor + (now - anchor) // _WEEK * _WEEK
    return Span(opens_at, opens_at + _WEEK)


def _month_of(anchor: datetime, now: datetime) -> Span:
    """Months begin on the anchor's day and time, or on the last day of a month that has no such day."""
    months = (now.year - anchor.year) * 12 + now.month - anchor.month
    if _months_after(anchor, months) > now:
        months -= 1
    return Span(_months_after(anchor, months), _months_after(anchor, months + 1))


def _months_after(anchor: datetime, months: int) -> datetime:
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1]))


def _began(seat: PlanAssignment) -> datetime:
    return seat.from_at


def threshold_reached(used: Credits, limit: Credits | None) -> int:
    """Return the highest threshold, in percent, that ``used`` has reached; 0 for none or where nothing is limited."""
    if not limit:
        return 0
    return max((percent for percent in THRESHOLDS if used.micros * 100 >= limit.micros * percent), default=0)
