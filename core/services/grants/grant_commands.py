"""Credits come in by grants, and move from pools to people by allocations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.ledger.accounts import AccountKind, account_id, kind_of, owner_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Lot, Source, spending_order
from core.ledger.positions import Slice, draw, held
from core.ledger.transfers import Move, TransferKind
from core.services.common.digests import digest_of


@dataclass(frozen=True, slots=True)
class Grant:
    """Issue a new lot to a wallet or pool. The lot's id is that of the transfer."""

    org_id: int
    actor_id: int
    key: str
    account: int
    amount: Credits
    source: Source
    expires_at: datetime | None
    giftable: bool
    priority: int
    reason: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        expiry = None if self.expires_at is None else self.expires_at.isoformat()
        facts = (self.account, self.amount.micros, self.source.value, expiry, int(self.giftable), self.priority)
        return digest_of("grant", self.reason, *facts)

    @property
    def needs(self) -> ReadSet:
        people = (owner_of(self.account),) if kind_of(self.account) is AccountKind.WALLET else ()
        debts = () if self.source is Source.PROMO else (self.account,)
        return ReadSet(members=people, accounts=(self.account,), debts_of=debts)

    def decide(self, batch: BatchState) -> None:
        check_receiver(batch, self.account)
        if self.expires_at is not None and self.expires_at <= batch.now:
            raise Refused(Code.INVALID_REQUEST, "The expiry is in the past.", field="expires_at")
        number = batch.next_id()
        lot = Lot(
            number, self.source, self.expires_at, self.giftable, self.priority, batch.now, self.amount, self.account
        )
        issue(batch, self.org_id, lot, note=self.reason)


@dataclass(frozen=True, slots=True)
class Allocate:
    """Move credits from a pool to a member: by a lead of the pool's team, or by an admin (S9)."""

    org_id: int
    actor_id: int
    key: str
    pool: int
    account: int
    amount: Credits
    reason: str | None
    is_admin: bool
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("allocate", self.pool, self.account, self.amount.micros, self.reason)

    @property
    def needs(self) -> ReadSet:
        people = (self.actor_id, owner_of(self.account))
        return ReadSet(members=people, accounts=(self.account,), positions=(self.pool,), seats_of=(self.actor_id,))

    def decide(self, batch: BatchState) -> None:
        if not batch.is_locked(self.pool):
            raise Refused(Code.NOT_FOUND, "Pool not found.")
        led = {seat.team_id for seat in batch.seats_of(self.actor_id) if seat.is_lead}
        if not (self.is_admin or owner_of(self.pool) in led):
            raise Refused(Code.NOT_ALLOWED, "Only a lead of the team or an admin can do that.")
        check_receiver(batch, self.account)
        usable = [position for position in batch.held_by(self.pool) if not position.lot.expired(batch.now)]
        if held(usable) < self.amount:
            sentence = f"The pool holds {held(usable).shown()} cr; that is less than asked for."
            raise Refused(Code.INSUFFICIENT_GIFTABLE, sentence, available=str(held(usable)))
        slices = draw(usable, self.amount, spending_order)
        batch.post(TransferKind.ALLOCATE, [Move(self.pool, self.account, slices)], note=self.reason)
        batch.add_notice(self.account, "grant_received", body={"amount": str(self.amount)}, for_editor=True)


def issue(
    batch: BatchState,
    org_id: int,
    lot: Lot,
    *,
    note: str | None = None,
    cause_id: int | None = None,
    notice: str = "grant_received",
    **told: str,
) -> None:
    """Put a new lot into the account it is for, repay what that account owes, and tell its owner.

    The notice holds the amount and whatever else is to be ``told``.
    """
    batch.add_lot(lot)
    move = Move(account_id(org_id, AccountKind.ISSUANCE), lot.account_id, (Slice(lot, lot.amount),))
    batch.post(TransferKind.GRANT, [move], cause_id=cause_id, note=note, transfer_id=lot.lot_id)
    _repay(batch, lot)
    batch.add_notice(lot.account_id, notice, body={"amount": str(lot.amount), **told}, for_editor=True)


def _repay(batch: BatchState, lot: Lot) -> None:
    """G6: what a claw-back left owing is repaid from a grant, oldest first, as far as it reaches. A promo repays
    nothing, also where the debts were read for another grant of the same batch."""
    if lot.source is Source.PROMO:
        return
    left = lot.amount
    for debt in batch.debts.get(lot.account_id, ()):
        if paid := min(debt.left, left):
            move = Move(lot.account_id, debt.creditor_account, (Slice(lot, paid),))
            batch.post(TransferKind.REPAY, [move], cause_id=debt.cause_id)
            batch.repay(debt, paid)
            left -= paid


def check_receiver(batch: BatchState, account: int) -> None:
    if not batch.is_locked(account):
        raise Refused(Code.UNKNOWN_MEMBER, "Member or pool not found.")
    if kind_of(account) is AccountKind.WALLET:
        member = batch.member(owner_of(account))
        if member is None:
            raise Refused(Code.UNKNOWN_MEMBER, "Member not found.")
        if member.has_left:
            raise Refused(Code.UNKNOWN_MEMBER, f"{member.name} has left.")
