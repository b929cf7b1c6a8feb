"""What the ledger's model knows of people, lots, gifts and holds: plain values, written from the rules.

Amounts are whole micro-credits; people and pools go by name, lots and gifts by number in the order they came to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.model.windows import Key

Account = tuple[str, str]  # kind and owner: ("wallet", "ada")
Part = tuple[int, int]  # a lot and how much of it

CREDIT = 1_000_000
DAY = timedelta(days=1)
NEVER = datetime.max.replace(tzinfo=UTC)
TRAVELS = {"purchase", "allotment"}
PAID = {"purchase", "allotment"}
OPEN = {"pending", "in_review"}
COUNTED = {"pending", "in_review", "settled"}
ISSUANCE, CONSUMED, BREAKAGE = ("org", "issuance"), ("org", "consumed"), ("org", "breakage")


class Refusal(Exception):  # noqa: N818  (a refusal is an answer, not a failure)
    """What the rules refuse, by its stable code; nothing changed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Person:
    """Somebody with a wallet."""

    team: str
    leads: bool = False
    verified: bool = True
    frozen: bool = False
    left: bool = False


@dataclass
class Lot:
    """Credits of one origin."""

    source: str
    expires_at: datetime
    priority: int
    granted_at: datetime


@dataclass
class Gift:
    """A gift with what was set aside for it."""

    sender: str
    recipient: Account
    parts: list[Part]
    created_at: datetime
    settles_at: datetime
    state: str = "pending"

    @property
    def amount(self) -> int:
        return sum(amount for _, amount in self.parts)


@dataclass
class Hold:
    """An authorization: what it set aside of each purse, what a plan includes of it, and what it counted where."""

    member: str
    amount: int
    allowance: int
    draws: list[tuple[Account, list[Part]]]
    counted: list[tuple[Key, int]]
    deadline_at: datetime
    state: str = "open"
    charged: int = 0
    overage: int = 0
    is_late: bool = False


@dataclass(frozen=True)
class Event:
    """Usage that was charged: its amount, of which so much was included and so much is owed."""

    member: str
    amount: int
    allowance: int
    overage: int


@dataclass
class Debt:
    """What a claw-back or a charge could not take."""

    debtor: Account
    creditor: Account
    left: int


@dataclass(frozen=True)
class Shown:
    """What one person is shown of their credits."""

    spendable: int
    available: int
    pool: int
    giftable: int
    held_gifts: int
    held_usage: int
    owed: int
    incoming: int
    limit_left: int | None
