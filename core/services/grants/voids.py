"""Grants looked at afterwards: what became of one, and what is not used of it taken back (S9)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.ledger.lots import Lot
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult
from core.services.common.validation import checked_key, checked_words
from core.services.common.views import GrantView
from core.services.gifts.gift_commands import checked_amount
from core.services.grants.grants import grant_view
from core.services.grants.void_commands import Void
from core.services.people.members import require_admin
from core.store.queries import allotments, lots, statements
from core.store.queries.allotments import GrantUse


@dataclass(frozen=True, slots=True)
class GrantStory:
    """A grant and what became of it, as the wallet or pool sees it that received it."""

    grant: GrantView
    became: GrantUse


@dataclass(frozen=True, slots=True)
class VoidView:
    """What one void took back, and how the grant stands now."""

    transfer_id: str
    amount: Credits
    story: GrantStory


async def story(ledger: LedgerService, *, actor: Actor, lot_id: str) -> GrantStory:
    """Return a grant and what became of it, to an admin. Raises Refused: not_allowed, not_found."""
    require_admin(actor)
    lot = await _granted(ledger, actor, lot_id)
    return await ledger.read(lambda connection: _story(connection, ledger, actor, lot))


async def void(
    ledger: LedgerService, *, actor: Actor, key: str, lot_id: str, reason: str, amount: Credits | None = None
) -> CommandResult[VoidView]:
    """Take back what is left of a grant where it was granted, or a part of it, by an admin with a reason.

    Raises Refused: not_allowed, not_found, insufficient_remaining, invalid_request, idempotency_conflict.
    """
    require_admin(actor)
    words = checked_words(reason, "reason")
    lot = await _granted(ledger, actor, lot_id)
    if words is None:
        raise Refused(Code.INVALID_REQUEST, "A reason is required.", field="reason")
    wanted = None if amount is None else checked_amount(amount)
    receipt = await ledger.execute(Void(actor.org_id, actor.member_id, checked_key(key), lot, wanted, words))

    def view(connection: Connection) -> VoidView:
        taken = statements.movement(connection, actor.org_id, lot.account_id, receipt.first_id)
        moved = Credits(-sum(part.micros for _, part in taken.parts))
        number = shown_id(Prefix.TRANSFER, receipt.first_id)
        return VoidView(number, moved, _story(connection, ledger, actor, lot))

    return CommandResult(await ledger.read(view), receipt.replayed)


async def _granted(ledger: LedgerService, actor: Actor, lot_id: str) -> Lot:
    number = parse_id(Prefix.LOT, lot_id)
    lot = await ledger.read(lambda connection: lots.lot(connection, actor.org_id, number))
    if lot is None:
        raise Refused(Code.NOT_FOUND, f"Lot {lot_id!r} not found.")
    if lot.origin_org is not None:
        raise Refused(
            Code.NOT_ALLOWED, "These credits were granted by another organization; only it can take them back."
        )
    return lot


def _story(connection: Connection, ledger: LedgerService, actor: Actor, lot: Lot) -> GrantStory:
    became = allotments.grant_use(connection, actor.org_id, lot, ledger.clock())
    return GrantStory(grant_view(connection, actor.org_id, lot), became)
