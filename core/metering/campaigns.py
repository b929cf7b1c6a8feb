"""Campaigns: a boost that people apply for, with a capacity and a waitlist (S7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final

from core.ledger.ids import Prefix, shown_id
from core.ledger.records import Record
from core.metering.boosts import Factor

MAX_CAPACITY: Final = 1_000_000
_RANK_BITS: Final = 60


class Method(StrEnum):
    """How a campaign's applications are decided."""

    ARRIVAL = "arrival"  # at once, in the order in which they come
    LOTTERY = "lottery"  # when applications have closed, in the order of a seed that was fixed before
    HAND = "hand"  # by an admin, one by one


class ApplicationState(StrEnum):
    """What became of an application."""

    APPLIED = "applied"  # not decided yet
    ADMITTED = "admitted"  # has a place, and so the boost
    WAITLISTED = "waitlisted"  # moves up when a place becomes free
    REFUSED = "refused"  # by an admin
    WITHDRAWN = "withdrawn"  # by who applied


WAITING: Final = frozenset({ApplicationState.APPLIED, ApplicationState.WAITLISTED})


@dataclass(frozen=True, slots=True)
class Campaign(Record):
    """A boost for whoever is admitted, from ``starts_at`` to ``ends_at``.

    The counters are kept with each decision, so that a decision costs the same however many have applied: there
    are never more admitted than the capacity. ``seed`` is fixed when the campaign is made; its hash is shown from
    then on, the seed itself at the draw. The pool of the organization guards it.
    """

    TABLE: ClassVar[str] = "campaign"
    KEY: ClassVar[tuple[str, ...]] = ("campaign_id",)

    campaign_id: int
    name: str
    factor: Factor
    method: Method
    capacity: int
    team_ids: tuple[int, ...]  # only their members may apply; none is everybody
    form: tuple[dict[str, Any], ...]
    opens_at: datetime
    closes_at: datetime
    starts_at: datetime
    ends_at: datetime
    actor_id: int
    created_at: datetime
    seed: str | None
    drawn_at: datetime | None = None
    ended_at: datetime | None = None  # when an admin ended it early
    applied: int = 0
    admitted: int = 0
    waitlisted: int = 0
    refused: int = 0
    withdrawn: int = 0

    @property
    def applications(self) -> int:
        return self.applied + self.admitted + self.waitlisted + self.refused + self.withdrawn

    @property
    def places_left(self) -> int:
        return self.capacity - self.admitted

    @property
    def seed_hash(self) -> str | None:
        """What is published before the draw, so that nobody can choose the seed after the applications are known."""
        return None if self.seed is None else hashlib.sha256(self.seed.encode()).hexdigest()

    def is_over(self, now: datetime) -> bool:
        return self.ended_at is not None or now >= self.ends_at

    def is_open(self, now: datetime) -> bool:
        """Whether applications are taken."""
        return self.opens_at <= now < self.closes_at and not self.is_over(now)

    def moved(self, old: ApplicationState | None, new: ApplicationState) -> Campaign:
        """Return the campaign after an application went from one state to another; a new one has no old state."""
        counts = {new.value: getattr(self, new.value) + 1}
        if old is not None:
            counts[old.value] = getattr(self, old.value) - 1
        return replace(self, **counts)


@dataclass(frozen=True, slots=True)
class Application(Record):
    """Somebody asks to be in a campaign, once. ``rank`` orders those who wait: the lower comes first.

    ``answers`` and ``words`` are free text and may be erased. The pool of the organization guards it.
    """

    TABLE: ClassVar[str] = "application"
    KEY: ClassVar[tuple[str, ...]] = ("application_id",)

    application_id: int
    campaign_id: int
    member_id: int
    state: ApplicationState
    rank: int
    answers: dict[str, Any]
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: int | None = None  # an admin; None is the rule of the campaign
    rating: int | None = None  # what it was worth to them afterwards, 1 to 5
    words: str | None = None


@dataclass(frozen=True, slots=True)
class BoostBudget(Record):
    """How many days of boosts the leads of a team may drop in a calendar month (UTC), and up to which factor.

    ``spent_days`` counts in the month that begins at ``month_at``; in a later month nothing is spent yet. The
    pool of the organization guards it.
    """

    TABLE: ClassVar[str] = "boost_budget"
    KEY: ClassVar[tuple[str, ...]] = ("team_id",)

    team_id: int
    days_per_month: int
    max_factor: Factor
    month_at: datetime
    spent_days: int

    def in_month(self, now: datetime) -> BoostBudget:
        """Return the budget as it stands in the month of ``now``."""
        month = month_of(now)
        return self if self.month_at == month else replace(self, month_at=month, spent_days=0)

    @property
    def days_left(self) -> int:
        return max(self.days_per_month - self.spent_days, 0)


def rank_in_lottery(seed: str, application_id: int) -> int:
    """Return an application's place in the draw: the first 60 bits of SHA-256 over seed and id, as a number.

    Anybody who knows the seed and the ids can work the order out again: ``sha256(seed + ":" + application id)``, the
    id in its outside form.
    """
    shown = shown_id(Prefix.APPLICATION, application_id)
    digest = hashlib.sha256(f"{seed}:{shown}".encode()).digest()
    return int.from_bytes(digest[:8]) >> (64 - _RANK_BITS)


def days_of(length: timedelta) -> int:
    """Return how many days of a budget a boost costs: begun days count whole."""
    return -(-length // timedelta(days=1))


def month_of(now: datetime) -> datetime:
    """Return the first instant of the month in UTC."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
