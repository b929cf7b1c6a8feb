"""Boosts: a multiplier on every allowance for a time. Overlaps: the largest counts, never the product (S6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import ClassVar, Final, NamedTuple

from core.ledger.credits import Credits
from core.ledger.records import Record

THOUSAND: Final = 1_000
MAX_FACTOR: Final = 1_000
MAX_LASTS: Final = timedelta(days=366)
_WRITTEN = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?", re.ASCII)


class Factor(NamedTuple):
    """A multiplier in whole thousandths, so that ``10`` and ``1.5`` are exact; more than 1, at most 1,000."""

    thousandths: int

    @classmethod
    def parse(cls, text: str) -> Factor:
        """Read ``"10"`` or ``"1.5"``. Raises ValueError for anything else."""
        if _WRITTEN.fullmatch(text) is None:
            raise ValueError('a factor is written like "10" or "1.5": ASCII digits, at most 3 decimals')
        whole, _, fraction = text.partition(".")
        thousandths = int(whole) * THOUSAND + int(fraction.ljust(3, "0"))
        if not THOUSAND < thousandths <= MAX_FACTOR * THOUSAND:
            raise ValueError(f"a factor is more than 1 and at most {MAX_FACTOR:,}")
        return cls(thousandths)

    def __str__(self) -> str:
        whole, fraction = divmod(self.thousandths, THOUSAND)
        decimals = f"{fraction:03d}".rstrip("0")
        return f"{whole}.{decimals}" if decimals else str(whole)

    @property
    def number(self) -> int | float:
        """The factor as a JSON number: whole where it is whole."""
        whole, fraction = divmod(self.thousandths, THOUSAND)
        return self.thousandths / THOUSAND if fraction else whole

    def apply(self, limit: Credits) -> Credits:
        """Return the multiplied limit: exact, and where a micro-credit would be split, rounded down."""
        return Credits(limit.micros * self.thousandths // THOUSAND)


class Stage(IntEnum):
    """What people are told of a boost as it goes on; each only once, and only the newest of several missed."""

    NOTHING = 0
    STARTED = 1
    SEVEN_DAYS = 2  # seven days before the end
    THREE_DAYS = 3
    ONE_DAY = 4
    ENDED = 5
    FEEDBACK = 6  # a day after the end of a campaign its people are asked what it was worth


_AHEAD: Final = {Stage.SEVEN_DAYS: 7, Stage.THREE_DAYS: 3, Stage.ONE_DAY: 1}
FEEDBACK_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Boost(Record):
    """A multiplier for a member, a team or the whole organization, from ``starts_at`` up to and without ``ends_at``.

    It is in force by these two instants alone; no job starts or ends it. ``tell_at`` is when the next of its
    stages is told, None when there is nothing left to tell. The pool of the organization guards it.
    """

    TABLE: ClassVar[str] = "boost"
    KEY: ClassVar[tuple[str, ...]] = ("boost_id",)

    boost_id: int
    subject_id: int
    factor: Factor
    starts_at: datetime
    ends_at: datetime
    campaign_id: int | None
    actor_id: int
    created_at: datetime
    told: Stage
    tell_at: datetime | None
    budget_days: int = 0  # taken from the budget of a team

    def is_in_force(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at

    def apply(self, limit: Credits) -> Credits:
        """Return an allowance's limit while this boost counts."""
        return self.factor.apply(limit)

    def ended(self, at: datetime) -> Boost:
        """Return the boost ended before its time. One that had not begun never was, and is not spoken of."""
        if self.starts_at >= at:
            return replace(self, ends_at=self.starts_at, tell_at=None)
        ended = replace(self, ends_at=at)
        return replace(ended, tell_at=next_stage_at(ended, self.told))


def in_force(boosts: Iterable[Boost], now: datetime) -> Boost | None:
    """Return the boost that counts: the largest in force; of equal ones that which lasts longest (S6)."""
    running = [boost for boost in boosts if boost.is_in_force(now)]
    return max(running, key=lambda boost: (boost.factor, boost.ends_at, -boost.boost_id), default=None)


def next_change(boosts: Iterable[Boost], now: datetime) -> datetime | None:
    """Return the first instant after ``now`` at which another boost counts, or None while things stay as they are."""
    known = tuple(boosts)
    counting = in_force(known, now)
    instants = {instant for boost in known for instant in (boost.starts_at, boost.ends_at) if instant > now}
    return next((instant for instant in sorted(instants) if in_force(known, instant) != counting), None)


def stages_of(boost: Boost) -> list[tuple[datetime, Stage]]:
    """Return what is told of a boost and when, in order. A day that lies before the start is left out."""
    stages = [(boost.starts_at, Stage.STARTED)]
    ahead = [(boost.ends_at - timedelta(days=days), stage) for stage, days in _AHEAD.items()]
    stages += [(instant, stage) for instant, stage in ahead if instant > boost.starts_at]
    stages.append((boost.ends_at, Stage.ENDED))
    if boost.campaign_id is not None:
        stages.append((boost.ends_at + FEEDBACK_AFTER, Stage.FEEDBACK))
    return stages


def stage_due(boost: Boost, now: datetime) -> Stage:
    """Return the newest stage that has come by ``now``."""
    return max((stage for instant, stage in stages_of(boost) if instant <= now), default=Stage.NOTHING)


def next_stage_at(boost: Boost, told: Stage) -> datetime | None:
    """Return when the next stage after ``told`` comes, or None after the last."""
    return min((instant for instant, stage in stages_of(boost) if stage > told), default=None)
