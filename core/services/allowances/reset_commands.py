"""Resets of one person's windows: at once, banked for later, used, warned of (S8).

A reset is a posting to the windows: what was used becomes zero, and when they next reset by themselves stays as it is.
Caps are no allowance and are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.ledger.accounts import wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.credits import ZERO
from core.ledger.errors import Code, Refused
from core.ledger.members import Member
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.metering.allowances import Plan, PlanAssignment, UsageWindow, assignment_in_force, window_at
from core.metering.resets import Reset, ResetOrder, ResetState
from core.services.common.digests import digest_of

KEPT: Final = timedelta(days=30)  # how long a banked reset is kept unless told
MAX_KEPT: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class OrderReset:
    """Order a reset for a team or everybody; its members are reset by commands of their own."""

    org_id: int
    actor_id: int
    key: str
    subject_id: int
    is_banked: bool
    expires_at: datetime | None
    reason: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        return _digest("order reset", self.subject_id, self.is_banked, self.expires_at, self.reason)

    @property
    def needs(self) -> ReadSet:
        return ReadSet()

    def decide(self, batch: BatchState) -> None:
        """Raises Refused(invalid_request) for an expiry in the past or too far away."""
        expires_at = _expiry(batch, self.expires_at) if self.is_banked else None
        number = batch.post(TransferKind.RESET, note=self.reason)
        batch.put(ResetOrder(self.org_id, number, self.subject_id, self.is_banked, expires_at, batch.now))


@dataclass(frozen=True, slots=True)
class ResetMember:
    """Reset one member at once, or bank a reset for them: as a part of an order, or as an order of its own."""

    org_id: int
    actor_id: int
    key: str
    member_id: int
    is_banked: bool
    expires_at: datetime | None
    reason: str | None
    order_id: int | None = None
    count: int = 1

    @classmethod
    def of(cls, order: ResetOrder, member_id: int) -> ResetMember:
        """Return an order's part for one member: once, however often it is submitted."""
        key = f"reset:{order.order_id}:{member_id}"
        return cls(order.org_id, SYSTEM, key, member_id, order.is_banked, order.expires_at, None, order.order_id)

    @property
    def digest(self) -> bytes:
        return _digest("reset", self.member_id, self.is_banked, self.expires_at, self.reason)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.org_id, self.member_id)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: unknown_member, nothing_to_reset, invalid_request for a wrong expiry."""
        _member(batch, self.member_id)
        expires_at = _expiry(batch, self.expires_at) if self.is_banked else None
        if expires_at is None:
            number = _reset_windows(batch, self.org_id, self.member_id, self.order_id, self.reason)
            batch.add_notice(wallet_of(self.member_id), "allowance_reset", body={}, for_editor=True)
        else:
            number = batch.post(TransferKind.RESET, cause_id=self.order_id, note=self.reason)
            batch.put(Reset(self.org_id, number, self.member_id, expires_at, batch.now))
            batch.add_notice(wallet_of(self.member_id), "reset_banked", body=_body(expires_at), for_editor=True)
        if self.order_id is None:
            order = ResetOrder(self.org_id, number, self.member_id, self.is_banked, expires_at, batch.now)
            batch.put(replace(order, done=1, finished_at=batch.now))


@dataclass(frozen=True, slots=True)
class UseReset:
    """A member uses a banked reset of theirs, once."""

    org_id: int
    actor_id: int
    reset_id: int
    count: int = 1

    @property
    def key(self) -> str:
        return f"reset-use:{self.reset_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("use reset", self.reset_id)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.org_id, self.actor_id, RecordQuery(Reset, "reset_id", self.reset_id))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, account_frozen, reset_not_banked, nothing_to_reset: then it is kept."""
        reset = _own(batch, self.reset_id, self.actor_id)
        member = _member(batch, self.actor_id)
        if member.is_frozen:
            raise Refused(Code.ACCOUNT_FROZEN, "Your wallet is frozen. Ask an admin to unfreeze it.")
        if (state := reset.state(batch.now)) is not ResetState.BANKED:
            sentence = f"This reset is {state.value}; it can be used no more."
            raise Refused(Code.RESET_NOT_BANKED, sentence, state=state.value)
        _reset_windows(batch, self.org_id, self.actor_id, self.reset_id, None)
        batch.put(replace(reset, used_at=batch.now))


