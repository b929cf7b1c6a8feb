"""What each account of the model holds of each lot: granted, drawn in order, moved, lapsed, repaid."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from tests.model import rules
from tests.model.values import BREAKAGE, ISSUANCE, Account, Debt, Lot, Part, Person, Refusal


@dataclass
class Holdings:
    """Who there is, and what they hold."""

    people: dict[str, Person]
    lots: list[Lot] = field(default_factory=list)
    held: defaultdict[tuple[Account, int], int] = field(default_factory=lambda: defaultdict(int))
    debts: dict[tuple[str, int], Debt] = field(default_factory=dict)  # by the gift clawed back, or the event

    def grant(
        self, now: datetime, account: Account, amount: int, source: str, expires_at: datetime, priority: int
    ) -> list[int]:
        if expires_at <= now:
            raise Refusal("invalid_request")
        if account[0] == "wallet" and self.people[account[1]].left:
            raise Refusal("unknown_member")
        self.lots.append(Lot(source, expires_at, priority, now))
        number = len(self.lots) - 1
        self._move(ISSUANCE, account, [(number, amount)])
        if rules.repays(source):
            self._repay(account, number, amount)
        return [number]

    def _repay(self, account: Account, lot: int, amount: int) -> None:
        """G6, S2: what is owed is repaid from the next grant that is no present, the oldest debt first."""
        for debt in self.debts.values():
            if debt.debtor == account:
                paid = min(debt.left, amount)
                self._move(account, debt.creditor, [(lot, paid)])
                debt.left -= paid
                amount -= paid

    def usable_amount(self, account: Account, now: datetime) -> int:
        return sum(self.held[account, lot] for lot in self._usable(account, now))

    def holdings(self) -> dict[tuple[Account, int], int]:
        """What each wallet, pool and escrow holds of each lot, without what is nothing."""
        return {key: amount for key, amount in self.held.items() if amount and key[0][0] != "org"}

    def _usable(self, account: Account, now: datetime) -> list[int]:
        found = [lot for (holder, lot), amount in self.held.items() if holder == account and amount]
        return [lot for lot in found if not rules.is_expired(self.lots[lot].expires_at, now)]

    def _spending(self, lot: int) -> tuple[object, ...]:
        facts = self.lots[lot]
        return rules.spending_key(
            lot,
            priority=facts.priority,
            expires_at=facts.expires_at,
            source=facts.source,
            granted_at=facts.granted_at,
        )

    def _draw(self, account: Account, lots: list[int], amount: int) -> list[Part]:
        parts = []
        for lot in lots:
            taken = min(self.held[account, lot], amount)
            amount -= taken
            if taken:
                parts.append((lot, taken))
        assert amount == 0
        return parts

    def _move(self, source: Account, target: Account, parts: list[Part]) -> None:
        for lot, amount in parts:
            self.held[source, lot] -= amount
            self.held[target, lot] += amount
            assert source[0] == "org" or self.held[source, lot] >= 0

    def _lapse(self, account: Account, lot: int, amount: int, now: datetime) -> None:
        if rules.is_expired(self.lots[lot].expires_at, now):
            self._move(account, BREAKAGE, [(lot, amount)])
