"""Asking for credits: a request is made, taken back, or lapses. Nothing of anybody's is held for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from core.ledger.accounts import wallet_of
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.members import Member
from core.ledger.records import RecordQuery
from core.ledger.requests import CreditRequest, Pledge, RequestState
from core.ledger.transfers import TransferKind
from core.services.common.digests import digest_of

MAX_ASKED: Final = 20  # people in one request
MAX_OPEN: Final = 5  # requests of one person at once


@dataclass(frozen=True, slots=True)
class RequestCredits:
    """Ask some colleagues for an amount. The request's id is that of the transfer."""

    org_id: int
    actor_id: int
    key: str
    asked: tuple[int, ...]
    amount: Credits
    reason: str | None
    lasts: timedelta
    names_them: bool = True
    count: int = 1

    @property
    def digest(self) -> bytes:
        """Of what the asker said: whom the house chose for them is no part of it (L6)."""
        named = self.asked if self.names_them else ()
        return digest_of("ask", self.amount.micros, self.reason, int(self.lasts.total_seconds()), *named)

    @property
    def needs(self) -> ReadSet:
        mine = RecordQuery(CreditRequest, "open_asker_id", self.actor_id)
        return ReadSet(members=(self.actor_id, *self.asked), records=(mine,))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_allowed, account_frozen, unknown_member, recipient_is_bot, policy_refused."""
        asker = _asker(batch, self.actor_id)
        for member_id in self.asked:
            _check_asked(batch, self.actor_id, member_id)
        mine = batch.records_of(CreditRequest, "open_asker_id", self.actor_id)
        if sum(each.state_at(batch.now) is RequestState.OPEN for each in mine) >= MAX_OPEN:
            sentence = f"At most {MAX_OPEN} requests can be open at once. Withdraw one, or wait for an answer."
            raise Refused(Code.POLICY_REFUSED, sentence, rule="open_requests", limit=str(MAX_OPEN))
        number = batch.next_id()
        batch.post(TransferKind.ASK, cause_id=number, note=self.reason, transfer_id=number)
        lapses_at = batch.now + self.lasts
        batch.put(
            CreditRequest(
                self.org_id,
                number,
                self.actor_id,
                self.amount,
                RequestState.OPEN,
                ZERO,
                batch.now,
                lapses_at,
                self.actor_id,
            )
        )
        shown = shown_id(Prefix.REQUEST, number)
        told = {"request": shown, "by": asker.name, "amount": str(self.amount), "reason": self.reason}
        for member_id in self.asked:
            batch.put(Pledge(self.org_id, number, member_id, ZERO, batch.now, was_asked=True))
            batch.add_notice(wallet_of(member_id), "request_asked", body=told, for_editor=True)


@dataclass(frozen=True, slots=True)
class WithdrawRequest:
    """The asker no longer needs it; what was pledged is free of its promise."""

    org_id: int
    actor_id: int
    request_id: int
    count: int = 1

    @property
    def key(self) -> str:
        return f"withdraw request:{self.request_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("withdraw request", self.request_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(members=(self.actor_id,), seats_of=(self.actor_id,), requests=(self.request_id,))

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_found, not_allowed, request_not_open."""
        request = visible_request(batch, self.request_id, self.actor_id, is_admin=False)
        check_open(batch, request)
        check_asker(request, self.actor_id)
        batch.post(TransferKind.ASK, cause_id=request.request_id)
        close(batch, request, RequestState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class ExpireRequest:
    """The sweep closes a request whose time is over."""

    org_id: int
    request_id: int
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"lapse request:{self.request_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("lapse request", self.request_id)

    @property
    def needs(self) -> ReadSet:
        return ReadSet(requests=(self.request_id,))

    def decide(self, batch: BatchState) -> None:
        request = found_request(batch, self.request_id)
        if request.state is not RequestState.OPEN or request.lapses_at > batch.now:
            raise Refused(Code.REQUEST_NOT_OPEN, "This request is not due.", state=request.state.value)
        batch.post(TransferKind.ASK, cause_id=request.request_id)
        close(batch, request, RequestState.LAPSED)
        body = {"amount": str(request.amount)}
        batch.add_notice(wallet_of(request.asker_id), "request_lapsed", body=body, for_editor=True)


def found_request(batch: BatchState, request_id: int) -> CreditRequest:
    """Return a request of the command's organization. Raises Refused(not_found)."""
    found = batch.records_of(CreditRequest, "request_id", request_id)
    if not found:
        raise Refused(Code.NOT_FOUND, "Request not found.")
    return found[0]


def visible_request(batch: BatchState, request_id: int, actor: int, *, is_admin: bool) -> CreditRequest:
    """Return a request to those it concerns: its asker, who was asked or has pledged, the asker's leads, admins.

    Raises Refused(not_found) for all others.
    """
    request = found_request(batch, request_id)
    has_part = any(each.member_id == actor for each in batch.records_of(Pledge, "request_id", request_id))
    led = {seat.team_id for seat in batch.seats_of(actor) if seat.is_lead}
    leads = led & {seat.team_id for seat in batch.seats_of(request.asker_id)}
    if not (is_admin or has_part or leads or actor == request.asker_id):
        raise Refused(Code.NOT_FOUND, "Request not found.")
    return request


def check_open(batch: BatchState, request: CreditRequest) -> None:
    """Raise Refused(request_not_open) with its state, once it is closed or its time is over."""
    state = request.state_at(batch.now)
    if state is not RequestState.OPEN:
        raise Refused(Code.REQUEST_NOT_OPEN, f"This request is {state.value}.", state=state.value)


def check_asker(request: CreditRequest, actor: int) -> None:
    if actor != request.asker_id:
        raise Refused(Code.NOT_ALLOWED, "Only whoever made the request can do that.")


def close(batch: BatchState, request: CreditRequest, state: RequestState, *, given: Credits = ZERO) -> None:
    """Close a request; open pledges that became no gift are free, and their pledgers are told so."""
    name = asker_name(batch, request)
    for pledge in batch.records_of(Pledge, "request_id", request.request_id):
        if pledge.amount and pledge.gift_id is None:
            batch.put(replace(pledge, amount=ZERO, changed_at=batch.now))
            body = {"by": name, "amount": str(pledge.amount), "state": state.value}
            batch.add_notice(wallet_of(pledge.member_id), "pledge_freed", body=body)
    batch.put(replace(request, state=state, given=given, open_asker_id=None, closed_at=batch.now))


def asker_name(batch: BatchState, request: CreditRequest) -> str:
    asker = batch.member(request.asker_id)
    return "Somebody" if asker is None else asker.name


def _asker(batch: BatchState, member_id: int) -> Member:
    asker = batch.member(member_id)
    if asker is None or asker.has_left or asker.kind != "person":
        raise Refused(Code.NOT_ALLOWED, "Only people who are here can ask for credits.")
    if asker.is_frozen:
        raise Refused(Code.ACCOUNT_FROZEN, "Your wallet is frozen. Ask an admin to unfreeze it.")
    return asker


def _check_asked(batch: BatchState, asker: int, member_id: int) -> None:
    if member_id == asker:
        raise Refused(Code.SELF_GIFT, "That is you. Ask somebody else.")
    member = batch.member(member_id)
    if member is None or member.has_left:
        raise Refused(Code.UNKNOWN_MEMBER, "Member not found.", field="to")
    if member.kind != "person":
        raise Refused(Code.RECIPIENT_IS_BOT, f"{member.name} is a {member.kind}; ask people.")
