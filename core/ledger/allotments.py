"""Allotments: credits granted every month on one day of the calendar, in UTC (S9).

Its runs are numbered from 1 and follow from the first one alone: a day that a month does not have is its last day.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from core.ledger.credits import ZERO, Credits
from core.ledger.records import Record

MAX_LASTS: Final = 24  # months that the lots of a run last; so many runs can be alive at once


@dataclass(frozen=True, slots=True)
class Allotment(Record):
    """A monthly grant to a wallet or pool on the ``day`` of the month, from the month of ``first_at`` on.

    The lots of a run lapse ``lasts`` runs later: 1 is at the next run. ``passed`` is the number of the last run that
    is over, granted or lapsed unseen; ``next_at`` is when the one after it is due. ``granted`` is what it gave so far.
    """

    TABLE: ClassVar[str] = "allotment"
    KEY: ClassVar[tuple[str, ...]] = ("allotment_id",)

    allotment_id: int
    account_id: int
    amount: Credits
    day: int
    lasts: int
    giftable: bool
    first_at: datetime
    next_at: datetime
    created_at: datetime
    passed: int = 0
    granted: Credits = ZERO
    ended_at: datetime | None = None

    def at(self, run: int) -> datetime:
        """Return when a run is due; the first has the number 1."""
        return run_at(self.first_at, self.day, run)

    def lapses_at(self, run: int) -> datetime:
        """Return from when on the lots of a run are unusable, however late it was granted (L5)."""
        return self.at(run + self.lasts)

    def due(self, now: datetime) -> Iterator[int]:
        """Yield the runs that are due and can still help, oldest first: those whose lots have lapsed are passed over.

        At most ``lasts`` of them, however long nobody looked.
        """
        if self.ended_at is not None or now < self.next_at:
            return
        latest = self.passed + 1 + _months_between(self.next_at, now)
        for run in range(max(self.passed + 1, latest - self.lasts), latest + 1):
            if self.at(run) <= now < self.lapses_at(run):
                yield run


def first_run(day: int, start: datetime) -> datetime:
    """Return the first midnight in UTC of that day of a month, at ``start`` or after it."""
    this_month = run_at(start, day, 1)
    return this_month if this_month >= start else run_at(start, day, 2)


def run_at(first_at: datetime, day: int, run: int) -> datetime:
    """Return the midnight of ``day``, or of the last day of a shorter month, ``run - 1`` months after the first."""
    years, month = divmod(first_at.month - 1 + run - 1, 12)
    year, month = first_at.year + years, month + 1
    midnight = first_at.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=min(day, monthrange(year, month)[1]) - 1)


def _months_between(earlier: datetime, later: datetime) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month
