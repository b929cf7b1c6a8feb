"""Gifts: made, looked at, stopped, decided. Each command is loaded, decided and appended by the journal."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from core.ledger.accounts import owner_of
from core.ledger.batch import BatchState
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import GiftState
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import GiftOrder
from core.ledger.transfers import TransferKind
from core.services.common.actors import Actor
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.parties import party
from core.services.common.recipients import Recipient, account_of
from core.services.common.results import CommandResult, Page
from core.services.common.validation import MAX_RECIPIENTS, checked_key, checked_words
from core.services.common.views import GiftView
from core.services.gifts.gift_commands import Give, checked_amount
from core.services.gifts.mappers import decision_view, gift_view, slice_views
from core.services.gifts.reversal_commands import Reverse
from core.services.gifts.settlement_commands import ResolveGift
from core.store import dry_run
from core.store.queries import gifts as stored
from core.store.queries import people
from core.store.timestamps import from_micros, to_micros


async def give(
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    to: Sequence[Recipient],
    amount: Credits,
    message: str | None = None,
    prefer: GiftOrder = GiftOrder.SOONEST,
) -> CommandResult[tuple[GiftView, ...]]:
    """Give ``amount`` to each recipient, all or none; the same key again answers with what it did (L6).

    Raises Refused: unknown_member, self_gift, recipient_is_bot, account_frozen, not_verified, policy_refused,
    insufficient_giftable, lot_expires_too_soon, too_many_lots, idempotency_conflict, invalid_request.
    """
    command = _give(actor, checked_key(key), to, amount, message, prefer)
    await _check_strangers(ledger, command)
    receipt = await ledger.execute(command)
    records = await ledger.read(lambda connection: stored.by_ids(connection, actor.org_id, receipt.ids))
    return CommandResult(tuple(gift_view(record) for record in records), receipt.replayed)


async def preview(
    ledger: LedgerService,
    *,
    actor: Actor,
    to: Sequence[Recipient],
    amount: Credits,
    message: str | None = None,
    prefer: GiftOrder = GiftOrder.SOONEST,
) -> tuple[GiftView, ...]:
    """Return what a gift would be now, without making it: the same decision on the same facts, no key, no effect."""
    command = _give(actor, "dry-run", to, amount, message, prefer)
    await _check_strangers(ledger, command)

    def decide(connection: Connection) -> tuple[GiftView, ...]:
        batch = dry_run.state_for_command(connection, command, ledger.clock())
        command.decide(batch)
        return _previews(connection, batch)

    return await ledger.read(decide)


async def cancel(ledger: LedgerService, *, actor: Actor, gift_id: str) -> CommandResult[GiftView]:
    """G5: the sender takes it back while it is open."""
    return await _decide(ledger, actor, TransferKind.GIFT_CANCEL, gift_id)


async def decline(ledger: LedgerService, *, actor: Actor, gift_id: str) -> CommandResult[GiftView]:
    """G5: the recipient does not want it."""
    return await _decide(ledger, actor, TransferKind.GIFT_DECLINE, gift_id)


async def approve(ledger: LedgerService, *, actor: Actor, gift_id: str) -> CommandResult[GiftView]:
    """G2: a reviewer lets it go on."""
    return await _decide(ledger, actor, TransferKind.GIFT_APPROVE, gift_id)


async def reject(ledger: LedgerService, *, actor: Actor, gift_id: str, reason: str) -> CommandResult[GiftView]:
    """G5: a lead refuses it, with a reason that both sides are told."""
    return await _decide(ledger, actor, TransferKind.GIFT_REJECT, gift_id, reason)


async def reverse(ledger: LedgerService, *, actor: Actor, gift_id: str, reason: str) -> CommandResult[GiftView]:
    """G6: an admin who is neither side claws a settled gift back, with a reason."""
    number, words = parse_id(Prefix.GIFT, gift_id), checked_words(reason, "reason")
    if words is None:
        raise Refused(Code.INVALID_REQUEST, "A reason is required.", field="reason")
    command = Reverse(actor.org_id, actor.member_id, number, words, is_admin=actor.is_admin)
    return await _decided(ledger, actor, command)


async def settle_early(ledger: LedgerService, *, actor: Actor, gift_id: str) -> CommandResult[GiftView]:
    """G5: a lead releases it before its settlement period is over."""
    return await _decide(ledger, actor, TransferKind.GIFT_SETTLE, gift_id)


async def gift(ledger: LedgerService, *, actor: Actor, gift_id: str) -> GiftView:
    """Return a gift to its two sides, their leads and admins. Raises Refused(not_found) for all others."""
    number = parse_id(Prefix.GIFT, gift_id)

    def find(connection: Connection) -> GiftView:
        for record in stored.by_ids(connection, actor.org_id, [number]):
            is_side = actor.member_id in {owner_of(record.sender.account), owner_of(record.recipient.account)}
            if is_side or actor.is_admin or stored.is_reviewer(connection, actor.org_id, actor.member_id, record):
                return gift_view(record)
        raise Refused(Code.NOT_FOUND, "Gift not found.")

    return await ledger.read(find)


async def gifts(
    ledger: LedgerService, *, actor: Actor, state: GiftState | None = None, limit: int = 50, cursor: str | None = None
) -> Page[GiftView]:
    """Return what one sent and received, newest first."""
    size, before = checked_limit(limit), None
    if cursor is not None:
        created_at, number = place_of(cursor, (int, int))
        before = (from_micros(int(created_at)), int(number))
    records = await ledger.read(
        lambda connection: stored.of_member(
            connection, actor.org_id, actor.member_id, state=state, before=before, limit=size + 1
        )
    )
    page, last = records[:size], records[size - 1 : size]
    following = cursor_of(to_micros(last[0].created_at), last[0].gift_id) if len(records) > size else None
    return Page(tuple(gift_view(record) for record in page), following)


def _give(
    actor: Actor, key: str, to: Sequence[Recipient], amount: Credits, message: str | None, prefer: GiftOrder
) -> Give:
    accounts = tuple(account_of(recipient) for recipient in to)
    if not 0 < len(accounts) <= MAX_RECIPIENTS or len(set(accounts)) != len(accounts):
        sentence = f"A gift goes to 1 to {MAX_RECIPIENTS} different recipients."
        raise Refused(Code.INVALID_REQUEST, sentence, field="to")
    words = checked_words(message, "message")
    org = _other_org(actor, to)
    return Give(actor.org_id, actor.member_id, key, accounts, checked_amount(amount), words, prefer, org)


def _other_org(actor: Actor, to: Sequence[Recipient]) -> int | None:
    """Return the organization that the recipients share, None for one's own. Raises Refused(unknown_member)."""
    named = {recipient.org for recipient in to}
    if len(named) != 1:
        raise Refused(Code.INVALID_REQUEST, "The recipients of one gift are of one organization.", field="to")
    if (org := named.pop()) is None:
        return None
    try:
        number = parse_id(Prefix.ORG, org)
    except Refused as refused:
        raise Refused(Code.UNKNOWN_MEMBER, refused.detail, field="to") from None
    return None if number == actor.org_id else number


