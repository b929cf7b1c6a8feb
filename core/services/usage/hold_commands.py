"""Holds: usage is authorized before it happens, captured when it has, or freed (S2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from core.ledger.accounts import AccountKind, account_id, escrow_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.positions import MAX_SLICES, Slice
from core.ledger.positions import charge as charged_and_freed
from core.ledger.transfers import Move, TransferKind
from core.metering.evaluate import Payment, pay
from core.metering.holds import Hold, HoldState
from core.metering.usage import Rating, Usage
from core.services.common.digests import digest_of
from core.services.gifts.settlement_commands import lapse
from core.services.usage.charge_commands import OF_CAPTURES, ChargeableEvent, check_cost, owe
from core.services.usage.explanations import refusal
from core.services.usage.payments import (
    captured_usage,
    free_windows,
    freed_by_meter,
    hold_draws,
    moves_to,
    notify_thresholds,
    spending_profile,
    use_windows,
    within_one_transfer,
)

NOTHING = Payment(ZERO, (), ZERO)


@dataclass(frozen=True, slots=True)
class Authorize:
    """Open a hold for what a request is estimated to cost, or refuse: the only command that refuses usage.

    ``subject`` is whom the request itself names, where an import chose the member for it.
    """

    org_id: int
    actor_id: int
    key: str
    member_id: int
    usage: Usage
    rating: Rating
    time_to_live: timedelta
    subject: str | None = None
    count: int = 1

    @property
    def digest(self) -> bytes:
        tier = () if self.usage.tier is None else (self.usage.tier,)
        facts = (self.usage.model, *self.usage.counts().values(), int(self.time_to_live.total_seconds()), *tier)
        return digest_of("authorize", self.subject or self.member_id, *facts)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.member_id,), spending_of=(self.member_id,))

    def decide(self, batch: BatchState) -> Hold:
        """Raises Refused: unknown_member, account_frozen, insufficient_credits (with the trace), too_many_lots."""
        check_cost(self.rating.amount)
        spender = spending_profile(batch, self.org_id, self.member_id)
        facts = spender.at(batch.now)
        payment = pay(facts, self.rating.amount)
        if payment.short or facts.blocked:
            raise refusal(spender, facts, payment, self.rating.amount, batch.now)
        draws = hold_draws(batch, payment)
        number = batch.next_id()
        batch.post(TransferKind.HOLD, moves_to(draws, escrow_of), transfer_id=number, cause_id=number)
        use_windows(batch, number, self.member_id, facts, payment, reserves=True)
        hold = Hold(
            self.org_id,
            number,
            self.member_id,
            self.usage.model,
            self.rating.card,
            self.rating.amount,
            payment.allowance,
            [account for account, _ in draws],
            batch.now,
            batch.now + self.time_to_live,
            tier=self.usage.tier,
        )
        batch.put(hold)
        return hold


@dataclass(frozen=True, slots=True)
class Capture:
    """Charge a hold what was really used and free the rest. What exceeds it is paid as far as there are funds.

    After its deadline it is late: the hold was freed, so it is charged like usage that was never authorized.
    ``event`` is (source, id) of the usage where something else has named it already.
    """

    org_id: int
    actor_id: int
    hold_id: int
    usage: Usage
    rating: Rating
    for_anybody: bool
    event: tuple[str, str] | None = None
    count: int = 1

    @property
    def key(self) -> str:
        """A hold is captured once: the same content again is answered alike, other content is a conflict (L6)."""
        return f"capture:{self.hold_id}"

    @property
    def digest(self) -> bytes:
        tier = () if self.usage.tier is None else (self.usage.tier,)
        return digest_of("capture", self.hold_id, self.usage.model, *self.usage.counts().values(), *tier)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(holds=(self.hold_id,))

    def decide(self, batch: BatchState) -> Hold:
        """Raises Refused: not_found, hold_closed (captured or released), invalid_request."""
        check_cost(self.rating.amount)
        hold = hold_of(batch, self.hold_id, self.actor_id, for_anybody=self.for_anybody)
        number = batch.next_id()
        if hold.state is HoldState.OPEN and not hold.is_over(batch.now):
            return self._in_time(batch, hold, number)
        if hold.state is HoldState.OPEN:
            hold = free(batch, hold, TransferKind.HOLD_EXPIRE, HoldState.EXPIRED)
        if hold.state is not HoldState.EXPIRED:
            raise closed(hold)
        extra = self._pay(batch, hold, self.rating.amount, MAX_SLICES)
        return self._book(batch, hold, number, [], extra, ZERO, None)

    def _in_time(self, batch: BatchState, hold: Hold, number: int) -> Hold:
        covered = min(self.rating.amount, hold.allowance)
        moves: list[Move] = []
        freed: dict[int, tuple[Slice, ...]] = {}
        missing = self.rating.amount - covered
        consumed = account_id(self.org_id, AccountKind.CONSUMED)
        for source, slices in batch.draws[hold.hold_id]:
            taken = min(missing, total(part.amount for part in slices))
            charged, freed[source] = charged_and_freed(slices, taken)
            missing -= taken
            if charged:
                moves.append(Move(escrow_of(source), consumed, charged))
            if freed[source]:
                moves.append(Move(escrow_of(source), source, freed[source]))
        extra = self._pay(batch, hold, missing, MAX_SLICES - sum(len(move.slices) for move in moves))
        back = freed_by_meter(hold.allowance - covered, {source: _sum(slices) for source, slices in freed.items()})
        captured = self._book(batch, hold, number, moves, extra, covered, back)
        _lapse(batch, self.org_id, freed.items())
        return captured

    def _pay(self, batch: BatchState, hold: Hold, amount: Credits, room: int) -> Payment:
        if not amount:
            return NOTHING
        facts = spending_profile(batch, self.org_id, hold.member_id).at(batch.now)
        return within_one_transfer(batch, pay(facts, amount), room)

    def _book(
        self,
        batch: BatchState,
        hold: Hold,
        number: int,
        moves: list[Move],
        extra: Payment,
        covered: Credits,
        back: Callable[[str], Credits] | None,
    ) -> Hold:
        """Write the capture: what it takes from the hold, then what it takes beside it, then what is owed.

        ``back`` tells what each window gets back of what the hold reserved; None when it is late and was freed before.
        """
        consumed = account_id(self.org_id, AccountKind.CONSUMED)
        facts = spending_profile(batch, self.org_id, hold.member_id).at(batch.now)
        moves = [*moves, *moves_to(hold_draws(batch, extra), lambda _: consumed)]
        batch.post(TransferKind.CAPTURE, moves, transfer_id=number, cause_id=hold.hold_id)
        before = captured_usage(batch, hold.member_id)
        use_windows(batch, number, hold.member_id, facts, extra)
        if back is not None:
            free_windows(batch, number, batch.reserved.get(hold.hold_id, ()), back, since=hold.created_at)
        notify_thresholds(batch, hold.member_id, facts, before)
        owe(batch, number, self.org_id, hold.member_id, extra.short)
        source, event_id = self.event or (OF_CAPTURES, shown_id(Prefix.HOLD, hold.hold_id))
        event = ChargeableEvent(hold.member_id, source, event_id, self.usage, self.rating)
        batch.record_usage(number, event.facts(covered + extra.allowance, extra.short))
        captured = replace(
            hold,
            state=HoldState.CAPTURED,
            charged=self.rating.amount,
            overage=extra.short,
            is_late=back is None,
            closed_at=batch.now,
        )
        batch.put(captured)
        return captured


@dataclass(frozen=True, slots=True)
class Release:
    """Free a hold unused: by who opened it, before its deadline."""

    org_id: int
    actor_id: int
    hold_id: int
    for_anybody: bool
    count: int = 1

    @property
    def key(self) -> str:
        return f"release:{self.hold_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("release", self.hold_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(holds=(self.hold_id,))

    def decide(self, batch: BatchState) -> Hold:
        """Raises Refused: not_found, hold_closed."""
        hold = hold_of(batch, self.hold_id, self.actor_id, for_anybody=self.for_anybody)
        if hold.state is not HoldState.OPEN or hold.is_over(batch.now):
            raise closed(hold)
        return free(batch, hold, TransferKind.RELEASE, HoldState.RELEASED)


@dataclass(frozen=True, slots=True)
class HoldTimeout:
    """Free a hold whose deadline has passed."""

    org_id: int
    hold_id: int
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"hold-timeout:{self.hold_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("hold-timeout", self.hold_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(holds=(self.hold_id,))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, hold_closed (also one that is not due)."""
        hold = hold_of(batch, self.hold_id, SYSTEM, for_anybody=True)
        if hold.state is not HoldState.OPEN or not hold.is_over(batch.now):
            raise closed(hold)
        free(batch, hold, TransferKind.HOLD_EXPIRE, HoldState.EXPIRED)


