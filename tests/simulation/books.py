"""The books a second time, as plain numbers: filled from what was committed, transfer by transfer.

Amounts are micro-credits and moments micro-seconds, as stored. It holds no rule; ``rules.py`` does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.model.rules import OPEN, is_expired

Account = tuple[int, int]  # organization, account
Part = tuple[int, int]  # a lot and how much of it
Window = tuple[int, int, str, int, int]  # organization, whose, of which meter, from when until when


@dataclass(frozen=True, slots=True)
class Line:
    """One entry."""

    account: int
    at: int
    lot: int
    amount: int


@dataclass(slots=True)
class Transfer:
    """One transfer with its entries, in order; ``cause`` is the gift, hold or event it belongs to.

    ``settles_at`` is what it set a gift's to; ``windows`` are its postings to windows of allowances and caps.
    """

    org: int
    number: int
    kind: str
    at: int
    cause: int | None
    settles_at: int | None
    lines: list[Line] = field(default_factory=list)
    windows: list[tuple[Window, int]] = field(default_factory=list)

    def into(self, account: int) -> list[Part]:
        return [(line.lot, line.amount) for line in self.lines if line.account == account and line.amount > 0]

    def out_of(self, account: int) -> list[Part]:
        return [(line.lot, -line.amount) for line in self.lines if line.account == account and line.amount < 0]

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines if line.amount > 0)


@dataclass(frozen=True, slots=True)
class Lot:
    """What of a lot never changes."""

    org: int
    number: int
    source: str
    expires_at: int | None
    giftable: bool
    priority: int
    amount: int
    account: int
    origin: tuple[int, int] | None
    granted_at: int

    def expired(self, at: int) -> bool:
        return is_expired(self.expires_at, at)


@dataclass(slots=True)
class Gift:
    """A gift as its transfers made it."""

    org: int
    number: int
    sender: int
    recipient: int
    recipient_org: int | None
    amount: int
    created_at: int
    settles_at: int
    state: str
    parts: list[Part]
    arrived: int = 0  # how much of it the other organization has taken
    refused: bool = False  # the other organization has sent it back


@dataclass(slots=True)
class Hold:
    """An authorization as its transfers made it."""

    org: int
    number: int
    member: int
    amount: int
    allowance: int
    created_at: int
    deadline_at: int
    draws: list[tuple[int, list[Part]]]  # what was set aside of each wallet and pool, in order
    state: str = "open"
    charged: int = 0
    overage: int = 0
    is_late: bool = False

    @property
    def set_aside(self) -> int:
        return sum(amount for _, parts in self.draws for _, amount in parts)


@dataclass(frozen=True, slots=True)
class Event:
    """Usage that was charged, as it is kept beside its transfer."""

    org: int
    member: int
    amount: int
    allowance: int
    overage: int


@dataclass(frozen=True, slots=True)
class Refund:
    """What one refund gave back, as it is kept beside its transfer."""

    event: int
    amount: int
    cancelled: int
    allowance: int


@dataclass(slots=True)
class Request:
    """Somebody asked for credits; ``may_end`` is what commands of the batch at hand may have made of it."""

    org: int
    number: int
    asker: int
    amount: int
    lapses_at: int
    asked: tuple[int, ...]
    state: str = "open"
    is_paid: bool = False  # by a pool
    pledgers: list[int] = field(default_factory=list)  # who has ever promised something
    may_end: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Boost:
    """A multiplier on the allowance of a member or of everybody; ``campaign`` is None of one that was dropped."""

    subject: int
    thousandths: int
    starts_at: int
    ends_at: int
    campaign: int | None


@dataclass(slots=True)
class Application:
    """Somebody applied for a campaign."""

    member: int
    state: str = "applied"


@dataclass(slots=True)
class Campaign:
    """A boost that people apply for; its applications stand in the order in which they came."""

    org: int
    number: int
    method: str
    capacity: int
    thousandths: int
    seed: str
    closes_at: int
    starts_at: int
    ends_at: int
    is_drawn: bool = False
    ended_at: int | None = None
    applications: dict[int, Application] = field(default_factory=dict)

    def count(self, state: str) -> int:
        return sum(each.state == state for each in self.applications.values())


@dataclass(slots=True)
class Debt:
    """What a claw-back or a charge could not take."""

    org: int
    cause: int
    debtor: int
    creditor: int
    amount: int
    repaid: int = 0
    cancelled: int = 0  # what refunds took away


@dataclass(slots=True)
class Books:
    """All that was committed."""

    held: defaultdict[Account, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    lots: dict[int, Lot] = field(default_factory=dict)
    gifts: dict[int, Gift] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    reserved: dict[int, list[Window]] = field(default_factory=dict)  # in which windows holds were counted
    resets: dict[tuple[int, str, int, int], int] = field(default_factory=dict)  # when a window was reset last
    events: dict[int, Event] = field(default_factory=dict)  # by the transfer that charged them
    refunded: Counter[int] = field(default_factory=Counter)  # how much of each event was given back
    used: Counter[Window] = field(default_factory=Counter)  # of each window
    debts: dict[int, Debt] = field(default_factory=dict)  # by the gift that was clawed back, or the event
    people: dict[int, int] = field(default_factory=dict)  # who can hold credits, and in which organization
    frozen: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    transfers: int = 0
    entries: int = 0
    charged: int = 0  # usage events

    def apply(self, transfer: Transfer) -> None:
        self.transfers += 1
        self.entries += len(transfer.lines)
        for line in transfer.lines:
            self.held[transfer.org, line.account][line.lot] += line.amount
        for window, amount in transfer.windows:
            self.used[window] += amount

    def lot(self, number: int) -> Lot:
        return self.lots[number]

    def amount_in(self, account: Account) -> int:
        return sum(self.held[account].values()) if account in self.held else 0

    def owed_by(self, account: Account) -> int:
        mine = (debt for debt in self.debts.values() if (debt.org, debt.debtor) == account)
        return sum(debt.amount - debt.repaid - debt.cancelled for debt in mine)

    def open_holds(self) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.state == "open"]

    def open_gifts(self) -> list[Gift]:
        return [gift for gift in self.gifts.values() if gift.state in OPEN]


def gift_of(row: Any, parts: list[Part], *, reviewed: bool) -> Gift:
    """Return a gift at its beginning, from its row and its reservation."""
    org, number, sender, recipient_org, recipient, amount, created_at, settles_at = row
    state = "in_review" if reviewed else "pending"
    return Gift(org, number, sender, recipient, recipient_org, amount, created_at, settles_at, state, parts)


def draws_of(transfer: Transfer) -> list[tuple[int, list[Part]]]:
    """Return what a transfer took of each account, accounts and slices in their order."""
    draws: dict[int, list[Part]] = {}
    for line in transfer.lines:
        if line.amount < 0:
            draws.setdefault(line.account, []).append((line.lot, -line.amount))
    return list(draws.items())
