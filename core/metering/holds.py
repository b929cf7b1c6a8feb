"""Holds: usage that was authorized and not yet captured (S2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple

from core.ledger.credits import ZERO, Credits
from core.ledger.positions import Slice
from core.ledger.records import Record


class HoldState(StrEnum):
    """What became of a hold."""

    OPEN = "open"
    CAPTURED = "captured"  # charged; late when its deadline had passed
    RELEASED = "released"  # freed by who opened it
    EXPIRED = "expired"  # freed at its deadline; a late capture is still accepted


@dataclass(frozen=True, slots=True)
class Hold(Record):
    """An authorization: ``amount`` is the estimate, of which ``allowance`` is covered by the plan.

    The rest lies in the escrows of ``sources``, which are wallet and pools in the order they were drawn. The id is
    that of the transfer that opened it. ``charged`` is what it cost in the end, ``overage`` the part of it that
    nothing covered.
    """

    TABLE: ClassVar[str] = "hold"
    KEY: ClassVar[tuple[str, ...]] = ("hold_id",)

    hold_id: int
    member_id: int
    model: str
    card: str
    amount: Credits
    allowance: Credits
    sources: list[int]
    created_at: datetime
    deadline_at: datetime
    state: HoldState = HoldState.OPEN
    charged: Credits = ZERO
    overage: Credits = ZERO
    is_late: bool = False
    closed_at: datetime | None = None
    tier: str | None = None  # as it was authorized

    def is_over(self, now: datetime) -> bool:
        """Whether its deadline has passed, whether or not the job has run."""
        return now >= self.deadline_at


class HoldDraw(NamedTuple):
    """What a hold set aside of one wallet or pool, in the order it was drawn."""

    account: int
    slices: tuple[Slice, ...]
