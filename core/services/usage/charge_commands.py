"""A usage event is paid: from the allowance, the member's wallet and, after it, the pools of their teams (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.ledger.accounts import AccountKind, account_id, wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.credits import MAX_TRANSFER, ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.members import Debt
from core.ledger.transfers import TransferKind
from core.metering.evaluate import pay
from core.metering.usage import Rating, Usage
from core.services.common.digests import digest_of
from core.services.common.validation import KEY_LENGTH
from core.services.usage.payments import (
    captured_usage,
    count_overage,
    hold_draws,
    moves_to,
    notify_thresholds,
    spending_profile,
    use_windows,
    within_one_transfer,
)
from core.store.timestamps import to_micros

OF_CAPTURES: Final = "capture"  # the source of events that captures make, with their hold's id


@dataclass(frozen=True, slots=True)
class Charge:
    """Pay one usage event (S4). Its key is (source, id): the same event is charged once, whoever brings it.

    It has happened already, so it is never refused for lack of funds: what nothing covers is overage (S2).
    ``subject`` is whom the event itself names; ``member_id`` is who pays. Only what the event says is its
    content: not the member an import chose for it, and not the price, for the past is never re-priced (S3).
    ``happened_at`` is kept where the report says it; it is no content, for some tools send again with a new time.
    """

    org_id: int
    member_id: int
    source: str
    event_id: str
    subject: str
    usage: Usage
    rating: Rating
    happened_at: datetime | None = None
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        """``usage:<source>:<id>``; a digest of both where that is no key (too long, not printable ASCII), or
        where a colon in the id would let two events share one."""
        plain = f"usage:{self.source}:{self.event_id}"
        if len(plain) <= KEY_LENGTH and plain.isascii() and plain.isprintable() and ":" not in self.event_id:
            return plain
        return f"usage-digest:{digest_of(self.source, self.event_id).hex()}"

    @property
    def digest(self) -> bytes:
        said = (self.source, self.event_id, self.subject, self.usage.model)
        tier = () if self.usage.tier is None else (self.usage.tier,)
        return digest_of("charge", *said, *self.usage.counts().values(), *tier)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.member_id,), spending_of=(self.member_id,))

    def decide(self, batch: BatchState) -> None:
        """Pay from the allowance, then the wallet, then each team's pool; the rest is owed.

        Raises Refused: unknown_member, invalid_request (past the largest transfer; a source that is kept).
        """
        check_cost(self.rating.amount)
        if self.source == OF_CAPTURES:
            sentence = f"The source {OF_CAPTURES!r} is kept for what holds capture; name the tool instead."
            raise Refused(Code.INVALID_REQUEST, sentence, field="source")
        facts = spending_profile(batch, self.org_id, self.member_id).at(batch.now)
        payment = within_one_transfer(batch, pay(facts, self.rating.amount))
        consumed = account_id(self.org_id, AccountKind.CONSUMED)

        transfer_id = batch.post(TransferKind.CHARGE, moves_to(hold_draws(batch, payment), lambda _: consumed))
        before = captured_usage(batch, self.member_id)
        use_windows(batch, transfer_id, self.member_id, facts, payment)
        notify_thresholds(batch, self.member_id, facts, before)
        owe(batch, transfer_id, self.org_id, self.member_id, payment.short)
        event = ChargeableEvent(self.member_id, self.source, self.event_id, self.usage, self.rating, self.happened_at)
        batch.record_usage(transfer_id, event.facts(payment.allowance, payment.short))


@dataclass(frozen=True, slots=True)
class ChargeableEvent:
    """What is kept of usage that was charged."""

    member_id: int
    source: str
    event_id: str
    usage: Usage
    rating: Rating
    happened_at: datetime | None = None

    def facts(self, allowance: Credits, overage: Credits) -> tuple[object, ...]:
        """Return what is stored of it, in the order of its columns."""
        usage, rating = self.usage, self.rating
        return (
            self.member_id,
            self.source,
            self.event_id,
            usage.model,
            *usage.counts().values(),
            rating.card,
            rating.is_fallback,
            rating.amount.micros,
            usage.tier,
            allowance.micros or None,
            overage.micros or None,
            to_micros(self.happened_at),
        )


def check_cost(amount: Credits) -> None:
    """Raise Refused(invalid_request) for usage that costs more than a transfer can move."""
    if amount > MAX_TRANSFER:
        raise Refused(Code.INVALID_REQUEST, f"One request cannot cost more than {MAX_TRANSFER.shown()} cr.")


def owe(batch: BatchState, transfer_id: int, org_id: int, member_id: int, overage: Credits) -> None:
    """S2: what nothing covered is owed outside the books; the next grant that is no promo repays it. A person is
    told of the first of a day."""
    if overage:
        consumed = account_id(org_id, AccountKind.CONSUMED)
        batch.open_debt(Debt(transfer_id, wallet_of(member_id), consumed, overage, ZERO))
        if count_overage(batch, transfer_id, member_id, overage):
            batch.add_notice(wallet_of(member_id), "overage", body={"amount": str(overage)}, for_editor=True)
