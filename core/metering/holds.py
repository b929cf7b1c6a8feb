"""Holds: usage that was authorized and not yet captured (S2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.ledger.credits import ZERO, Credits
from core.ledger.positions import Slice


class HoldState(StrEnum):
    """What became of a hold."""

    OPEN = "open"
    CAPTURED = "captured"  # charged; late when its deadline had passed
    RELEASED = "released"  # freed by who opened it
    EXPIRED = "expired"  # freed at its deadline; a late capture is still accepted


@dataclass(frozen=True, slots=True)
class Draw:
    """What a hold set aside of one wallet or pool, in the order it was drawn."""

    account: int
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """An authorization: ``amount`` is the estimate, of which ``allowance`` is covered by the plan.

    ``draws`` are the rest, wallet first, then pools. ``windows`` is what it reserved in windows of allowances and
    caps; a capture adjusts those very windows (S6). The id is that of the transfer that opened it.
    """

    hold_id: int
    org_id: int
    member_id: int
    model: str
    card: str
    amount: Credits
    allowance: Credits
    draws: tuple[Draw, ...]
    created_at: datetime
    deadline_at: datetime
    state: HoldState
    charged: Credits = ZERO
    overage: Credits = ZERO
    is_late: bool = False
    closed_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether its deadline has passed, whether or not the job has run."""
        return now >= self.deadline_at
