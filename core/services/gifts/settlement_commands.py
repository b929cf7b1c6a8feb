"""What becomes of a gift: settled, stopped by a person, or given back by rule (G2, G4, G5, G8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.ledger.accounts import AccountKind, account_id, escrow_of, kind_of, owner_of
from core.ledger.accounts import AccountKind as Kind
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.gifts import Gift, GiftState, state_after
from core.ledger.positions import Slice
from core.ledger.transfers import Move, TransferKind
from core.policy.limits import Policy
from core.services.common.digests import digest_of

# Whom each way of giving back is told, by the kind of notice.
_NOTICES: Final = {
    TransferKind.GIFT_CANCEL: "gift_cancelled",
    TransferKind.GIFT_DECLINE: "gift_declined",
    TransferKind.GIFT_REJECT: "gift_rejected",
    TransferKind.GIFT_RETURN: "gift_returned",
}


@dataclass(frozen=True, slots=True)
class ResolveGift:
    """A person cancels, declines, approves, rejects or settles a gift early."""

    org_id: int
    actor_id: int
    act: TransferKind
    gift_id: int
    is_admin: bool = False
    reason: str | None = None
    count: int = 1

    @property
    def key(self) -> str:
        return f"{self.act.value}:{self.gift_id}"

    @property
    def digest(self) -> bytes:
        return digest_of(self.act.value, self.gift_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.actor_id,), gifts=(self.gift_id,), seats_of=(self.actor_id,))

    def decide(self, batch: BatchState) -> None:
        gift = batch.gift(self.gift_id)
        _check_actor(batch, self, gift)
        if self.act is TransferKind.GIFT_APPROVE:
            _approve(batch, gift, self.reason)
        elif self.act is TransferKind.GIFT_SETTLE:
            _settle(batch, gift)
        else:
            give_back(batch, gift, self.act, self.reason)


@dataclass(frozen=True, slots=True)
class Settle:
    """The sweep posts a gift whose settlement period is over, or gives it back where a rule says so."""

    org_id: int
    gift_id: int
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"settle:{self.gift_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("settle", self.gift_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(gifts=(self.gift_id,))

    def decide(self, batch: BatchState) -> None:
        gift = batch.gift(self.gift_id)
        if reason := _must_return(batch, gift):
            give_back(batch, gift, TransferKind.GIFT_RETURN, reason)
        elif gift.is_due(batch.now):
            _settle(batch, gift)
        else:
            raise Refused(Code.GIFT_NOT_PENDING, "This gift is not due.", state=gift.state.value)


def _check_actor(batch: BatchState, decide: ResolveGift, gift: Gift) -> None:
    """G5: the sender cancels, the recipient declines, a lead who is neither decides the rest.

    Raises Refused(not_found) for people whom the gift does not concern, not_allowed for the others.
    """
    is_sender = owner_of(gift.sender_account) == decide.actor_id
    is_recipient = owner_of(gift.recipient_account) == decide.actor_id
    reviews = decide.is_admin or _leads(batch, decide.actor_id, gift)
    if not (is_sender or is_recipient or reviews):
        raise Refused(Code.NOT_FOUND, "Gift not found.")
    allowed = {
        TransferKind.GIFT_CANCEL: is_sender,
        TransferKind.GIFT_DECLINE: is_recipient or (kind_of(gift.recipient_account) is AccountKind.POOL and reviews),
    }.get(decide.act, reviews and not is_sender and not is_recipient)
    if not allowed:
        who = {TransferKind.GIFT_CANCEL: "its sender", TransferKind.GIFT_DECLINE: "its recipient"}
        raise Refused(Code.NOT_ALLOWED, f"Only {who.get(decide.act, 'a lead who is neither side')} can do that.")


def _leads(batch: BatchState, actor: int, gift: Gift) -> bool:
    """Return whether the actor leads a team that the gift's sender is in (or whose pool receives it)."""
    led = {seat.team_id for seat in batch.seats_of(actor) if seat.is_lead}
    senders = {seat.team_id for seat in batch.seats_of(owner_of(gift.sender_account))}
    return bool(led & (senders | {owner_of(gift.recipient_account)}))


