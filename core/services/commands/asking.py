"""Asking for credits: a request is made, taken back, or lapses. Nothing of anybody's is held for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from core.ledger.accounts import wallet_of
from core.ledger.book import Book
from core.ledger.commands import SYSTEM, Needs
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.ledger.members import Member
from core.ledger.records import Wish
from core.ledger.requests import CreditRequest, Pledge, RequestState
from core.ledger.transfers import TransferKind
from core.services.commands.base import digest_of

MAX_ASKED: Final = 20  # people in one request
MAX_OPEN: Final = 5  # requests of one person at once


@dataclass(frozen=True, slots=True)
class Ask:
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
    def needs(self) -> Needs:
        mine = Wish(CreditRequest, "open_asker_id", self.actor_id)
        return Needs(members=(self.actor_id, *self.asked), records=(mine,))

    def decide(self, book: Book) -> None:
        """Raises Refused: not_allowed, account_frozen, unknown_member, recipient_is_bot, policy_refused."""
        asker = _asker(book, self.actor_id)
        for member_id in self.asked:
            _check_asked(book, self.actor_id, member_id)
        mine = book.records_of(CreditRequest, "open_asker_id", self.actor_id)
        if sum(each.state_at(book.now) is RequestState.OPEN for each in mine) >= MAX_OPEN:
            sentence = f"At most {MAX_OPEN} requests can be open at once. Withdraw one, or wait for an answer."
            raise Refused(Code.POLICY_REFUSED, sentence, rule="open_requests", limit=str(MAX_OPEN))
        number = book.next_id()
        book.post(TransferKind.ASK, cause_id=number, note=self.reason, transfer_id=number)
        lapses_at = book.now + self.lasts
        book.put(
            CreditRequest(
                self.org_id,
                number,
                self.actor_id,
                self.amount,
                RequestState.OPEN,
                ZERO,
                book.now,
                lapses_at,
                self.actor_id,
            )
        )
        shown = shown_id(Prefix.REQUEST, number)
        told = {"request": shown, "by": asker.name, "amount": str(self.amount), "reason": self.reason}
        for member_id in self.asked:
            book.put(Pledge(self.org_id, number, member_id, ZERO, book.now, was_asked=True))
            book.tell(wallet_of(member_id), "request_asked", body=told, for_editor=True)


@dataclass(frozen=True, slots=True)
class Withdraw:
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
    def needs(self) -> Needs:
        return Needs(members=(self.actor_id,), seats_of=(self.actor_id,), requests=(self.request_id,))

    def decide(self, book: Book) -> None:
        """Raises Refused: not_found, not_allowed, request_not_open."""
        request = visible_request(book, self.request_id, self.actor_id, is_admin=False)
        check_open(book, request)
        check_asker(request, self.actor_id)
        book.post(TransferKind.ASK, cause_id=request.request_id)
        close(book, request, RequestState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Lapse:
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
    def needs(self) -> Needs:
        return Needs(requests=(self.request_id,))

    def decide(self, book: Book) -> None:
        request = found_request(book, self.request_id)
        if request.state is not RequestState.OPEN or request.lapses_at > book.now:
            raise Refused(Code.REQUEST_NOT_OPEN, "This request is not due.", state=request.state.value)
        book.post(TransferKind.ASK, cause_id=request.request_id)
        close(book, request, RequestState.LAPSED)
        body = {"amount": str(request.amount)}
        book.tell(wallet_of(request.asker_id), "request_lapsed", body=body, for_editor=True)


def found_request(book: Book, request_id: int) -> CreditRequest:
    """Return a request of the command's organisation. Raises Refused(not_found)."""
    found = book.records_of(CreditRequest, "request_id", request_id)
    if not found:
        raise Refused(Code.NOT_FOUND, "There is no such request here.")
    return found[0]


def visible_request(book: Book, request_id: int, actor: int, *, is_admin: bool) -> CreditRequest:
    """Return a request to those it concerns: its asker, who was asked or has pledged, the asker's leads, admins.

    Raises Refused(not_found) for all others.
    """
    request = found_request(book, request_id)
    has_part = any(each.member_id == actor for each in book.records_of(Pledge, "request_id", request_id))
    led = {seat.team_id for seat in book.seats_of(actor) if seat.is_lead}
    leads = led & {seat.team_id for seat in book.seats_of(request.asker_id)}
    if not (is_admin or has_part or leads or actor == request.asker_id):
        raise Refused(Code.NOT_FOUND, "There is no such request here.")
    return request


def check_open(book: Book, request: CreditRequest) -> None:
    """Raise Refused(request_not_open) with its state, once it is closed or its time is over."""
    state = request.state_at(book.now)
    if state is not RequestState.OPEN:
        raise Refused(Code.REQUEST_NOT_OPEN, f"This request is {state.value}.", state=state.value)


def check_asker(request: CreditRequest, actor: int) -> None:
    if actor != request.asker_id:
        raise Refused(Code.NOT_ALLOWED, "Only whoever made the request can do that.")


def close(book: Book, request: CreditRequest, state: RequestState, *, given: Credits = ZERO) -> None:
    """Close a request; open pledges that became no gift are free, and their pledgers are told so."""
    name = asker_name(book, request)
    for pledge in book.records_of(Pledge, "request_id", request.request_id):
        if pledge.amount and pledge.gift_id is None:
            book.put(replace(pledge, amount=ZERO, changed_at=book.now))
            body = {"by": name, "amount": str(pledge.amount), "state": state.value}
            book.tell(wallet_of(pledge.member_id), "pledge_freed", body=body)
    book.put(replace(request, state=state, given=given, open_asker_id=None, closed_at=book.now))


def asker_name(book: Book, request: CreditRequest) -> str:
    asker = book.member(request.asker_id)
    return "Somebody" if asker is None else asker.name


def _asker(book: Book, member_id: int) -> Member:
    asker = book.member(member_id)
    if asker is None or asker.has_left or asker.kind != "person":
        raise Refused(Code.NOT_ALLOWED, "Only people who are here can ask for credits.")
    if asker.is_frozen:
        raise Refused(Code.ACCOUNT_FROZEN, "Your wallet is frozen. Ask an admin to unfreeze it.")
    return asker


def _check_asked(book: Book, asker: int, member_id: int) -> None:
    if member_id == asker:
        raise Refused(Code.SELF_GIFT, "That is you. Ask somebody else.")
    member = book.member(member_id)
    if member is None or member.has_left:
        raise Refused(Code.UNKNOWN_MEMBER, "There is no such member here.", field="to")
    if member.kind != "person":
        raise Refused(Code.RECIPIENT_IS_BOT, f"{member.name} is a {member.kind}; ask people.")