async def _check_strangers(ledger: LedgerService, command: Give) -> None:
    """Refuse early what another organization would send back. Raises Refused(unknown_member, recipient_is_bot)."""
    org = command.recipient_org
    if org is None:
        return
    strangers = [owner_of(account) for account in command.recipients]
    for found in await ledger.read(
        lambda connection: [people.member(connection, org_id=org, member_id=number) for number in strangers]
    ):
        if found is None or found.deactivated_at is not None:
            raise Refused(Code.UNKNOWN_MEMBER, "Member not found in that organization.", field="to")
        if found.kind != "person":
            raise Refused(Code.RECIPIENT_IS_BOT, f"{found.name} is a {found.kind}; gifts go to people.")


async def _decide(
    ledger: LedgerService, actor: Actor, act: TransferKind, gift_id: str, reason: str | None = None
) -> CommandResult[GiftView]:
    number = parse_id(Prefix.GIFT, gift_id)
    words = checked_words(reason, "reason")
    if act is TransferKind.GIFT_REJECT and words is None:
        raise Refused(Code.INVALID_REQUEST, "A reason is required.", field="reason")
    command = ResolveGift(actor.org_id, actor.member_id, act, number, is_admin=actor.is_admin, reason=words)
    return await _decided(ledger, actor, command)


async def _decided(ledger: LedgerService, actor: Actor, command: ResolveGift | Reverse) -> CommandResult[GiftView]:
    receipt = await ledger.execute(command)
    records = await ledger.read(lambda connection: stored.by_ids(connection, actor.org_id, [command.gift_id]))
    return CommandResult(gift_view(records[0]), receipt.replayed)


def _previews(connection: Connection, batch: BatchState) -> tuple[GiftView, ...]:
    planned = batch.effects.gifts
    accounts = {(gift.org_id, gift.sender_account) for gift, _ in planned}
    accounts |= {(gift.recipient_org or gift.org_id, gift.recipient_account) for gift, _ in planned}
    names = stored.sides(connection, accounts)
    messages = {posting.cause_id: posting.note for posting in batch.effects.postings}
    return tuple(
        GiftView(
            None,
            gift.state,
            party(gift.org_id, names[gift.sender_account]),
            party(gift.recipient_org or gift.org_id, names[gift.recipient_account]),
            gift.amount,
            messages[gift.gift_id],
            gift.created_at,
            gift.settles_at,
            slice_views(gift.slices),
            decision_view(decision),
        )
        for gift, decision in planned
    )
