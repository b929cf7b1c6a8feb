"""A gift from one organization to another: two local transfers, joined by the gift's id (L9).

The sender's organization owns the gift. On arrival the other one takes it into twin lots or refuses it; either
answer is booked under the gift's key, so that a delivery repeated days later changes nothing. What was refused
comes back to the sender.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from core.ledger.accounts import AccountKind, account_id, owner_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import state_after
from core.ledger.lots import Lot
from core.ledger.positions import Slice
from core.ledger.transfers import Move, TransferKind
from core.services.common.digests import digest_of
from core.services.gifts.settlement_commands import lapse


@dataclass(frozen=True, slots=True)
class DeliverGift:
    """Another organization's gift reaches this one: into twin lots of the recipient, or refused for good.

    A slice's twin keeps source, expiry, priority and whether it may be given on, and names its origin.
    """

    org_id: int
    from_org: int
    gift_id: int
    account: int
    sender_name: str
    message: str | None
    slices: tuple[Slice, ...]
    actor_id: int = SYSTEM

    @property
    def key(self) -> str:
        return f"arrive:{self.from_org}:{self.gift_id}"

    @property
    def digest(self) -> bytes:
        parts = [number for part in self.slices for number in (part.lot.lot_id, part.amount.micros)]
        return digest_of("arrive", self.account, *parts)

    @property
    def count(self) -> int:
        return len(self.slices)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(owner_of(self.account),))

    def decide(self, batch: BatchState) -> None:
        recipient = batch.member(owner_of(self.account))
        if recipient is None or recipient.has_left or recipient.kind != "person":
            batch.post(TransferKind.GIFT_REFUSE, cause_id=self.gift_id)
            return
        numbers = [batch.next_id() for _ in self.slices]  # its own, before a lapse takes any
        for number, part in zip(numbers, self.slices, strict=True):
            self._take(batch, number, part, self.message if number == numbers[0] else None)
        amount = Credits(sum(part.amount.micros for part in self.slices))
        body = {"text": f"{self.sender_name} gave you {amount.shown()} cr."}
        batch.add_notice(self.account, "gift_received", body=body, for_editor=True)

    def _take(self, batch: BatchState, number: int, part: Slice, note: str | None) -> None:
        """Take one slice into a twin of its lot; the twin's id is that of the transfer, as with every lot."""
        twin = Slice(_twin(self, part, number, batch.now), part.amount)
        clearing = account_id(self.from_org, AccountKind.CLEARING)
        batch.add_lot(twin.lot)
        batch.post(
            TransferKind.GIFT_ARRIVE,
            [Move(clearing, self.account, (twin,))],
            cause_id=self.gift_id,
            note=note,
            transfer_id=number,
        )
        if twin.lot.expired(batch.now):
            lapse(batch, self.org_id, self.account, (twin,))


def _twin(arrival: DeliverGift, part: Slice, number: int, now: datetime) -> Lot:
    """Return the twin of a slice's lot; its origin is where the credits were first granted."""
    return replace(
        part.lot,
        lot_id=number,
        amount=part.amount,
        account_id=arrival.account,
        granted_at=now,
        origin_org=part.lot.origin_org or arrival.from_org,
        origin_lot=part.lot.origin_lot or part.lot.lot_id,
    )


@dataclass(frozen=True, slots=True)
class BounceGift:
    """What the other organization refused comes back to the sender's wallet, into the very lots it came from."""

    org_id: int
    gift_id: int
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"bounce:{self.gift_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("bounce", self.gift_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(gifts=(self.gift_id,))

    def decide(self, batch: BatchState) -> None:
        gift = batch.gift(self.gift_id)
        if gift.recipient_org is None:
            raise Refused(Code.NOT_FOUND, "Gift not found among those on their way.")
        state = state_after(gift, TransferKind.GIFT_BOUNCE, batch.now)
        clearing = account_id(gift.recipient_org, AccountKind.CLEARING)
        batch.post(TransferKind.GIFT_BOUNCE, [Move(clearing, gift.sender_account, gift.slices)], cause_id=gift.gift_id)
        if lapsed := tuple(part for part in gift.slices if part.lot.expired(batch.now)):
            lapse(batch, self.org_id, gift.sender_account, lapsed)
        batch.change_gift(gift, state)
        batch.add_notice(gift.sender_account, "gift_returned", gift_id=gift.gift_id)
