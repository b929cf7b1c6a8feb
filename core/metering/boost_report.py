"""What a boost brought, in numbers: usage before, during and after it, for each cohort of people. Pure.

The three spans are equally long, so that their totals can be compared; how long is said in ``spans_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from core.ledger.credits import Credits, total

LEAST_AFTER: Final = timedelta(days=1)  # sooner after the end there is nothing to compare


class Cohort(StrEnum):
    """To which people a campaign divides an organization; everybody is in exactly one."""

    ADMITTED = "admitted"  # had the boost
    WAITLISTED = "waitlisted"  # wanted it and waited in vain
    REFUSED = "refused"  # wanted it and was refused, or never decided
    WITHDRAWN = "withdrawn"  # took the application back
    NOBODY = "nobody"  # never applied


class Phase(StrEnum):
    """A span of time around the boost."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class ReportSpan(NamedTuple):
    """From ``begins_at`` on, up to and without ``ends_at``."""

    begins_at: datetime
    ends_at: datetime


class DailyUsage(NamedTuple):
    """What one person used in a span."""

    requests: int
    amount: Credits


@dataclass(frozen=True, slots=True)
class PhaseUsage:
    """What a cohort used in a span. ``median`` is over all its people, also those who used nothing."""

    phase: Phase
    requests: int
    total: Credits
    median: Credits
    active: int  # people with at least one request


@dataclass(frozen=True, slots=True)
class Afterwards:
    """How many people of a cohort met which fate in the span after the boost."""

    at_limit: int  # were told that a limit was used up to 100 %
    asked: int  # asked colleagues or leads for credits
    bought: int  # were granted bought credits
    left: int  # left the organization


@dataclass(frozen=True, slots=True)
class CohortReport:
    """One cohort: how many they are, what they used in each span, and what became of them after."""

    cohort: Cohort
    people: int
    usage: tuple[PhaseUsage, ...]
    afterwards: Afterwards | None


def spans_of(starts_at: datetime, ends_at: datetime, now: datetime) -> dict[Phase, ReportSpan]:
    """Return the spans that can be compared by now, all of one length.

    While the boost runs, it is the time it has run. After its end it is the boost's whole length, or, from the first
    day after it until as much time has passed again, the time since: then the end of the boost is compared with it.
    """
    length = min(now, ends_at) - starts_at
    if length <= timedelta():
        return {}
    since = now - ends_at
    if since >= LEAST_AFTER:
        length = min(length, since)
    end = min(now, ends_at)
    spans = {Phase.BEFORE: ReportSpan(starts_at - length, starts_at), Phase.DURING: ReportSpan(end - length, end)}
    if since >= LEAST_AFTER:
        spans[Phase.AFTER] = ReportSpan(ends_at, ends_at + length)
    return spans


def usage_of(phase: Phase, people: Iterable[int], used: Mapping[int, DailyUsage]) -> PhaseUsage:
    """Return what these people used in a span."""
    each = [used.get(person, DailyUsage(0, Credits(0))) for person in people]
    amounts = [person.amount for person in each]
    requests = sum(person.requests for person in each)
    return PhaseUsage(phase, requests, total(amounts), median(amounts), sum(person.requests > 0 for person in each))


def median(amounts: Iterable[Credits]) -> Credits:
    """Return the middle amount; of an even number the mean of the two, rounded down to a micro-credit."""
    ordered = sorted(amount.micros for amount in amounts)
    if not ordered:
        return Credits(0)
    middle = len(ordered) // 2
    return Credits(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2)
