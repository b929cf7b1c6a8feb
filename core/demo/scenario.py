"""The demo organization as data: its people, grants, gifts and usage. Pure.

Times are in days or hours before or after the first start. What looks random is derived from names by a hash, so
every first start produces the same data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.ledger.lots import Source
from core.ledger.transfers import TransferKind
from core.metering.usage import Usage

ORGANISATION: Final = "Harbor Labs"
PLATFORM: Final = "Platform"
PRODUCT: Final = "Product"
TEAMS: Final = (PLATFORM, PRODUCT)
ADMIN: Final = "Mara Lindqvist"
STARTED_DAYS_AGO: Final = 30
USAGE_DAYS: Final = 14
_FIRST_HOUR: Final = 8
_LAST_HOUR: Final = 18


@dataclass(frozen=True, slots=True)
class Person:
    """A member, their requests on a working day and the models they use."""

    name: str
    team: str
    requests_a_day: int
    models: tuple[str, ...]
    leads: bool = False

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@harborlabs.example"


@dataclass(frozen=True, slots=True)
class DemoGrant:
    """A grant to a member or a pool; ``expires_in_days`` counts from the first start (None: never)."""

    to: str
    amount: int
    source: Source
    days_ago: float
    expires_in_days: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class DemoGift:
    """A gift, and how it ended if it didn't settle. Gifts from the last day are still pending."""

    sender: str
    recipient: str
    amount: int
    hours_ago: float
    message: str
    ending: TransferKind | None = None


@dataclass(frozen=True, slots=True)
class DemoCampaign:
    """A boost campaign; ``applicants`` applied in this order, an hour apart."""

    name: str
    factor: str
    capacity: int
    opened_days_ago: float
    starts_days_ago: float
    ends_in_days: float
    applicants: tuple[str, ...]


_OPUS: Final = "claude-opus-4-5-20251101"
_HAIKU: Final = "claude-haiku-4-5-20251001"
_SOL: Final = "gpt-6-sol"
_MINI: Final = "gpt-5.4-mini"

PEOPLE: Final = (
    Person(ADMIN, PLATFORM, 6, (_OPUS, _SOL), leads=True),
    Person("Tomas Herrera", PLATFORM, 16, (_SOL, _MINI, _SOL)),
    Person("Aiko Tanaka", PLATFORM, 11, (_OPUS, _HAIKU)),
    Person("Ben Okafor", PLATFORM, 9, (_SOL, _OPUS)),
    Person("Priya Raman", PRODUCT, 5, (_SOL, _HAIKU), leads=True),
    Person("Jonas Weber", PRODUCT, 2, (_MINI,)),  # idle: most of his allotment will expire
    Person("Leila Haddad", PRODUCT, 14, (_OPUS, _SOL, _MINI)),
    Person("Sam Whitfield", PRODUCT, 20, (_OPUS, _OPUS, _SOL)),  # low: already spends from the pool
)

GRANTS: Final = (
    *(
        DemoGrant(name, amount, Source.ALLOTMENT, 16, 14, "monthly allotment")
        for name, amount in {
            ADMIN: 1_500,
            "Tomas Herrera": 1_200,
            "Aiko Tanaka": 1_500,
            "Ben Okafor": 1_200,
            "Priya Raman": 2_000,
            "Jonas Weber": 1_200,
            "Leila Haddad": 1_200,
            "Sam Whitfield": 150,
        }.items()
    ),
    DemoGrant(ADMIN, 3_000, Source.PURCHASE, 15.9, None, "invoice 2041"),
    DemoGrant("Priya Raman", 2_500, Source.PURCHASE, 15.9, 75, "invoice 2042"),
    DemoGrant("Aiko Tanaka", 1_000, Source.PURCHASE, 15.8, 60, "invoice 2043"),
    DemoGrant("Tomas Herrera", 200, Source.PROMO, 12, 2, "launch week"),
    DemoGrant("Jonas Weber", 100, Source.PROMO, 20, -6, "welcome"),  # already expired, mostly unused
    DemoGrant("Ben Okafor", 300, Source.REFERRAL, 11, None, "brought in Leila"),
    DemoGrant(PLATFORM, 5_000, Source.PURCHASE, 15.7, 40, "team budget"),
    DemoGrant(PRODUCT, 400, Source.ALLOTMENT, 15.7, 14, "team budget"),
    DemoGrant(ORGANISATION, 10_000, Source.PURCHASE, 15.7, None, "reserve"),
)

