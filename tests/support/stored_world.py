"""A stored ledger, on either database, for the random ledger test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from sqlalchemy import text

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Refused
from core.policy.limits import Policy
from core.services.common.ledger_service import LedgerService
from core.services.gifts import settlement
from core.services.grants import expiry
from core.services.usage.hold_commands import HoldTimeout
from core.services.wallet import balances
from core.store.engine import reading, writing
from core.store.queries import organizations, people
from core.store.queries.organizations import OrganizationRecord, TeamRecord
from core.store.queries.people import MemberRecord
from core.store.records import model_of, values_of
from core.store.timestamps import from_micros, to_micros
from tests.model.model import Shown
from tests.support.builders import an_actor
from tests.support.clock import START, SettableClock
from tests.support.fixtures import PEOPLE, Holdings
from tests.support.spending_limits import TEAMS, drops_of, records_of


class StoredWorld:
    """A new organization in an open ledger, on either database; commands go through the journal."""

    def __init__(self, ledger: LedgerService, clock: SettableClock) -> None:
        self._ledger = ledger
        self.clock = clock
        clock.now = START
        self.org_id = ledger.new_id()
        self.ids = {name: ledger.new_id() for name in (*TEAMS, *PEOPLE)}
        now = clock()
        with writing(ledger.engine) as connection:
            organizations.add_organization(
                connection, OrganizationRecord(self.org_id, "Acme", None, now), policy=Policy().body()
            )
            for team in TEAMS:
                organizations.add_team(connection, TeamRecord(self.org_id, self.ids[team], team, now))
            for name, person in PEOPLE.items():
                number, verified_at = self.ids[name], now if person.verified else None
                record = MemberRecord(
                    self.org_id, number, name, "person", "member", joined_at=now, verified_at=verified_at
                )
                people.add_member(connection, record)
                organizations.add_team_member(
                    connection,
                    org_id=self.org_id,
                    team_id=self.ids[person.team],
                    member_id=number,
                    is_lead=person.leads,
                )
            for term in records_of(self.org_id, self.ids, now):
                table = model_of(type(term)).__table__  # type: ignore[attr-defined]
                connection.execute(table.insert().values(**values_of(term)))
        assert not any(isinstance(each, Refused) for each in self.execute(drops_of(self.org_id, self.ids, now)))

    def execute(self, commands: Sequence[Command]) -> list[Receipt | Refused]:
        return [answer_of(future) for future in [self._ledger.journal.submit(command) for command in commands]]

    def settle_due(self) -> None:
        asyncio.run(settlement.settle_due(self._ledger))
        asyncio.run(settlement.return_stranded(self._ledger))

    def expire_due(self) -> None:
        asyncio.run(expiry.expire_due(self._ledger))

    def free_due(self) -> None:
        query = "SELECT hold_id FROM hold WHERE org_id = :org AND state = 'open' AND deadline_at <= :now"
        due = self._rows(query, now=to_micros(self.clock()))
        self.execute([HoldTimeout(self.org_id, number) for (number,) in due])

    def holds(self) -> dict[int, tuple[Any, ...]]:
        query = "SELECT hold_id, state, amount, allowance, charged, overage, is_late FROM hold WHERE org_id = :org"
        return {number: (*facts, bool(is_late)) for number, *facts, is_late in self._rows(query)}

    def events(self) -> dict[int, tuple[int, int, int]]:
        query = """SELECT transfer_id, amount, coalesce(allowance, 0), coalesce(overage, 0) FROM usage_event
                   WHERE org_id = :org"""
        return {number: (amount, included, owed) for number, amount, included, owed in self._rows(query)}

    def windows(self) -> dict[tuple[int, str, datetime], int]:
        rows = self._rows("SELECT member_id, meter, opens_at, used FROM usage_window WHERE org_id = :org")
        return {(member, meter, from_micros(opens_at)): used for member, meter, opens_at, used in rows if used}

    def debts(self) -> dict[int, int]:
        rows = self._rows("SELECT cause_id, amount - repaid FROM obligation WHERE org_id = :org")
        return dict(rows)

    def shown_to(self, name: str) -> Shown:
        actor = an_actor(self.ids[name], org_id=self.org_id)
        shown = asyncio.run(balances.balance(self._ledger, actor=actor))
        left = None if shown.gift_limit_left is None else shown.gift_limit_left.micros
        return Shown(
            spendable=shown.spendable.micros,
            available=shown.available.micros,
            pool=shown.pool.micros,
            giftable=shown.giftable.micros,
            held_gifts=shown.held_gifts.micros,
            held_usage=shown.held_usage.micros,
            owed=shown.owed.micros,
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

    def _rows(self, query: str, **values: int) -> list[Any]:
        with reading(self._ledger.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query), {"org": self.org_id, **values})]


def answer_of(future: Future[Receipt]) -> Receipt | Refused:
    try:
        return future.result(timeout=30)
    except Refused as refused:
        return refused
