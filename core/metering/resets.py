"""Resets: windows of an allowance start afresh, at once or when their owner wants it (S8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from core.ledger.records import Record

WARNED_BEFORE: Final = timedelta(days=3)  # how long before its expiry its owner is warned; at the latest of its life
WARNED_QUARTER: Final = 4  # one that lasts less than four times as long is warned of in its last quarter


class ResetState(StrEnum):
    """What became of a banked reset."""

    BANKED = "banked"  # its owner may use it
    USED = "used"  # it was used once
    EXPIRED = "expired"  # nobody used it in time


@dataclass(frozen=True, slots=True)
class Reset(Record):
    """A reset of one person's windows that is kept until they use it. It is theirs alone and cannot be given away."""

    TABLE: ClassVar[str] = "reset"
    KEY: ClassVar[tuple[str, ...]] = ("reset_id",)

    reset_id: int
    member_id: int
    expires_at: datetime
    created_at: datetime
    used_at: datetime | None = None
    warned_at: datetime | None = None

    def state(self, now: datetime) -> ResetState:
        """``expires_at`` is exclusive, like that of a lot."""
        if self.used_at is not None:
            return ResetState.USED
        return ResetState.BANKED if now < self.expires_at else ResetState.EXPIRED


@dataclass(frozen=True, slots=True)
class ResetOrder(Record):
    """A reset for one member, a team or everybody, carried out member by member in the order of their ids.

    ``after_member`` is the last who has been; ``done`` were reset or got one banked, of ``unchanged`` nothing was used.
    """

    TABLE: ClassVar[str] = "reset_order"
    KEY: ClassVar[tuple[str, ...]] = ("order_id",)

    order_id: int
    subject_id: int
    is_banked: bool
    expires_at: datetime | None
    created_at: datetime
    after_member: int = 0
    done: int = 0
    unchanged: int = 0
    finished_at: datetime | None = None