@dataclass(frozen=True, slots=True)
class WarnOfReset:
    """Tell somebody, once, that a banked reset of theirs expires soon."""

    org_id: int
    reset_id: int
    member_id: int
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"reset-warn:{self.reset_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("warn of reset", self.reset_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.member_id,), records=(RecordQuery(Reset, "reset_id", self.reset_id),))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused(not_found) when it was used or has expired meanwhile."""
        reset = _own(batch, self.reset_id, self.member_id)
        if reset.state(batch.now) is not ResetState.BANKED:
            raise Refused(Code.NOT_FOUND, "This reset is not banked any more.")
        batch.post(TransferKind.RESET, cause_id=self.reset_id)
        batch.put(replace(reset, warned_at=batch.now))
        batch.add_notice(wallet_of(self.member_id), "reset_expires", body=_body(reset.expires_at), for_editor=True)


def _needs(org_id: int, member_id: int, *others: RecordQuery) -> ReadSet:
    plans = (
        RecordQuery(Plan, "org_id", org_id),
        *(RecordQuery(PlanAssignment, "member_id", who) for who in (member_id, org_id)),
    )
    return ReadSet(members=(member_id,), records=(RecordQuery(UsageWindow, "member_id", member_id), *plans, *others))


def _reset_windows(batch: BatchState, org_id: int, member_id: int, cause_id: int | None, reason: str | None) -> int:
    """Set what was used of each open window of the plan to zero, and return the transfer.

    A clock that was set back never makes a window look as if it had been reset less late than it was.
    Raises Refused(nothing_to_reset).
    """
    used = _used_windows(batch, org_id, member_id)
    if not used:
        raise Refused(Code.NOTHING_TO_RESET, "Nothing of the allowance has been used; there is nothing to reset.")
    number = batch.post(TransferKind.RESET, cause_id=cause_id, note=reason)
    for window in used:
        batch.post_window(number, member_id, window.meter, window.span, -window.used)
        batch.put(replace(window, used=ZERO, reserved=ZERO, reset_at=max(batch.now, window.reset_at or batch.now)))
    return number


def _used_windows(batch: BatchState, org_id: int, member_id: int) -> list[UsageWindow]:
    seats = [seat for who in (member_id, org_id) for seat in batch.records_of(PlanAssignment, "member_id", who)]
    seat = assignment_in_force(seats, member_id, batch.now)
    plans = [plan for plan in batch.records_of(Plan, "org_id", org_id) if seat and plan.plan_id == seat.plan_id]
    if seat is None or not plans:
        return []
    windows = batch.records_of(UsageWindow, "member_id", member_id)
    current = (window_at(meter, windows, seat.anchor_at, batch.now) for meter in plans[0].limits)
    return [window for window in current if isinstance(window, UsageWindow) and window.used]


def _member(batch: BatchState, member_id: int) -> Member:
    member = batch.member(member_id)
    if member is None or member.has_left:
        raise Refused(Code.UNKNOWN_MEMBER, "Member not found, or they've left.")
    return member


def _own(batch: BatchState, reset_id: int, member_id: int) -> Reset:
    for reset in batch.records_of(Reset, "reset_id", reset_id):
        if reset.member_id == member_id:
            return reset
    raise Refused(Code.NOT_FOUND, "Reset not found, or it belongs to someone else.")


def _expiry(batch: BatchState, expires_at: datetime | None) -> datetime:
    expiry = batch.now + KEPT if expires_at is None else expires_at
    if not batch.now < expiry <= batch.now + MAX_KEPT:
        sentence = f"A banked reset expires after now and within {MAX_KEPT.days} days."
        raise Refused(Code.INVALID_REQUEST, sentence, field="expires_at")
    return expiry


def _body(expires_at: datetime) -> dict[str, str]:
    return {"expires_at": expires_at.isoformat().replace("+00:00", "Z")}


def _digest(what: str, subject: int, is_banked: bool, expires_at: datetime | None, reason: str | None) -> bytes:  # noqa: FBT001
    return digest_of(what, subject, int(is_banked), None if expires_at is None else expires_at.isoformat(), reason)
