"""Commands of the tests' own: what a rule will ask for, and what a defect would do."""

from __future__ import annotations

from dataclasses import dataclass

from core.ledger.book import Book
from core.ledger.commands import SYSTEM, Needs
from core.ledger.gifts import GiftState
from core.ledger.transfers import TransferKind
from core.services.commands.base import digest_of
from core.services.commands.giving import Give


@dataclass(frozen=True, slots=True)
class GiveForReview(Give):
    """A gift about which a reviewer decides first, as a rule of the policy may ask."""

    def decide(self, book: Book) -> None:
        Give.decide(self, book)
        made = len(self.recipients)
        waiting = [gift._replace(state=GiftState.IN_REVIEW) for gift, _ in book.effects.gifts[-made:]]
        book.gifts.update((gift.gift_id, gift) for gift in waiting)
        book.effects.gifts[-made:] = [(gift, {"outcome": "review", "findings": []}) for gift in waiting]


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
    def needs(self) -> Needs:
        return Needs()

    def decide(self, book: Book) -> None:
        number = book.next_id()
        book.post(TransferKind.FREEZE, transfer_id=number)
        if self.raises:
            raise ZeroDivisionError
        book.post(TransferKind.FREEZE, transfer_id=number)  # the same primary key twice
