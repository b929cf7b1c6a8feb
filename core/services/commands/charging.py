"""A usage event is paid: from the member's wallet and, after it, from the pools of their teams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from core.ledger.accounts import AccountKind, account_id, pool_of, wallet_of
from core.ledger.book import Book
from core.ledger.commands import SYSTEM, Needs
from core.ledger.credits import MAX_TRANSFER, Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import spending_order
from core.ledger.positions import Position, Slice, draw, held
from core.ledger.transfers import Move, TransferKind
from core.metering.usage import Rating, Usage
from core.services.commands.base import digest_of

_MAX_KEY: Final = 255


@dataclass(frozen=True, slots=True)
class Charge:
    """Pay one usage event (S4). Its key is (source, id): the same event is charged once, whoever brings it.

    ``subject`` is whom the event itself names; ``member_id`` is who pays. Only what the event says is its
    content: not the member an import chose for it, and not the price, for the past is never re-priced (S3).
    """

    org_id: int
    member_id: int
    source: str
    event_id: str
    subject: str
    usage: Usage
    rating: Rating
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        """``usage:<source>:<id>``; a digest of both where that is no key (too long, not printable ASCII), or
        where a colon in the id would let two events share one."""
        plain = f"usage:{self.source}:{self.event_id}"
        if len(plain) <= _MAX_KEY and plain.isascii() and plain.isprintable() and ":" not in self.event_id:
            return plain
        return f"usage-digest:{digest_of(self.source, self.event_id).hex()}"

    @property
    def digest(self) -> bytes:
        said = (self.source, self.event_id, self.subject, self.usage.model)
        tier = () if self.usage.tier is None else (self.usage.tier,)
        return digest_of("charge", *said, *self.usage.counts().values(), *tier)

    @property
    def needs(self) -> Needs:
        payer = (self.member_id,)
        return Needs(members=payer, positions=(wallet_of(self.member_id),), seats_of=payer, pools_of=payer)

    def decide(self, book: Book) -> None:
        """Refuse, or draw the wallet in spending order and then each team's pool (L4).

        Raises Refused: unknown_member, account_frozen, invalid_request (past the largest transfer),
        insufficient_credits, too_many_lots.
        """
        self._refuse_who_cannot_pay(book)
        if self.rating.amount > MAX_TRANSFER:
            raise Refused(Code.INVALID_REQUEST, f"One request cannot cost more than {MAX_TRANSFER.shown()} cr.")
        moves = self._moves(book)

        transfer_id = book.post(TransferKind.CHARGE, moves)
        book.record_usage(transfer_id, self._facts())

    def _refuse_who_cannot_pay(self, book: Book) -> None:
        member = book.member(self.member_id)
        if member is None or member.has_left:
            raise Refused(Code.UNKNOWN_MEMBER, "There is no such member here, or they have left.")
        if member.is_frozen:
            raise Refused(Code.ACCOUNT_FROZEN, f"{member.name}'s wallet is frozen. Ask an admin to unfreeze it.")

    def _moves(self, book: Book) -> tuple[Move, ...]:
        """Return what each account gives, in the order of the draw; together exactly the amount."""
        purses = [(account, _usable(book, account)) for account in self._accounts(book)]
        spendable = Credits(sum(held(positions).micros for _, positions in purses))
        if spendable < self.rating.amount:
            raise Refused(
                Code.INSUFFICIENT_CREDITS,
                f"This costs {self.rating.amount.shown()} cr, but only {spendable.shown()} cr can be spent.",
                needed=str(self.rating.amount),
                spendable=str(spendable),
            )
        consumed = account_id(self.org_id, AccountKind.CONSUMED)
        missing, moves = self.rating.amount, []
        drawn: list[Slice] = []
        for account, positions in purses:
            taken = min(held(positions), missing)
            if slices := draw(positions, taken, spending_order, drawn=drawn):
                moves.append(Move(account, consumed, slices))
            drawn.extend(slices)
            missing -= taken
        return tuple(moves)

    def _accounts(self, book: Book) -> Iterator[int]:
        """Yield the wallet, then the pools of the member's teams, the oldest team first."""
        yield wallet_of(self.member_id)
        for seat in sorted(book.seats.get(self.member_id, ()), key=lambda seat: seat.team_id):
            yield pool_of(seat.team_id)

    def _facts(self) -> tuple[object, ...]:
        """Return what is stored of the event, in the order of its columns."""
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
        )


def _usable(book: Book, account: int) -> list[Position]:
    """L5: what has expired is unusable, whether or not the job has run."""
    return [position for position in book.held_by(account) if not position.lot.expired(book.now)]
