"""Grants and allocations: how credits come in, and how pools share them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.ledger.accounts import AccountKind, kind_of
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import GIFTABLE_BY_DEFAULT, Lot, Source
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.parties import party
from core.services.common.recipients import Recipient, account_of
from core.services.common.results import CommandResult
from core.services.common.validation import checked_key, checked_words
from core.services.common.views import GrantView, StatementLineView
from core.services.gifts.gift_commands import checked_amount
from core.services.grants.grant_commands import Allocate, Grant
from core.services.wallet.balances import line_view
from core.store.queries import gifts as stored
from core.store.queries import lots, statements


async def grant(  # noqa: PLR0913  (what a lot is made of, all named)
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    to: Recipient,
    amount: Credits,
    source: Source,
    expires_at: datetime | None = None,
    giftable: bool | None = None,
    priority: int = 100,
    reason: str | None = None,
) -> CommandResult[GrantView]:
    """Issue a new lot. Raises Refused: not_allowed unless by an admin, unknown_member, invalid_request."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can grant credits.")
    if not 0 <= priority <= 1_000:
        raise Refused(Code.INVALID_REQUEST, "The priority is a number from 0 to 1000.", field="priority")
    account = account_of(to)
    command = Grant(
        actor.org_id,
        actor.member_id,
        checked_key(key),
        account,
        checked_amount(amount),
        source,
        expires_at,
        source in GIFTABLE_BY_DEFAULT if giftable is None else giftable,
        priority,
        checked_words(reason, "reason"),
    )
    receipt = await ledger.execute(command)

    def view(connection: Connection) -> GrantView:
        lot = lots.lot(connection, actor.org_id, receipt.first_id)
        assert lot is not None, "a grant's receipt names its lot"
        return grant_view(connection, actor.org_id, lot)

    return CommandResult(await ledger.read(view), receipt.replayed)


async def allocate(
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    pool: str,
    to: Recipient,
    amount: Credits,
    reason: str | None = None,
) -> CommandResult[StatementLineView]:
    """Move credits from a pool to a member, by a lead of its team or an admin; answers the recipient's line."""
    account = account_of(to)
    if kind_of(account) is not AccountKind.WALLET:
        raise Refused(Code.INVALID_REQUEST, "An allocation goes to a member.", field="to")
    command = Allocate(
        actor.org_id,
        actor.member_id,
        checked_key(key),
        account_of(Recipient(pool=pool)),
        account,
        checked_amount(amount),
        checked_words(reason, "reason"),
        is_admin=actor.is_admin,
    )
    receipt = await ledger.execute(command)
    line = await ledger.read(
        lambda connection: statements.movement(connection, actor.org_id, account, receipt.first_id)
    )
    return CommandResult(line_view(line), receipt.replayed)


def grant_view(connection: Connection, org_id: int, lot: Lot) -> GrantView:
    """Return a granted lot with the name of whom it went to."""
    sides = stored.sides(connection, {(org_id, lot.account_id)})
    return GrantView(
        shown_id(Prefix.LOT, lot.lot_id),
        party(org_id, sides[lot.account_id]),
        lot.source,
        lot.amount,
        lot.expires_at,
        lot.giftable,
        lot.priority,
        lot.granted_at,
    )
