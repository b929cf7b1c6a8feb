"""Two places where the real commands can be carried out: the pure working state alone, and a stored ledger.

Both begin with the people of ``PEOPLE`` and answer the same questions, so that one random test runs on both.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import text

from core.ledger.accounts import AccountKind, account_id, wallet_of
from core.ledger.book import Book, Given
from core.ledger.commands import Command, Receipt
from core.ledger.credits import total
from core.ledger.errors import Code, Refused
from core.ledger.gifts import OPEN, GiftState
from core.ledger.members import Member, TeamSeat
from core.policy.limits import Policy
from core.services import balances, settlement
from core.services.commands.expiring import Expire
from core.services.commands.settling import Settle
from core.services.ledger import Ledger
from core.store import groups, people
from core.store.engine import reading, writing
from core.store.groups import OrganisationRecord, TeamRecord
from core.store.instants import from_micros
from core.store.people import MemberRecord
from tests.support.builders import an_actor
from tests.support.clock import START, SettableClock
from tests.support.model import Person, Shown

TEAMS = ("red", "blue")
PEOPLE = {
    "ada": Person("red", leads=True),
    "bo": Person("red"),
    "cy": Person("red"),
    "di": Person("blue", leads=True),
    "ed": Person("blue", verified=False),
}
DAY = timedelta(days=1)
Holdings = dict[tuple[int, int], int]


class World(Protocol):
    """Where commands take effect, and the present there."""

    clock: SettableClock
    org_id: int
    ids: dict[str, int]

    def execute(self, commands: Sequence[Command]) -> list[Receipt | Refused]:
        """Hand in commands together and return each one's answer."""

    def settle_due(self) -> None:
        """Settle every gift that is due, and give back what a rule sends back."""

    def expire_due(self) -> None:
        """Book what has lapsed, and give back the gifts that hold any of it."""

    def holdings(self) -> Holdings:
        """What each wallet, pool and escrow holds of each lot."""

    def debts(self) -> dict[int, int]:
        """What is still owed of each gift that was clawed back in part."""

    def shown_to(self, name: str) -> Shown | None:
        """What a person is shown of their credits; None where nothing is shown."""

    def lines(self) -> list[tuple[int, int, int, int]]:
        """Every entry: transfer, account, lot and amount."""

    def gifts(self) -> dict[int, tuple[str, datetime]]:
        """The state of each gift, and when it settles."""


class PureWorld:
    """The working state of one endless batch: no store, no journal, every account locked."""

    def __init__(self) -> None:
        self.clock = clock = SettableClock()
        self._numbers = itertools.count(1000)
        self._keys: dict[tuple[int, str], tuple[bytes, Receipt]] = {}
        self.org_id = 1
        self.ids = {name: number for number, name in enumerate((*TEAMS, *PEOPLE), start=11)}
        self._book = Book(clock(), lambda: next(self._numbers))
        for name, person in PEOPLE.items():
            number, verified_at = self.ids[name], clock() if person.verified else None
            self._book.members[number] = Member(
                number, 1, name, "person", "member", verified_at, clock(), frozen_at=None, deactivated_at=None
            )
            self._book.seats[number] = (TeamSeat(self.ids[person.team], person.leads),)
        kinds = (AccountKind.WALLET, AccountKind.POOL, AccountKind.ESCROW)
        for account in itertools.starmap(account_id, itertools.product(self.ids.values(), kinds)):
            self._book.positions[account] = {}
            self._book.locked.add((1, account))

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
        try:
            command.decide(self._book)
        except Refused as refused:
            self._book.rollback()
            return refused
        self._keys[key] = command.digest, Receipt(own_ids[0], command.count, replayed=False)
        return self._keys[key][1]

    def _given(self, sender: int) -> Given:
        counted = [
            gift
            for gift in self._book.gifts.values()
            if gift.sender_account == wallet_of(sender)
            and gift.state in OPEN | {GiftState.SETTLED}
            and gift.created_at > self._book.now - DAY
        ]
        pairs = Counter(gift.recipient_account for gift in counted)
        return Given(len(counted), total(gift.amount for gift in counted), pairs)

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
        lapsed = [(account, lot) for account, lot in self.holdings() if self._book.lots[lot].expired(now)]
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


class StoredWorld:
    """A new organisation in an open ledger, on either database; commands go through the journal."""

    def __init__(self, ledger: Ledger, clock: SettableClock) -> None:
        self._ledger = ledger
        self.clock = clock
        clock.now = START
        self.org_id = ledger.new_id()
        self.ids = {name: ledger.new_id() for name in (*TEAMS, *PEOPLE)}
        now = clock()
        with writing(ledger.engine) as connection:
            groups.add_organisation(
                connection, OrganisationRecord(self.org_id, "Acme", None, now), policy=Policy().body()
            )
            for team in TEAMS:
                groups.add_team(connection, TeamRecord(self.org_id, self.ids[team], team, now))
            for name, person in PEOPLE.items():
                number, verified_at = self.ids[name], now if person.verified else None
                record = MemberRecord(
                    self.org_id, number, name, "person", "member", joined_at=now, verified_at=verified_at
                )
                people.add_member(connection, record)
                groups.seat(
                    connection,
                    org_id=self.org_id,
                    team_id=self.ids[person.team],
                    member_id=number,
                    is_lead=person.leads,
                )

    def execute(self, commands: Sequence[Command]) -> list[Receipt | Refused]:
        return [answer_of(future) for future in [self._ledger.journal.submit(command) for command in commands]]

    def settle_due(self) -> None:
        asyncio.run(settlement.settle_due(self._ledger))
        asyncio.run(settlement.return_stranded(self._ledger))

    def expire_due(self) -> None:
        asyncio.run(settlement.expire_due(self._ledger))

    def debts(self) -> dict[int, int]:
        rows = self._rows("SELECT cause_id, amount - repaid FROM obligation WHERE org_id = :org")
        return dict(rows)

    def shown_to(self, name: str) -> Shown:
        actor = an_actor(self.ids[name], org_id=self.org_id)
        shown = asyncio.run(balances.balance(self._ledger, actor=actor))
        left = None if shown.gift_limit_left is None else shown.gift_limit_left.micros
        return Shown(
            available=shown.available.micros,
            pool=shown.pool.micros,
            giftable=shown.giftable.micros,
            held=shown.held_gifts.micros,
            incoming=shown.incoming.micros,
            limit_left=left,
        )

    def holdings(self) -> Holdings:
        rows = self._rows("SELECT account_id, lot_id, remaining FROM position WHERE org_id = :org")
        return {(account, lot): remaining for account, lot, remaining in rows}

    def lines(self) -> list[tuple[int, int, int, int]]:
        return self._rows("SELECT transfer_id, account_id, lot_id, amount FROM entry WHERE org_id = :org")

    def gifts(self) -> dict[int, tuple[str, datetime]]:
        rows = self._rows("SELECT gift_id, state, settles_at FROM gift WHERE org_id = :org")
        return {number: (state, from_micros(settles_at)) for number, state, settles_at in rows}

    def _rows(self, query: str) -> list[Any]:
        with reading(self._ledger.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query), {"org": self.org_id})]


def answer_of(future: Future[Receipt]) -> Receipt | Refused:
    try:
        return future.result(timeout=30)
    except Refused as refused:
        return refused
