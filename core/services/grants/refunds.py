"""Charges looked at afterwards, and given back by an admin (S9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult
from core.services.common.validation import checked_key, checked_words
from core.services.common.views import PartyView
from core.services.gifts.gift_commands import checked_amount
from core.services.grants.refund_commands import RefundCharge
from core.services.people.members import require_admin
from core.store.queries import charges
from core.store.queries.charges import ChargeRecord

_TRIES: Final = 5  # how often the bill is read again when somebody repays or refunds meanwhile


@dataclass(frozen=True, slots=True)
class ChargeView:
    """A charge, and what was given back of it. ``lots``, ``allowance`` and ``overage`` are what it was paid from."""

    transfer_id: str
    member: PartyView
    model: str
    at: datetime
    amount: Credits
    allowance: Credits
    lots: Credits
    overage: Credits
    refunded: Credits

    @property
    def left(self) -> Credits:
        return self.amount - self.refunded


@dataclass(frozen=True, slots=True)
class RefundView:
    """What one refund gave back, and how the charge stands now.

    ``cancelled`` was owed and is not any more, ``lots`` came back to wallets and pools, ``allowance`` counts as unused.
    """

    transfer_id: str
    amount: Credits
    cancelled: Credits
    lots: Credits
    allowance: Credits
    charge: ChargeView


async def charge(ledger: LedgerService, *, actor: Actor, transfer_id: str) -> ChargeView:
    """Return a charge and what was given back of it, to an admin. Raises Refused: not_allowed, not_found."""
    require_admin(actor)
    return _charge_view(await _found(ledger, actor, transfer_id))


async def refund(
    ledger: LedgerService, *, actor: Actor, key: str, transfer_id: str, reason: str, amount: Credits | None = None
) -> CommandResult[RefundView]:
    """Give a charge back along its draw, or a part of it from the back, by an admin with a reason.

    Raises Refused: not_allowed, not_found, insufficient_remaining, too_many_lots, invalid_request.
    """
    require_admin(actor)
    words, once = checked_words(reason, "reason"), checked_key(key)
    wanted = None if amount is None else checked_amount(amount)
    for attempt in range(1, _TRIES + 1):
        found = await _found(ledger, actor, transfer_id)
        if words is None:
            raise Refused(Code.INVALID_REQUEST, "A reason is required.", field="reason")
        command = RefundCharge(
            actor.org_id, actor.member_id, once, found.charge_id, found.member_id, found.bill, wanted, words
        )
        try:
            receipt = await ledger.execute(command)
        except Refused as refused:
            if refused.code is not Code.OVERLOADED or attempt == _TRIES:
                raise
            continue
        break

    def view(connection: Connection) -> RefundView:
        now = charges.charge(connection, actor.org_id, found.charge_id)
        given = charges.refunds(connection, actor.org_id, found.charge_id)
        (own,) = (each for each in given if each.transfer_id == receipt.first_id)
        assert now is not None, "a charge is never deleted"
        lots = own.amount - own.cancelled - own.allowance
        number = shown_id(Prefix.TRANSFER, own.transfer_id)
        return RefundView(number, own.amount, own.cancelled, lots, own.allowance, _charge_view(now))

    return CommandResult(await ledger.read(view), receipt.replayed)


async def _found(ledger: LedgerService, actor: Actor, transfer_id: str) -> ChargeRecord:
    number = parse_id(Prefix.TRANSFER, transfer_id)
    found = await ledger.read(lambda connection: charges.charge(connection, actor.org_id, number))
    if found is None:
        raise Refused(Code.NOT_FOUND, f"Charge {transfer_id!r} not found.")
    return found


def _charge_view(found: ChargeRecord) -> ChargeView:
    bill = found.bill
    return ChargeView(
        shown_id(Prefix.TRANSFER, found.charge_id),
        PartyView(shown_id(Prefix.MEMBER, found.member_id), found.member),
        found.model,
        found.at,
        bill.amount,
        bill.allowance,
        bill.amount - bill.allowance - bill.overage,
        bill.overage,
        bill.refunded,
    )
