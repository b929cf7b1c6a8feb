"""Refunds: a charge is given back from the back of how it was paid, at most once in total (S9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple

from core.ledger.credits import ZERO, Credits, total
from core.ledger.positions import Slice
from core.ledger.records import Record
from core.metering.allowances import UsageWindow
from core.metering.caps import Span


@dataclass(frozen=True, slots=True)
class Refund(Record):
    """What one refund gave back of a charge. ``cancelled`` had not been paid yet, ``allowance`` a plan had covered."""

    TABLE: ClassVar[str] = "refund"
    KEY: ClassVar[tuple[str, ...]] = ("transfer_id",)

    transfer_id: int
    charge_id: int
    amount: Credits
    cancelled: Credits
    allowance: Credits


class BillPart(NamedTuple):
    """A slice that was taken from a wallet or pool; ``is_late`` when it repaid what had been owed at first."""

    account: int
    slice: Slice
    is_late: bool = False


class Counted(NamedTuple):
    """What the charge added to a window, or took from it again, and when."""

    at: datetime
    meter: str
    span: Span
    amount: Credits


@dataclass(frozen=True, slots=True)
class Bill:
    """How a charge was paid, from front to back: the allowance, slices in the order of the draw, and what is owed.

    ``counted`` is where it was counted, ``refunded`` what had been given back of it when all this was read.
    """

    allowance: Credits
    parts: tuple[BillPart, ...]
    overage: Credits
    counted: tuple[Counted, ...] = ()
    refunded: Credits = ZERO

    @property
    def repaid(self) -> Credits:
        return total(part.slice.amount for part in self.parts if part.is_late)

    @property
    def amount(self) -> Credits:
        at_first = total(part.slice.amount for part in self.parts if not part.is_late)
        return self.allowance + at_first + self.overage


@dataclass(frozen=True, slots=True)
class RefundParts:
    """What goes back: no longer owed, to wallets and pools (the last slice drawn first), and to the allowance."""

    cancelled: Credits
    parts: tuple[BillPart, ...]
    allowance: Credits


def refund_parts(bill: Bill, before: Credits, amount: Credits) -> RefundParts:
    """Return what ``amount`` gives back after ``before`` was given back already; together at most the bill.

    First what is not paid yet is cancelled, then slices go back from the end of the draw, at last the allowance.
    """
    if before + amount > bill.amount:
        raise ValueError(f"{before} and {amount} are more than the {bill.amount} that were charged")
    skip, cancelled, missing = _limited(bill.overage - bill.repaid, before, amount)
    parts: list[BillPart] = []
    for part in reversed(bill.parts):
        skip, taken, missing = _limited(part.slice.amount, skip, missing)
        if taken:
            parts.append(part._replace(slice=Slice(part.slice.lot, taken)))
    _, allowance, _ = _limited(bill.allowance, skip, missing)
    return RefundParts(cancelled, tuple(parts), allowance)


def still_counted(bill: Bill, window: UsageWindow) -> Credits:
    """Return how much of a charge a window still counts: what it was reset from counts no more (S8)."""
    own = (each for each in bill.counted if (each.meter, each.span) == (window.meter, window.span))
    return Credits(sum(each.amount.micros for each in own if window.reset_at is None or each.at > window.reset_at))


def _limited(size: Credits, skip: Credits, wanted: Credits) -> tuple[Credits, Credits, Credits]:
    """Return what is left to skip, what is taken of ``size`` after skipping, and what is still wanted."""
    skipped = min(size, skip)
    taken = min(size - skipped, wanted)
    return skip - skipped, taken, wanted - taken
