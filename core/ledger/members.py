"""What the rules need to know of a member, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.ledger.credits import ZERO, Credits


@dataclass(frozen=True, slots=True)
class Member:
    """A member as a decision sees them, read under the lock of their wallet."""

    member_id: int
    org_id: int
    name: str
    kind: Literal["person", "service", "bot"]
    role: Literal["admin", "member"]
    verified_at: datetime | None
    joined_at: datetime
    frozen_at: datetime | None
    deactivated_at: datetime | None
    is_in_slack: bool = True

    @property
    def has_left(self) -> bool:
        return self.deactivated_at is not None

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None


@dataclass(frozen=True, slots=True)
class Debt:
    """What a claw-back or a charge could not take: owed outside the books, repaid from grants, never a negative
    (G6, S2). ``cause_id`` is the gift or the charge, a refund of which cancels what is not yet repaid."""

    cause_id: int
    debtor_account: int
    creditor_account: int
    amount: Credits
    repaid: Credits
    cancelled: Credits = ZERO

    @property
    def left(self) -> Credits:
        return self.amount - self.repaid - self.cancelled


@dataclass(frozen=True, slots=True)
class TeamSeat:
    """One person's place in one team."""

    team_id: int
    is_lead: bool
