"""Commands of the tests' own: what a rule will ask for, and what a defect would do."""

from __future__ import annotations

from dataclasses import dataclass

from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.gifts import GiftState
from core.ledger.transfers import TransferKind
from core.services.common.digests import digest_of
from core.services.gifts.gift_commands import Give


@dataclass(frozen=True, slots=True)
class GiveForReview(Give):
    """A gift about which a reviewer decides first, as a rule of the policy may ask."""

    def decide(self, batch: BatchState) -> None:
        Give.decide(self, batch)
        made = len(self.recipients)
        waiting = [gift._replace(state=GiftState.IN_REVIEW) for gift, _ in batch.effects.gifts[-made:]]
        batch.gifts.update((gift.gift_id, gift) for gift in waiting)
        batch.effects.gifts[-made:] = [(gift, {"outcome": "review", "findings": []}) for gift in waiting]


@dataclass(frozen=True, slots=True)
class Defect:
    """A command that is broken: its decision raises, or writes what the database must refuse."""

    org_id: int
    key: str
    raises: bool
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("defect", self.key)

    @property
    def needs(self) -> ReadSet:
        return ReadSet()

    def decide(self, batch: BatchState) -> None:
        number = batch.next_id()
        batch.post(TransferKind.FREEZE, transfer_id=number)
        if self.raises:
            raise ZeroDivisionError
        batch.post(TransferKind.FREEZE, transfer_id=number)  # the same primary key twice
