"""Making a gift: what is checked, in which order, and what is then set aside (G1, G3, G7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from core.ledger.accounts import AccountKind, escrow_of, kind_of, owner_of, wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.credits import MAX_TRANSFER, ZERO, Credits
from core.ledger.daily_giving import NOTHING_GIVEN
from core.ledger.errors import Code, Refused
from core.ledger.gifts import Gift, GiftState
from core.ledger.lots import GiftOrder
from core.ledger.members import Member
from core.ledger.positions import Position, Slice, draw, held
from core.ledger.transfers import Move, TransferKind
from core.policy.decide import PolicyDecision, decide
from core.policy.limits import Policy
from core.policy.rules import GiftContext, Verdict
from core.services.common.digests import digest_of


@dataclass(frozen=True, slots=True)
class Give:
    """Give ``amount`` to each of some accounts, all or none. Each gift's id is that of its reservation."""

    org_id: int
    actor_id: int
    key: str
    recipients: tuple[int, ...]
    amount: Credits
    message: str | None
    prefer: GiftOrder
    recipient_org: int | None = None  # whose the recipients are, when it is another organization (L9)

    @property
    def digest(self) -> bytes:
        words = (self.message, self.prefer._value_, self.recipient_org)
        return digest_of("give", self.amount.micros, *words, *self.recipients)

    @property
    def count(self) -> int:
        return len(self.recipients)

    @property
    def needs(self) -> ReadSet:
        here = self.recipients if self.recipient_org is None else ()
        people = (owner_of(account) for account in here if kind_of(account) is AccountKind.WALLET)
        return ReadSet(
            members=(self.actor_id, *people),
            accounts=here,
            positions=(wallet_of(self.actor_id),),
            given_by=(self.actor_id,),
        )

    def decide(self, batch: BatchState) -> None:
        """Raises Refused in the order recipient, sender's state, freeze, policy, funds."""
        if self.recipient_org is None:  # the other organization checks its own on arrival
            for recipient in self.recipients:
                check_recipient(batch, self.actor_id, recipient)
        for recipient in self.recipients:
            make_gift(batch, plan_gift(batch, self, recipient))


class PlannedGift(NamedTuple):
    """A gift that every rule and the funds allow now; nothing of it is written yet."""

    give: Give
    recipient: int
    decision: PolicyDecision
    settles_at: datetime
    slices: tuple[Slice, ...]


def plan_gift(batch: BatchState, give: Give, recipient: int) -> PlannedGift:
    """Test one gift on what its sender has now. Raises Refused; writes nothing."""
    sender = _sender(batch, give.actor_id)
    policy = Policy.of(batch.policies.get(give.org_id))
    given = batch.given.get(give.actor_id, NOTHING_GIVEN)
    decision = decide(GiftContext(sender, recipient, give.amount, given, policy, batch.now))
    decision.raise_if_refused()
    positions = batch.held_by(wallet_of(give.actor_id))
    settles_at = batch.now + policy.settlement
    usable = giftable(positions, batch.now, settles_at + policy.min_use)
    if held(usable) < give.amount:
        raise _too_little(positions, give.amount, batch.now, usable)
    return PlannedGift(give, recipient, decision, settles_at, draw(usable, give.amount, give.prefer.key))


def make_gift(batch: BatchState, plan: PlannedGift) -> int:
    """Write a gift that was just planned, and tell both sides; return its id. Nothing can fail any more."""
    give, wallet = plan.give, wallet_of(plan.give.actor_id)
    gift_id = batch.next_id()
    batch.post(
        TransferKind.GIFT_RESERVE,
        [Move(wallet, escrow_of(wallet), plan.slices)],
        cause_id=gift_id,
        settles_at=plan.settles_at,
        note=give.message,
        transfer_id=gift_id,
    )
    gift = Gift(
        gift_id,
        give.org_id,
        wallet,
        plan.recipient,
        give.amount,
        batch.now,
        plan.settles_at,
        _first_state(plan.decision),
        plan.slices,
        give.recipient_org,
    )
    batch.open_gift(gift, plan.decision.body())
    batch.add_notice(wallet, "gift_sent", gift_id=gift_id)
    if give.recipient_org is None:
        batch.add_notice(plan.recipient, "gift_incoming", gift_id=gift_id)
    return gift_id


def _first_state(decision: PolicyDecision) -> GiftState:
    return GiftState.IN_REVIEW if decision.outcome is Verdict.REVIEW else GiftState.PENDING


def giftable(positions: Iterable[Position], now: datetime, useful_until: datetime) -> list[Position]:
    """G3: the positions that may travel: giftable lots that are still of use after settlement."""
    useful_until = max(now, useful_until)
    return [each for each in positions if each.lot.giftable and each.lot.lasts_until(useful_until)]


def check_recipient(batch: BatchState, sender: int, account: int) -> None:
    if kind_of(account) is AccountKind.POOL:
        if not batch.is_locked(account):
            raise Refused(Code.UNKNOWN_MEMBER, "Pool not found.")
        return
    if owner_of(account) == sender:
        raise Refused(Code.SELF_GIFT, "You can't give credits to yourself.")
    member = batch.member(owner_of(account))
    if member is None:
        raise Refused(Code.UNKNOWN_MEMBER, "Member not found.")
    if member.kind != "person":
        raise Refused(Code.RECIPIENT_IS_BOT, f"{member.name} is a {member.kind}; gifts go to people.")
    if member.has_left:
        raise Refused(Code.UNKNOWN_MEMBER, f"{member.name} has left and can't receive gifts.")


def _sender(batch: BatchState, member_id: int) -> Member:
    sender = batch.member(member_id)
    if sender is None or sender.has_left or sender.kind != "person":
        raise Refused(Code.NOT_ALLOWED, "Only active members can give credits.")
    if sender.is_frozen:
        raise Refused(Code.ACCOUNT_FROZEN, "Your wallet is frozen. Ask an admin to unfreeze it.")
    return sender


def _too_little(positions: list[Position], amount: Credits, now: datetime, usable: list[Position]) -> Refused:
    most = held(usable)
    lapsing = held(giftable(positions, now, now))
    if lapsing >= amount:
        sentence = f"Some of your credits expire too soon to help. You can give at most {most.shown()} cr right now."
        return Refused(Code.LOT_EXPIRES_TOO_SOON, sentence, giftable=str(most))
    sentence = f"You can give at most {most.shown()} cr right now."
    if not most:
        sentence = "You don't have any credits to give yet."
    return Refused(Code.INSUFFICIENT_GIFTABLE, sentence, giftable=str(most))


def checked_amount(amount: Credits) -> Credits:
    """Return an amount that a transfer can move. Raises Refused(invalid_request) for nothing or too much."""
    if amount <= ZERO:
        raise Refused(Code.INVALID_REQUEST, "The amount must be more than 0.", field="amount")
    if amount > MAX_TRANSFER:
        raise Refused(Code.INVALID_REQUEST, f"At most {MAX_TRANSFER.shown()} cr can move at once.", field="amount")
    return amount