def _must_return(batch: BatchState, gift: Gift) -> str | None:
    """Return why an open gift must go back, or None: a lapse, a leaver, a freeze of its sender (G4, G8)."""
    if gift.state not in {GiftState.PENDING, GiftState.IN_REVIEW}:
        return None
    if gift.lapsed(batch.now):
        return "Part of it has lapsed."
    for account in (gift.sender_account, gift.recipient_account):
        member = batch.member(owner_of(account)) if kind_of(account) is AccountKind.WALLET else None
        if member is not None and member.has_left:
            return f"{member.name} has left."
    sender = batch.member(owner_of(gift.sender_account))
    return "The sender's wallet is frozen." if sender is not None and sender.is_frozen else None


def _settle(batch: BatchState, gift: Gift) -> None:
    state = state_after(gift, TransferKind.GIFT_SETTLE, batch.now)
    if reason := _must_return(batch, gift):
        raise Refused(Code.GIFT_NOT_PENDING, f"This gift cannot settle: {reason}", state=gift.state.value)
    target = gift.recipient_account
    if gift.recipient_org is not None:
        target = account_id(gift.recipient_org, AccountKind.CLEARING)
    batch.post(
        TransferKind.GIFT_SETTLE, [Move(escrow_of(gift.sender_account), target, gift.slices)], cause_id=gift.gift_id
    )
    settled = batch.change_gift(gift, state)
    batch.add_notice(gift.sender_account, "gift_settled_sender", gift_id=gift.gift_id)
    if gift.recipient_org is not None:
        batch.deliver(settled)
        return
    batch.add_notice(gift.recipient_account, "gift_received", gift_id=gift.gift_id, for_editor=True)
    if lapsed := tuple(part for part in gift.slices if part.lot.expired(batch.now)):
        lapse(batch, gift.org_id, gift.recipient_account, lapsed)  # the sweep comes late, after downtime


def _approve(batch: BatchState, gift: Gift, reason: str | None) -> None:
    """G2: it becomes pending and settles no sooner than now; G3, G7 and freezes are tested again."""
    state = state_after(gift, TransferKind.GIFT_APPROVE, batch.now)
    if problem := _must_return(batch, gift):
        raise Refused(Code.GIFT_NOT_PENDING, f"This gift cannot be approved: {problem}", state=gift.state.value)
    settles_at = max(gift.settles_at, batch.now)
    policy = Policy.of(batch.policies.get(gift.org_id))
    if not all(part.lot.lasts_until(settles_at + policy.min_use) for part in gift.slices):
        raise Refused(Code.LOT_EXPIRES_TOO_SOON, "Part of it would expire too soon to help. Reject it instead.")
    sender = batch.member(owner_of(gift.sender_account))
    if policy.require_verified and (sender is None or sender.verified_at is None):
        raise Refused(Code.NOT_VERIFIED, "Its sender's identity is no longer verified. Reject it instead.")
    batch.post(TransferKind.GIFT_APPROVE, cause_id=gift.gift_id, settles_at=settles_at, note=reason)
    batch.change_gift(gift, state, settles_at)
    batch.add_notice(gift.sender_account, "gift_approved", gift_id=gift.gift_id)


def give_back(batch: BatchState, gift: Gift, act: TransferKind, reason: str | None) -> None:
    """Return the whole gift to the very positions it came from (G4); what has lapsed meanwhile lapses at once (L5)."""
    state = state_after(gift, act, batch.now)
    back = Move(escrow_of(gift.sender_account), gift.sender_account, gift.slices)
    batch.post(act, [back], cause_id=gift.gift_id, note=reason)
    lapsed = tuple(part for part in gift.slices if part.lot.expired(batch.now))
    if lapsed:
        lapse(batch, gift.org_id, gift.sender_account, lapsed)
    batch.change_gift(gift, state)
    sides = (gift.sender_account, *([gift.recipient_account] if gift.recipient_org is None else []))
    for account in sides:
        batch.add_notice(account, _NOTICES[act], gift_id=gift.gift_id)


def lapse(batch: BatchState, org_id: int, account: int, slices: tuple[Slice, ...]) -> None:
    """Book expired slices to breakage (L5)."""
    batch.post(TransferKind.EXPIRE, [Move(account, account_id(org_id, Kind.BREAKAGE), slices)])
