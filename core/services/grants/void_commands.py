"""A grant that was not used is taken back from the wallet or pool it was granted to (S9)."""

from __future__ import annotations

from dataclasses import dataclass

from core.ledger.accounts import AccountKind, account_id, kind_of, owner_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Lot
from core.ledger.positions import Slice
from core.ledger.transfers import Move, TransferKind
from core.services.common.digests import digest_of


@dataclass(frozen=True, slots=True)
class Void:
    """Take back ``amount`` of a granted lot, or all that is left of it (None), by an admin with a reason.

    Only what lies free in the wallet or pool it was granted to: neither what was used or given away, nor what is
    set aside in escrow, nor what has lapsed. Lots never change, so the lot itself comes with the command.
    """

    org_id: int
    actor_id: int
    key: str
    lot: Lot
    amount: Credits | None
    reason: str
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("void", self.lot.lot_id, None if self.amount is None else self.amount.micros, self.reason)

    @property
    def needs(self) -> ReadSet:
        account = self.lot.account_id
        people = (owner_of(account),) if kind_of(account) is AccountKind.WALLET else ()
        return ReadSet(members=people, positions=(account,))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused(insufficient_remaining), naming what is left."""
        lot, account = self.lot, self.lot.account_id
        left = next((each.remaining for each in batch.held_by(account) if each.lot.lot_id == lot.lot_id), ZERO)
        left = ZERO if lot.expired(batch.now) else left
        taken = left if self.amount is None else self.amount
        if not left or taken > left:
            raise Refused(Code.INSUFFICIENT_REMAINING, _sentence(lot, left, batch), remaining=str(left))
        move = Move(account, account_id(self.org_id, AccountKind.ISSUANCE), (Slice(lot, taken),))
        batch.post(TransferKind.VOID, [move], cause_id=lot.lot_id, note=self.reason)
        body = {"amount": str(taken), "reason": self.reason}
        batch.add_notice(account, "grant_voided", body=body, for_editor=True)


def _sentence(lot: Lot, left: Credits, batch: BatchState) -> str:
    if lot.expired(batch.now):
        return "These credits have lapsed; there is nothing to take back."
    if not left:
        return "Nothing of this grant is left where it was granted: it was used, given away or set aside."
    return (
        f"Only {left.shown()} cr of this grant are left where it was granted. Take back that much, or all that is left."
    )
