"""Freezing, freeing and leaving (G4, G8): first the member is stopped, then their open gifts go back."""

from __future__ import annotations

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.validation import checked_words
from core.services.common.views import MemberView
from core.services.gifts.settlement import return_open_gifts
from core.services.people.freeze_commands import Freeze, Unfreeze
from core.services.people.members import member_view
from core.store.queries import people


async def freeze(
    ledger: LedgerService, *, actor: Actor, member_id: str | None = None, reason: str | None = None
) -> MemberView:
    """Freeze one's own wallet, or as an admin anybody's: gifts it sent go back, its tokens end (G8)."""
    number = actor.member_id if member_id is None else parse_id(Prefix.MEMBER, member_id)
    if number != actor.member_id and not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only they themselves or an admin can freeze a wallet.")
    words = checked_words(reason, "reason")
    await ledger.execute(Freeze(actor.org_id, actor.member_id, _fresh_key(ledger), number, words))
    await return_open_gifts(ledger, actor.org_id, number)
    return await _view(ledger, actor.org_id, number)


async def unfreeze(ledger: LedgerService, *, actor: Actor, member_id: str, reason: str) -> MemberView:
    """Free a wallet; an admin's to do, and never for oneself."""
    number = parse_id(Prefix.MEMBER, member_id)
    if not actor.is_admin or number == actor.member_id:
        raise Refused(Code.NOT_ALLOWED, "Only another admin can unfreeze a wallet.")
    words = checked_words(reason, "reason")
    if words is None:
        raise Refused(Code.INVALID_REQUEST, "A reason is required.", field="reason")
    await ledger.execute(Unfreeze(actor.org_id, actor.member_id, _fresh_key(ledger), number, words))
    return await _view(ledger, actor.org_id, number)


def _fresh_key(ledger: LedgerService) -> str:
    """A freeze is decided by the present state, so each one is a command of its own."""
    return f"freeze:{shown_id(Prefix.TRANSFER, ledger.new_id())}"


async def _view(ledger: LedgerService, org_id: int, member_id: int) -> MemberView:
    record = await ledger.read(lambda connection: people.member(connection, org_id=org_id, member_id=member_id))
    assert record is not None, "the journal has just changed it"
    return member_view(record)
