"""Claw-back: what a settled gift brought is taken back as far as it is still there (G6)."""

from __future__ import annotations

from dataclasses import dataclass

from core.ledger.accounts import owner_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.gifts import Gift, state_after
from core.ledger.members import Debt
from core.ledger.positions import Slice
from core.ledger.transfers import Move, TransferKind
from core.services.common.digests import digest_of
from core.services.gifts.settlement_commands import give_back, lapse

_SENT_ON = "It held credits that were clawed back."


@dataclass(frozen=True, slots=True)
class Reverse:
    """An admin who is neither side takes a settled gift back, with a reason.

    Per slice what the recipient still holds of that lot, after their own open gifts of it are returned; the
    rest becomes an obligation, repaid from the next grants that are not promo, and never a negative balance.
    """

    org_id: int
    actor_id: int
    gift_id: int
    reason: str
    is_admin: bool
    count: int = 1

    @property
    def key(self) -> str:
        return f"{TransferKind.GIFT_REVERSE.value}:{self.gift_id}"

    @property
    def digest(self) -> bytes:
        return digest_of(TransferKind.GIFT_REVERSE.value, self.gift_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.actor_id,), claw_back=(self.gift_id,))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, not_allowed, gift_not_pending unless it is settled."""
        gift = batch.gift(self.gift_id)
        sides = {owner_of(gift.sender_account), owner_of(gift.recipient_account)}
        if not self.is_admin and self.actor_id not in sides:
            raise Refused(Code.NOT_FOUND, "Gift not found.")
        if not self.is_admin or self.actor_id in sides:
            raise Refused(Code.NOT_ALLOWED, "Only an admin who is neither side can do that.")
        if gift.recipient_org is not None:
            raise Refused(Code.NOT_ALLOWED, "This gift is with another organization; only its admin can act there.")
        state = state_after(gift, TransferKind.GIFT_REVERSE, batch.now)
        number = batch.next_id()
        _call_in(batch, gift)
        taken = tuple(_still_there(batch, gift))
        back = [Move(gift.recipient_account, gift.sender_account, taken)] if taken else []
        batch.post(TransferKind.GIFT_REVERSE, back, cause_id=gift.gift_id, note=self.reason, transfer_id=number)
        if lapsed := tuple(part for part in taken if part.lot.expired(batch.now)):
            lapse(batch, self.org_id, gift.sender_account, lapsed)
        owed = gift.amount - total([part.amount for part in taken])
        if owed > ZERO:
            batch.open_debt(Debt(gift.gift_id, gift.recipient_account, gift.sender_account, owed, ZERO))
        batch.change_gift(gift, state)
        for account in (gift.sender_account, gift.recipient_account):
            batch.add_notice(account, "gift_reversed", gift_id=gift.gift_id)


def _call_in(batch: BatchState, gift: Gift) -> None:
    """Return the recipient's own open gifts, oldest first, while a lot is short that they hold."""
    for sent_on in batch.open_gifts_from(gift.recipient_account):
        short = {part.lot.lot_id for part in gift.slices if _remaining(batch, gift, part) < part.amount}
        if short & {part.lot.lot_id for part in sent_on.slices} and not sent_on.is_due(batch.now):
            give_back(batch, sent_on, TransferKind.GIFT_RETURN, _SENT_ON)


def _still_there(batch: BatchState, gift: Gift) -> list[Slice]:
    found = ((part, min(part.amount, _remaining(batch, gift, part))) for part in gift.slices)
    return [Slice(part.lot, amount) for part, amount in found if amount]


def _remaining(batch: BatchState, gift: Gift, part: Slice) -> Credits:
    """Return what the recipient holds of a slice's lot. A gift's draw names each lot once."""
    held = {each.lot.lot_id: each.remaining for each in batch.held_by(gift.recipient_account)}
    return held.get(part.lot.lot_id, ZERO)