def hold_of(batch: BatchState, hold_id: int, actor_id: int, *, for_anybody: bool) -> Hold:
    """Return a hold of the command's organization. Raises Refused(not_found), also for somebody else's."""
    found = batch.records_of(Hold, "hold_id", hold_id)
    if not found or not (for_anybody or found[0].member_id == actor_id):
        raise Refused(Code.NOT_FOUND, "Hold not found, or it belongs to someone else.")
    return found[0]


def closed(hold: Hold) -> Refused:
    """Return the refusal of what an open hold would be needed for."""
    state = hold.state if hold.state is not HoldState.OPEN else HoldState.EXPIRED
    return Refused(Code.HOLD_CLOSED, f"That cannot be done: this hold is {state.value}.", state=state.value)


def free(batch: BatchState, hold: Hold, kind: TransferKind, state: HoldState) -> Hold:
    """Give back what a hold set aside, to where it came from; what has lapsed meanwhile lapses at once (L5)."""
    draws = batch.draws[hold.hold_id]
    moves = [Move(escrow_of(source), source, slices) for source, slices in draws if slices]
    number = batch.post(kind, moves, cause_id=hold.hold_id)
    back = freed_by_meter(hold.allowance, {source: _sum(slices) for source, slices in draws})
    free_windows(batch, number, batch.reserved.get(hold.hold_id, ()), back, since=hold.created_at)
    _lapse(batch, hold.org_id, draws)
    freed = replace(hold, state=state, closed_at=batch.now)
    batch.put(freed)
    return freed


def _lapse(batch: BatchState, org_id: int, freed: Iterable[tuple[int, tuple[Slice, ...]]]) -> None:
    for source, slices in freed:
        if lapsed := tuple(part for part in slices if part.lot.expired(batch.now)):
            lapse(batch, org_id, source, lapsed)


def _sum(slices: Iterable[Slice]) -> Credits:
    return total(part.amount for part in slices)