GIFTS: Final = (
    DemoGift(ADMIN, "Sam Whitfield", 250, 9.2 * 24, "thanks for the release notes"),
    DemoGift("Aiko Tanaka", "Ben Okafor", 120, 6.3 * 24, "for pairing on the parser"),
    DemoGift("Jonas Weber", "Leila Haddad", 300, 4.4 * 24, "oops, wrong person", TransferKind.GIFT_CANCEL),
    DemoGift("Priya Raman", "Tomas Herrera", 100, 2.6 * 24, "for the dashboards", TransferKind.GIFT_DECLINE),
    DemoGift("Jonas Weber", "Sam Whitfield", 200, 20, "mine would expire anyway"),
    DemoGift(ADMIN, "Leila Haddad", 350, 3, "for the migration sprint"),
)


PLAN: Final = "Team"
PLAN_A_WEEK: Final = 4  # credits included in everybody's plan
CAMPAIGN: Final = DemoCampaign(
    "Autumn boost",
    "10",
    6,
    opened_days_ago=24,
    starts_days_ago=18.5,
    ends_in_days=12.5,  # 31 days in all
    applicants=(
        ADMIN,
        "Aiko Tanaka",
        "Priya Raman",
        "Tomas Herrera",
        "Leila Haddad",
        "Sam Whitfield",
        "Ben Okafor",  # too late: waitlisted
        "Jonas Weber",
    ),
)


def requests_of(person: Person, now: datetime) -> Iterator[tuple[datetime, str, Usage]]:
    """Yield the requests of the last two weeks up to now: when, which, and what each used.

    Prompts grow over a day's session and are mostly read from the cache, as those of coding agents are.
    """
    for days_ago in range(USAGE_DAYS, -1, -1):
        day = (now - timedelta(days=days_ago)).replace(hour=0, minute=0, second=0, microsecond=0)
        number = _requests_on(person, day)
        for turn in range(number):
            event = f"{person.email}/{USAGE_DAYS - days_ago}/{turn}"
            at = day + _time_of_day(event, turn, number)
            if at < now - timedelta(minutes=10):
                yield at, event, _usage(person, event, turn)


def _requests_on(person: Person, day: datetime) -> int:
    """Return how many requests a day sees: about the usual number, hardly any at the weekend."""
    usual = person.requests_a_day
    return _pick(f"{person.name} {day:%j}", usual // 10 if day.weekday() >= 5 else usual * 2 // 3, usual * 4 // 3)


def _time_of_day(event: str, turn: int, number: int) -> timedelta:
    """Spread a day's requests over the working hours, in order."""
    share = (_LAST_HOUR - _FIRST_HOUR) * 3600 / number
    return timedelta(hours=_FIRST_HOUR, seconds=int(share * turn) + _pick(f"{event} at", 0, max(0, int(share) - 1)))


def _usage(person: Person, event: str, turn: int) -> Usage:
    prompt = 20_000 + (turn % 8) * 14_000 + _pick(f"{event} prompt", 0, 14_000)
    return Usage(
        model=person.models[_pick(f"{event} model", 0, len(person.models) - 1)],
        input_tokens=_pick(f"{event} fresh", 600, 9_000),
        cached_tokens=prompt,
        output_tokens=_pick(f"{event} output", 200, 4_000),
    )


def _pick(name: str, low: int, high: int) -> int:
    """Return a number from ``low`` to ``high`` that depends on nothing but the name."""
    if high <= low:
        return low
    return low + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % (high - low + 1)
