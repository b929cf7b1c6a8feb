"""A charge is given back along its recorded draw, at most once in total (S9, L4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from core.ledger.accounts import AccountKind, account_id, wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.members import Debt
from core.ledger.positions import MAX_SLICES, Slice
from core.ledger.records import RecordQuery
from core.ledger.transfers import Move, TransferKind
from core.metering.allowances import UsageWindow
from core.metering.refunds import Bill, BillPart, Refund, refund_parts, still_counted
from core.services.common.digests import digest_of
from core.services.gifts.settlement_commands import lapse
from core.services.usage.payments import freed_by_meter


@dataclass(frozen=True, slots=True)
class RefundCharge:
    """Refund ``amount`` of a charge, or all that is left of it (None), by an admin with a reason.

    How the charge was paid is recorded and comes with the command; what of it may still change is compared under
    the lock of the payer's wallet.
    """

    org_id: int
    actor_id: int
    key: str
    charge_id: int
    member_id: int
    bill: Bill
    amount: Credits | None
    reason: str
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("refund", self.charge_id, None if self.amount is None else self.amount.micros, self.reason)

    @property
    def needs(self) -> ReadSet:
        wishes = (
            RecordQuery(Refund, "charge_id", self.charge_id),
            RecordQuery(UsageWindow, "member_id", self.member_id),
        )
        sources = tuple({part.account for part in self.bill.parts})
        return ReadSet(
            members=(self.member_id,), accounts=sources, debts_of=(wallet_of(self.member_id),), records=wishes
        )

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: insufficient_remaining, too_many_lots, overloaded when somebody has just repaid a part."""
        debt, before = self._debt(batch), self.bill.refunded
        left = self.bill.amount - before
        amount = left if self.amount is None else self.amount
        if not left or amount > left:
            raise Refused(Code.INSUFFICIENT_REMAINING, _sentence(self.bill.amount, left), remaining=str(left))
        back = refund_parts(self.bill, before, amount)
        if len(back.parts) > MAX_SLICES:
            most = amount - back.allowance - total(part.slice.amount for part in back.parts[MAX_SLICES:])
            sentence = f"That needs more than {MAX_SLICES} lots. At most {most.shown()} cr can go back at once."
            raise Refused(Code.TOO_MANY_LOTS, sentence, largest=str(most))

        consumed = account_id(self.org_id, AccountKind.CONSUMED)
        moves = [Move(consumed, account, slices) for account, slices in _by_account(back.parts)]
        number = batch.post(TransferKind.REFUND, moves, cause_id=self.charge_id, note=self.reason)
        batch.put(Refund(self.org_id, number, self.charge_id, amount, back.cancelled, back.allowance))
        if debt is not None and back.cancelled:
            batch.cancel_debt(debt, back.cancelled)
        self._free_windows(batch, number, back.allowance, back.parts)
        for move in moves:
            if lapsed := tuple(part for part in move.slices if part.lot.expired(batch.now)):
                lapse(batch, self.org_id, move.target, lapsed)
        body = {"amount": str(amount), "reason": self.reason}
        batch.add_notice(wallet_of(self.member_id), "charge_refunded", body=body, for_editor=True)

    def _debt(self, batch: BatchState) -> Debt | None:
        """Return what is still owed of the charge. Raises Refused(overloaded) where the bill is out of date."""
        refunds = batch.records_of(Refund, "charge_id", self.charge_id)
        owed = [debt for debt in batch.debts.get(wallet_of(self.member_id), ()) if debt.cause_id == self.charge_id]
        cancelled = total(refund.cancelled for refund in refunds)
        left = owed[0].left if owed else ZERO
        is_current = left == self.bill.overage - self.bill.repaid - cancelled
        if not is_current or self.bill.refunded != total(refund.amount for refund in refunds):
            raise Refused(Code.OVERLOADED, "Someone else is refunding this charge right now. Try again in a moment.")
        return owed[0] if owed else None

    def _free_windows(self, batch: BatchState, number: int, allowance: Credits, parts: tuple[BillPart, ...]) -> None:
        """Give back to the windows that count it, the newest first; what repaid a debt was never counted (S6)."""
        by_source: dict[int, Credits] = {}
        for part in parts:
            if not part.is_late:
                by_source[part.account] = by_source.get(part.account, ZERO) + part.slice.amount
        freed = freed_by_meter(allowance, by_source)
        left = {each.meter: freed(each.meter) for each in self.bill.counted}
        windows = batch.records_of(UsageWindow, "member_id", self.member_id)
        for window in sorted(windows, key=lambda window: window.opens_at, reverse=True):
            if window.meter not in left or window.closes_at <= batch.now:
                continue
            counted = still_counted(self.bill, window)
            amount = min(left[window.meter], counted, window.used)
            if amount > ZERO:
                left[window.meter] -= amount
                batch.post_window(number, self.member_id, window.meter, window.span, -amount)
                batch.put(replace(window, used=window.used - amount))


def _by_account(parts: tuple[BillPart, ...]) -> Iterable[tuple[int, tuple[Slice, ...]]]:
    for account, group in groupby(parts, key=lambda part: part.account):
        yield account, tuple(part.slice for part in group)


def _sentence(charged: Credits, left: Credits) -> str:
    if not charged:
        return "This charge cost nothing; there is nothing to give back."
    if not left:
        return "All of this charge was given back already."
    return f"Only {left.shown()} cr of this charge are left to give back. Give back that much, or all that is left."
