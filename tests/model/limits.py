"""The plans, caps and boosts that the random ledger test runs with, as plain values.

`windows.py` applies the rules to them; `tests/support/spending_limits.py` turns them into records and commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

HOUR = timedelta(hours=1)
CREDIT = 1_000_000


@dataclass(frozen=True)
class CapLimit:
    """``subject`` is a person, a team or "all"; with ``pool`` it is about that team's pool; None is unlimited."""

    subject: str
    period: str
    amount: int | None
    pool: str | None = None


@dataclass(frozen=True)
class BoostPeriod:
    """A multiplier from one number of hours after the start to another."""

    subject: str
    factor: str
    from_hours: int
    to_hours: int


# Micro-credits by meter. Weeks and months are counted from 100 hours before the start.
PLANS: dict[str, dict[str, int]] = {
    "bo": {"5h": 30 * CREDIT, "weekly": 70 * CREDIT},
    "di": {"monthly": 55 * CREDIT},
}
ANCHOR = -100 * HOUR
CAPS = (
    CapLimit("all", "month", 900 * CREDIT),
    CapLimit("red", "day", 160 * CREDIT),
    CapLimit("cy", "day", None),
    CapLimit("bo", "week", 45 * CREDIT, pool="red"),
    CapLimit("ed", "week", 0),
)
BOOSTS = (BoostPeriod("red", "2", 6, 90), BoostPeriod("bo", "10", 24, 48), BoostPeriod("all", "1.5", 30, 200))
