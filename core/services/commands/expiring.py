"""What lapsed is booked to breakage; by rule it was unusable before (L5)."""

from __future__ import annotations

from dataclasses import dataclass

from core.ledger.book import Book
from core.ledger.commands import SYSTEM, Needs
from core.ledger.errors import Code, Refused
from core.ledger.positions import Slice
from core.services.commands.base import digest_of
from core.services.commands.settling import lapse


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
    def needs(self) -> Needs:
        return Needs(positions=(self.account,))

    def decide(self, book: Book) -> None:
        due = [
            position
            for position in book.held_by(self.account)
            if position.lot.lot_id == self.lot_id and position.remaining and position.lot.expired(book.now)
        ]
        if not due:
            raise Refused(Code.NOT_FOUND, "Nothing of this lot is left to lapse.")
        lapse(book, self.org_id, self.account, tuple(Slice(each.lot, each.remaining) for each in due))
