"""The decisions alone, on the pure working state, for the random ledger test."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from core.ledger.accounts import AccountKind, account_id, kind_of, pool_of, wallet_of
from core.ledger.batch import BatchState, WindowPosting
from core.ledger.commands import Command, Receipt
from core.ledger.credits import ZERO, total
from core.ledger.daily_giving import DailyGiving
from core.ledger.errors import Code, Refused
from core.ledger.gifts import OPEN, GiftState
from core.ledger.members import Member, TeamSeat
from core.ledger.positions import Slice
from core.metering.allowances import UsageWindow
from core.metering.holds import Hold
from core.services.gifts.settlement_commands import Settle
from core.services.grants.expiry_commands import Expire
from core.services.usage.hold_commands import Authorize, HoldTimeout
from tests.support.clock import SettableClock
from tests.support.fixtures import DAY, PEOPLE, USAGE_COLUMNS, Holdings
from tests.support.spending import know_spending
from tests.support.spending_limits import TEAMS, drops_of, records_of


class PureWorld:
    """The working state of one endless batch: no store, no journal, every account locked."""

    def __init__(self) -> None:
        self.clock = clock = SettableClock()
        self._numbers = itertools.count(1000)
        self._keys: dict[tuple[int, str], tuple[bytes, Receipt]] = {}
        self.org_id = 1
        self.ids = {name: number for number, name in enumerate((*TEAMS, *PEOPLE), start=11)}
        self._book = BatchState(clock(), lambda: next(self._numbers))
        for name, person in PEOPLE.items():
            number, verified_at = self.ids[name], clock() if person.verified else None
            self._book.members[number] = Member(
                number, 1, name, "person", "member", verified_at, clock(), frozen_at=None, deactivated_at=None
            )
            self._book.seats[1, number] = (TeamSeat(self.ids[person.team], person.leads),)
        kinds = (AccountKind.WALLET, AccountKind.POOL, AccountKind.ESCROW)
        for account in itertools.starmap(account_id, itertools.product(self.ids.values(), kinds)):
            self._book.positions[account] = {}
            self._book.locked.add((1, account))
        teams = {self.ids[name]: (self.ids[person.team],) for name, person in PEOPLE.items()}
        know_spending(self._book, 1, teams, records_of(1, self.ids, clock()))
        self._book.records[Hold, "hold_id"] = {}
        self._reserved: defaultdict[int, list[WindowPosting]] = defaultdict(list)
        self._book.locked.add((1, pool_of(1)))
        assert not any(isinstance(each, Refused) for each in self.execute(drops_of(1, self.ids, clock())))

    def execute(self, commands: Sequence[Command]) -> list[Receipt | Refused]:
        return [self._execute(command) for command in commands]

    def _execute(self, command: Command) -> Receipt | Refused:
        key = (command.actor_id, command.key)
        if key in self._keys:
            digest, receipt = self._keys[key]
            again = Receipt(receipt.first_id, receipt.count, replayed=True)
            return again if digest == command.digest else Refused(Code.IDEMPOTENCY_CONFLICT, "Used before.")
        self._book.now = self.clock()
        self._book.given = {number: self._given(number) for number in command.needs.given_by}
        own_ids = [next(self._numbers) for _ in range(command.count)]
        self._book.begin(command.org_id, command.actor_id, own_ids)
        windows = len(self._book.effects.windows)
        try:
            result = command.decide(self._book)
        except Refused as refused:
            self._book.rollback()
            return refused
        for posting in self._book.effects.windows[windows:]:
            self._reserved[posting.transfer_id].append(posting)
        if isinstance(command, Authorize):
            self._remember(result)
        self._keys[key] = command.digest, Receipt(own_ids[0], command.count, replayed=False)
        return self._keys[key][1]

    def _remember(self, hold: Hold) -> None:
        """Know a hold as a batch reads it: its record, its draws in their order, and what it counted where."""
        batch, number = self._book, hold.hold_id
        batch.records[Hold, "hold_id"][1, number] = {hold.key: hold}
        given = [entry for entry in batch.effects.postings[-1].entries if entry.amount < ZERO]
        batch.draws[number] = tuple(
            (source, tuple(Slice(batch.lots[e.lot_id], -e.amount) for e in given if e.account_id == source))
            for source in hold.sources
        )
        batch.reserved[number] = tuple(self._reserved[number])

    def _holds(self) -> list[Hold]:
        filed = self._book.records[Hold, "hold_id"].values()
        return [cast("Hold", record) for found in filed for record in found.values()]

    def free_due(self) -> None:
        self.execute([HoldTimeout(1, hold.hold_id) for hold in self._holds() if hold.is_over(self.clock())])

    def holds(self) -> dict[int, tuple[Any, ...]]:
        return {
            hold.hold_id: (
                hold.state.value,
                hold.amount.micros,
                hold.allowance.micros,
                hold.charged.micros,
                hold.overage.micros,
                hold.is_late,
            )
            for hold in self._holds()
        }

    def events(self) -> dict[int, tuple[int, int, int]]:
        known = {number: dict(zip(USAGE_COLUMNS, facts, strict=False)) for _, number, facts in self._book.effects.usage}
        return {
            number: (each["amount"], each["allowance"] or 0, each["overage"] or 0) for number, each in known.items()
        }

    def windows(self) -> dict[tuple[int, str, datetime], int]:
        """By the records that decisions read; they are the sums of the postings."""
        filed = self._book.records[UsageWindow, "member_id"].values()
        windows = [cast("UsageWindow", record) for found in filed for record in found.values()]
        used = {(each.member_id, each.meter, each.opens_at): each.used.micros for each in windows}
        posted = Counter[tuple[int, str, datetime]]()
        for posting in self._book.effects.windows:
            posted[posting.member_id, posting.meter, posting.opens_at] += posting.amount.micros
        assert used == posted
        return {key: amount for key, amount in used.items() if amount}

    def _given(self, sender: int) -> DailyGiving:
        counted = [
            gift
            for gift in self._book.gifts.values()
            if gift.sender_account == wallet_of(sender)
            and gift.state in OPEN | {GiftState.SETTLED}
            and gift.created_at > self._book.now - DAY
        ]
        pairs = Counter(gift.recipient_account for gift in counted)
        return DailyGiving(len(counted), total(gift.amount for gift in counted), pairs)

    def settle_due(self) -> None:
        self.execute([Settle(self.org_id, number) for number in self._book.gifts])

    def expire_due(self) -> None:
        now = self.clock()
        holding = [
            number
            for number, gift in self._book.gifts.items()
            if gift.state in OPEN and any(part.lot.expired(now) for part in gift.slices)
        ]
        self.execute([Settle(self.org_id, number) for number in holding])
        own = [key for key in self.holdings() if kind_of(key[0]) is not AccountKind.ESCROW]
        lapsed = [(account, lot) for account, lot in own if self._book.lots[lot].expired(now)]
        self.execute([Expire(self.org_id, account, lot) for account, lot in lapsed])

    def holdings(self) -> Holdings:
        return {
            (account, lot): position.remaining.micros
            for account, positions in self._book.positions.items()
            for lot, position in positions.items()
            if position.remaining
        }

    def debts(self) -> dict[int, int]:
        owed = {debt.cause_id: debt for _, debt in self._book.effects.debts}
        owed |= {debt.cause_id: debt for _, debt in self._book.effects.debt_changes}
        return {number: debt.left.micros for number, debt in owed.items()}

    def shown_to(self, name: str) -> None:
        """Nothing: balances are read from a store."""

    def lines(self) -> list[tuple[int, int, int, int]]:
        return [
            (posting.transfer_id, entry.account_id, entry.lot_id, entry.amount.micros)
            for posting in self._book.effects.postings
            for entry in posting.entries
        ]

    def gifts(self) -> dict[int, tuple[str, datetime]]:
        return {number: (gift.state.value, gift.settles_at) for number, gift in self._book.gifts.items()}
