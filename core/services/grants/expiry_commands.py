"""What lapsed is booked to breakage; by rule it was unusable before (L5)."""

from __future__ import annotations

from dataclasses import dataclass

from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.positions import Slice
from core.services.common.digests import digest_of
from core.services.gifts.settlement_commands import lapse


@dataclass(frozen=True, slots=True)
class Expire:
    """Take what is left of a lapsed lot from a wallet or pool. Escrow is given back first, by its gift.

    ``round`` tells a repeated expiry apart: a clock that was set back can let a lot come back to life.
    """

    org_id: int
    account: int
    lot_id: int
    round: int = 1
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"expire:{self.lot_id}:{self.account}" + (f":{self.round}" if self.round > 1 else "")

    @property
    def digest(self) -> bytes:
        return digest_of("expire", self.lot_id, self.account)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(positions=(self.account,))

    def decide(self, batch: BatchState) -> None:
        due = [
            position
            for position in batch.held_by(self.account)
            if position.lot.lot_id == self.lot_id and position.remaining and position.lot.expired(batch.now)
        ]
        if not due:
            raise Refused(Code.NOT_FOUND, "Nothing of this lot is left to lapse.")
        lapse(batch, self.org_id, self.account, tuple(Slice(each.lot, each.remaining) for each in due))
