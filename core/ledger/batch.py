"""The working state of a batch: what was read under the locks, and the effects written so far.

Decisions see and change it in turn; a refused one is rolled back and leaves no trace, so that a refusal does
not disturb its neighbours (L7). It knows nothing of how effects are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from core.ledger.accounts import is_stored, owner_of, wallet_of
from core.ledger.batch_cache import BatchCache
from core.ledger.credits import Credits
from core.ledger.daily_giving import COUNTED, GIVEN_WINDOW, CountedGift, DailyGiving
from core.ledger.errors import Code, Refused
from core.ledger.gifts import OPEN, Gift, GiftState
from core.ledger.lots import Lot
from core.ledger.members import Debt, Member, TeamSeat
from core.ledger.positions import Position, Slice
from core.ledger.records import Record
from core.ledger.transfers import Entry, Move, TransferKind, entries_of

Kept = TypeVar("Kept", bound=Record)


class NotLocked(Exception):  # noqa: N818  (a detour, not a failure)
    """A decision turned out to need an account that is not locked; it goes to the next batch (L7)."""


class Posting(NamedTuple):
    """A transfer to be appended, with its lines and the free text that came with it."""

    transfer_id: int
    org_id: int
    kind: TransferKind
    at: datetime
    actor_id: int
    cause_id: int | None
    settles_at: datetime | None
    entries: tuple[Entry, ...]
    note: str | None


class WindowPosting(NamedTuple):
    """What a transfer adds to a window of an allowance or a cap, or gives back (S6)."""

    org_id: int
    transfer_id: int
    member_id: int
    meter: str
    opens_at: datetime
    closes_at: datetime
    amount: Credits


class Notice(NamedTuple):
    """Something a person is told because of what was decided."""

    org_id: int
    member_id: int
    kind: str
    gift_id: int | None
    body: Mapping[str, Any]
    for_editor: bool
    in_slack: bool


@dataclass(slots=True)
class Effects:
    """Everything a batch appends or changes, in the order it was decided."""

    postings: list[Posting] = field(default_factory=list)
    lots: list[tuple[int, Lot]] = field(default_factory=list)
    gifts: list[tuple[Gift, Mapping[str, Any]]] = field(default_factory=list)
    gift_changes: list[Gift] = field(default_factory=list)
    member_changes: list[Member] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    deliveries: list[Gift] = field(default_factory=list)
    debts: list[tuple[int, Debt]] = field(default_factory=list)
    debt_changes: list[tuple[int, Debt]] = field(default_factory=list)
    usage: list[tuple[int, int, tuple[Any, ...]]] = field(default_factory=list)
    revoked: list[tuple[int, int]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    windows: list[WindowPosting] = field(default_factory=list)

    _all: tuple[list[Any], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._all = _all_of(self)

    def marks(self) -> tuple[int, ...]:
        """Return how far each list goes, to cut them there again."""
        return tuple(map(len, self._all))

    def since(self, marks: tuple[int, ...]) -> Effects:
        """Return what was added since then."""
        if not any(marks):
            return self
        return Effects(*[effects[mark:] for effects, mark in zip(self._all, marks, strict=True)])

    def cut(self, marks: tuple[int, ...]) -> None:
        for effects, mark in zip(self._all, marks, strict=True):
            del effects[mark:]


_all_of: Final = attrgetter(*(each.name for each in fields(Effects) if each.init))


class BatchState:
    """Facts and effects of one batch. ``now`` is taken once, after the locks (G2)."""

    def __init__(self, now: datetime, new_id: Callable[[], int], facts: BatchCache | None = None) -> None:
        """``facts`` are those known already; what a batch reads, and what it changes, is kept there."""
        self.now = now
        self.effects = Effects()
        self.facts = BatchCache() if facts is None else facts
        self.lots = self.facts.lots
        self.members = self.facts.members
        self.positions = self.facts.positions
        self.seats = self.facts.seats
        self.policies = self.facts.policies
        self.records = self.facts.records
        self.locked: set[tuple[int, int]] = set()
        self.gifts: dict[int, Gift] = {}
        self.given: dict[int, DailyGiving] = {}
        self.debts: dict[int, tuple[Debt, ...]] = {}
        self.draws: dict[int, tuple[tuple[int, tuple[Slice, ...]], ...]] = {}  # of holds: (source, slices)
        self.reserved: dict[int, tuple[WindowPosting, ...]] = {}  # by holds
        self.new_id = new_id
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._marks = self.effects.marks()
        self._org_id = 0
        self._actor_id = 0
        self._own_ids: Iterator[int] = iter(())

    # One command at a time.

    def begin(self, org_id: int, actor_id: int, own_ids: Iterable[int]) -> None:
        """Start a command: what is written from here on is in its name, and can be rolled back."""
        self._undo.clear()
        self._marks = self.effects.marks()
        self._org_id, self._actor_id = org_id, actor_id
        self._own_ids = iter(own_ids)

    def rollback(self) -> None:
        """Forget everything since ``begin``."""
        for table, key, old in reversed(self._undo):
            if old is None:
                table.pop(key, None)
            else:
                table[key] = old
        self._undo.clear()
        self.effects.cut(self._marks)

    def _set(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((table, key, table.get(key)))
        table[key] = value

    # What decisions ask.

    @property
    def org_id(self) -> int:
        """The organization of the command at hand."""
        return self._org_id

    def is_locked(self, account: int) -> bool:
        return (self._org_id, account) in self.locked

    def member(self, member_id: int) -> Member | None:
        """Return a member of the command's organization, or None for anybody else."""
        member = self.members.get(member_id)
        return member if member is not None and member.org_id == self._org_id else None

    def seats_of(self, member_id: int) -> tuple[TeamSeat, ...]:
        """Return the teams of a member of the command's organization."""
        return self.seats.get((self._org_id, member_id), ())

    def gift(self, gift_id: int) -> Gift:
        """Return a gift of the command's organization. Raises Refused(not_found)."""
        gift = self.gifts.get(gift_id)
        if gift is None or gift.org_id != self._org_id:
            raise Refused(Code.NOT_FOUND, "Gift not found.")
        return gift

    def held_by(self, account: int) -> list[Position]:
        """Return the positions of an account that was locked and read. Raises NotLocked otherwise."""
        if not self.is_locked(account) or account not in self.positions:
            raise NotLocked(account)
        return list(self.positions[account].values())

    def surely_holds(self, account: int, lot_id: int) -> bool:
        """Return whether it is known that the position is not empty now."""
        position = self.positions.get(account, {}).get(lot_id)
        return position is not None and bool(position.remaining)

    def records_of(self, kind: type[Kept], column: str, value: int | str) -> list[Kept]:
        """Return the records that a command wished for, as they are by now. Raises NotLocked for others."""
        return self.filed(kind, column, self._org_id, value)

    def filed(self, kind: type[Kept], column: str, org_id: int, value: int | str) -> list[Kept]:
        """Return the records of an organization. Raises NotLocked for those that nobody wished for."""
        filed: Any = self.records.get((kind, column), {})
        if (found := filed.get((org_id, value))) is None:
            raise NotLocked(value)
        return list(found.values())

    # What decisions write.

    def next_id(self) -> int:
        """Return the next id of the command: first its own, which follow one another, then fresh ones."""
        return next(self._own_ids, None) or self.new_id()

    def post(
        self,
        kind: TransferKind,
        moves: Iterable[Move] = (),
        *,
        cause_id: int | None = None,
        settles_at: datetime | None = None,
        note: str | None = None,
        transfer_id: int | None = None,
    ) -> int:
        """Append a transfer and return its id. Raises ValueError when a position would fall below zero (L2)."""
        number = transfer_id or self.next_id()
        moves = tuple(moves)
        for move in moves:
            self._apply(move)
        entries = entries_of(kind, moves)
        self.effects.postings.append(
            Posting(number, self._org_id, kind, self.now, self._actor_id, cause_id, settles_at, entries, note)
        )
        return number

    def _apply(self, move: Move) -> None:
        taken, given = self.positions.get(move.source), self.positions.get(move.target)
        for part in move.slices:
            self.lots[part.lot.lot_id] = part.lot
            if taken is not None:
                self._add(taken, part.lot, -part.amount)
            if given is not None:
                self._add(given, part.lot, part.amount)

    def _add(self, positions: dict[int, Position], lot: Lot, amount: Credits) -> None:
        before = positions.get(lot.lot_id)
        self._set(positions, lot.lot_id, Position(lot, amount if before is None else before.remaining + amount))

    def add_lot(self, lot: Lot) -> None:
        self.effects.lots.append((self._org_id, lot))

    def open_gift(self, gift: Gift, decision: Mapping[str, Any]) -> None:
        """Write a new gift; it counts toward what its sender gave today."""
        self._set(self.gifts, gift.gift_id, gift)
        self._count(gift, opened=True)
        self.effects.gifts.append((gift, decision))

    def change_gift(self, gift: Gift, state: GiftState, settles_at: datetime | None = None) -> Gift:
        """Write a gift's new state and return the gift."""
        changed = gift._replace(state=state, settles_at=settles_at or gift.settles_at)
        self._set(self.gifts, gift.gift_id, changed)
        if state not in COUNTED:
            self._count(gift, opened=False)
        self.effects.gift_changes.append(changed)
        return changed

    def count_given(self, members: Iterable[tuple[int, int]]) -> None:
        """Count what the members (organization, id) gave in the last day, where single gifts are known."""
        for key in members:
            if (gifts := self.facts.given.get(key)) is not None:
                self.given[key[1]] = DailyGiving.after(self.now - GIVEN_WINDOW, filter(None, gifts.values()))

    def _count(self, gift: Gift, *, opened: bool) -> None:
        """Keep what was given in the last day up to date; a gift made before it was never counted."""
        sender = owner_of(gift.sender_account)
        gifts = self.facts.given.get((gift.org_id, sender))
        if gifts is not None and (opened or gift.gift_id in gifts):
            counted = CountedGift(gift.created_at, gift.recipient_account, gift.amount)
            self._set(gifts, gift.gift_id, counted if opened else None)
        if gift.created_at <= self.now - GIVEN_WINDOW:
            return
        if (given := self.given.get(sender)) is not None:
            step = given.plus if opened else given.minus
            self._set(self.given, sender, step(gift.recipient_account, gift.amount))

    def change_member(self, member: Member) -> None:
        self._set(self.members, member.member_id, member)
        self.effects.member_changes.append(member)

    def deliver(self, gift: Gift) -> None:
        """Send a settled gift on its way to another organization (L9)."""
        self.effects.deliveries.append(gift)

    def open_debt(self, debt: Debt) -> None:
        """Write what is still owed after a claw-back (G6); a grant in the same batch already repays it."""
        others = self.debts.get(debt.debtor_account, ())
        self._set(self.debts, debt.debtor_account, (*others, debt))
        self.effects.debts.append((self._org_id, debt))

    def repay(self, debt: Debt, amount: Credits) -> None:
        """Write that a part of a debt was repaid."""
        self._change_debt(debt, replace(debt, repaid=debt.repaid + amount))

    def cancel_debt(self, debt: Debt, amount: Credits) -> None:
        """Write that a part of a debt is no longer owed: what it was for is given back."""
        self._change_debt(debt, replace(debt, cancelled=debt.cancelled + amount))

    def _change_debt(self, debt: Debt, changed: Debt) -> None:
        others = self.debts.get(debt.debtor_account, ())
        self._set(self.debts, debt.debtor_account, tuple(changed if each == debt else each for each in others))
        self.effects.debt_changes.append((self._org_id, changed))

    def open_gifts_from(self, account: int) -> list[Gift]:
        """Return the open gifts that an account sent, as far as they were read, oldest first."""
        sent = (gift for gift in self.gifts.values() if gift.sender_account == account and gift.state in OPEN)
        return sorted(sent, key=lambda gift: gift.gift_id)

    def put(self, record: Record) -> None:
        """Write a record in the place of the one with its key, or as a new one."""
        for (kind, column), filed in self.records.items():
            if type(record) is kind and (found := filed.get((record.org_id, getattr(record, column)))) is not None:
                self._set(found, record.key, record)
        self.effects.records.append(record)

    def post_window(
        self, transfer_id: int, member_id: int, meter: str, span: tuple[datetime, datetime], amount: Credits
    ) -> None:
        """Append what a transfer adds to a window; the window's own record is put beside it."""
        self.effects.windows.append(WindowPosting(self._org_id, transfer_id, member_id, meter, *span, amount))

    def revoke_tokens(self, member_id: int) -> None:
        self.effects.revoked.append((self._org_id, member_id))

    def record_usage(self, transfer_id: int, facts: tuple[Any, ...]) -> None:
        """Keep what a charge was for beside it: the stored facts of a usage event, after its two ids."""
        self.effects.usage.append((self._org_id, transfer_id, facts))

    def add_notice(
        self,
        account: int,
        kind: str,
        *,
        gift_id: int | None = None,
        body: Mapping[str, Any] | None = None,
        for_editor: bool = False,
    ) -> None:
        """Tell the owner of a wallet something; a pool has nobody to tell.

        What only Slack would say is left unsaid to people who are not there.
        """
        owner = owner_of(account)
        if account != wallet_of(owner):
            return
        member = self.members.get(owner)
        in_slack = member is None or member.is_in_slack
        if in_slack or for_editor:
            said = body or {}
            self.effects.notices.append(Notice(self._org_id, owner, kind, gift_id, said, for_editor, in_slack))


def deltas(postings: Iterable[Posting]) -> dict[tuple[int, int, int], int]:
    """Return the net change of each stored position, in micro-credits: (org, account, lot) to amount.

    House accounts have no stored position (L2). What nets to nothing is left out.
    """
    changes: dict[tuple[int, int, int], int] = {}
    for posting in postings:
        org = posting.org_id
        for account, lot_id, amount in posting.entries:
            if is_stored(account):
                key = (org, account, lot_id)
                changes[key] = changes.get(key, 0) + amount.micros
    return {key: change for key, change in changes.items() if change}
