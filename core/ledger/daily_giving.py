"""What a member gave in the last day, as the limits count it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from core.ledger.credits import ZERO, Credits
from core.ledger.gifts import OPEN, GiftState

GIVEN_WINDOW: Final = timedelta(hours=24)  # what was given longer ago counts toward no limit
COUNTED: Final = OPEN | {GiftState.SETTLED}  # what was cancelled, declined or taken back counts no longer


class CountedGift(NamedTuple):
    """A gift that counts, as long as its day lasts."""

    created_at: datetime
    recipient_account: int
    amount: Credits


@dataclass(frozen=True, slots=True)
class DailyGiving:
    """What a member gave in the last day: gifts that still count, their sum, and how many to each account."""

    gifts: int = 0
    amount: Credits = ZERO
    per_recipient: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def after(cls, since: datetime, gifts: Iterable[CountedGift]) -> DailyGiving:
        """Count the gifts made after an instant."""
        number, micros, pairs = 0, 0, dict[int, int]()
        for created_at, recipient, amount in gifts:
            if created_at > since:
                number += 1
                micros += amount.micros
                pairs[recipient] = pairs.get(recipient, 0) + 1
        return cls(number, Credits(micros), pairs)

    def plus(self, recipient: int, amount: Credits) -> DailyGiving:
        pairs = {**self.per_recipient, recipient: self.per_recipient.get(recipient, 0) + 1}
        return DailyGiving(self.gifts + 1, self.amount + amount, pairs)

    def minus(self, recipient: int, amount: Credits) -> DailyGiving:
        pairs = {**self.per_recipient, recipient: self.per_recipient.get(recipient, 1) - 1}
        return DailyGiving(max(self.gifts - 1, 0), max(self.amount - amount, ZERO), pairs)


NOTHING_GIVEN: Final = DailyGiving()
