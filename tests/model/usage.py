"""Usage of the model: charged, authorized, captured, freed; paid by plan, wallet and pool (S1, S2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model import rules
from tests.model.holdings import Holdings
from tests.model.values import CONSUMED, Account, Debt, Event, Hold, Part, Refusal
from tests.model.windows import Windows
from tests.support.clock import START


@dataclass
class Usage(Holdings):
    """Holds and events, and the windows in which they are counted."""

    holds: list[Hold] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    windows: Windows = field(default_factory=lambda: Windows(START))

    def charge(self, now: datetime, actor: str, amount: int) -> list[int]:
        """S2: never refused for lack of funds; what nothing covers is owed."""
        allowance, draws = self._payment(now, actor, amount)
        self._consume(now, actor, allowance, draws)
        return self._event(now, actor, amount, allowance, amount - allowance - _sum_of(draws))

    def authorize(self, now: datetime, actor: str, amount: int, lasts: timedelta) -> list[int]:
        """S2: all of it or nothing; what is set aside lies in the escrow of each purse."""
        who = self.people[actor]
        if who.left or who.frozen:
            raise Refusal("not_allowed" if who.left else "account_frozen")
        allowance, draws = self._payment(now, actor, amount)
        if allowance + _sum_of(draws) < amount:
            raise Refusal("insufficient_credits")
        for source, parts in draws:
            self._move(source, ("escrow", source[1]), parts)
        counted = self.windows.use(actor, who.team, now, allowance, _by_purse(draws))
        self.holds.append(Hold(actor, amount, allowance, draws, counted, now + lasts))
        return [len(self.holds) - 1]

    def capture(self, now: datetime, actor: str, number: int, amount: int) -> list[int]:
        """S2, L4: from the front of the draw, the rest is freed; what exceeds it is paid like any charge. Late: all."""
        hold = self.holds[number]
        if hold.member != actor:
            raise Refusal("not_found")
        if hold.state in {"captured", "released"}:
            raise Refusal("hold_closed")
        hold.is_late = rules.is_late(hold.deadline_at, now)
        self._free_if_over(hold, now)
        covered = rules.covered_by_hold(amount, hold.allowance, late=hold.is_late)
        missing = amount - covered
        if not hold.is_late:
            missing = self._charge_draws(hold, missing, hold.allowance - covered, now)
        allowance, draws = self._payment(now, actor, missing)
        self._consume(now, actor, allowance, draws)
        hold.state, hold.charged, hold.overage = "captured", amount, missing - allowance - _sum_of(draws)
        return self._event(now, actor, amount, covered + allowance, hold.overage)

    def release(self, now: datetime, actor: str, number: int) -> list[int]:
        """S2: by who opened it, before its deadline."""
        hold = self.holds[number]
        if hold.member != actor:
            raise Refusal("not_found")
        if hold.state != "open" or rules.is_late(hold.deadline_at, now):
            raise Refusal("hold_closed")
        self._free(hold, "released", now)
        return []

    def free_due(self, now: datetime) -> None:
        """S2: at its deadline a hold is freed."""
        for hold in self.holds:
            self._free_if_over(hold, now)

    def spendable(self, name: str, now: datetime) -> int:
        """S1: all that a series of charges can spend."""
        allowance, draws = self._payment(now, name, 10**15)
        return allowance + _sum_of(draws)

    def _payment(self, now: datetime, name: str, amount: int) -> tuple[int, list[tuple[Account, list[Part]]]]:
        """S1: so much is included, then the wallet pays, then the team's pool, each in spending order (L4)."""
        who = self.people[name]
        if who.frozen or who.left:
            return 0, []
        allowance = min(self.windows.included(name, who.team, now), amount)
        left = self.windows.may_take(name, who.team, now, amount - allowance)
        wallet, pool = ("wallet", name), ("pool", who.team)
        shared = self.windows.may_take(name, who.team, now, self.usable_amount(pool, now), pool=who.team)
        draws = []
        for source, most in ((wallet, self.usable_amount(wallet, now)), (pool, shared)):
            taken = min(most, left)
            left -= taken
            if taken:
                draws.append((source, self._draw(source, sorted(self._usable(source, now), key=self._spending), taken)))
        return allowance, draws

    def _consume(self, now: datetime, name: str, allowance: int, draws: list[tuple[Account, list[Part]]]) -> None:
        for source, parts in draws:
            self._move(source, CONSUMED, parts)
        self.windows.use(name, self.people[name].team, now, allowance, _by_purse(draws))

    def _event(self, now: datetime, name: str, amount: int, allowance: int, overage: int) -> list[int]:
        number = len(self.events)
        self.events.append(Event(name, amount, allowance, overage))
        if overage:
            self.debts["event", number] = Debt(("wallet", name), CONSUMED, overage)
            self.windows.owe(name, now, overage)
        return [number]

    def _charge_draws(self, hold: Hold, missing: int, allowance: int, now: datetime) -> int:
        """Charge a hold's draws from the front, free the rest of them, and return what they did not cover."""
        freed: list[tuple[Account, list[Part]]] = []
        for source, parts in hold.draws:
            front, back = rules.split(parts, missing)
            missing -= sum(amount for _, amount in front)
            self._move(("escrow", source[1]), CONSUMED, front)
            freed.append((source, back))
        self._give_to_purses(freed, now)
        self.windows.give_back(now, hold.counted, allowance, _by_purse(freed))
        return missing

    def _free_if_over(self, hold: Hold, now: datetime) -> None:
        if hold.state == "open" and rules.is_late(hold.deadline_at, now):
            self._free(hold, "expired", now)

    def _free(self, hold: Hold, state: str, now: datetime) -> None:
        self._give_to_purses(hold.draws, now)
        self.windows.give_back(now, hold.counted, hold.allowance, _by_purse(hold.draws))
        hold.state = state

    def _give_to_purses(self, draws: list[tuple[Account, list[Part]]], now: datetime) -> None:
        """L5: what has lapsed while it was set aside lapses when it is freed."""
        for source, parts in draws:
            self._move(("escrow", source[1]), source, parts)
            for lot, amount in parts:
                self._lapse(source, lot, amount, now)


def _sum_of(draws: list[tuple[Account, list[Part]]]) -> int:
    return sum(amount for _, parts in draws for _, amount in parts)


def _by_purse(draws: list[tuple[Account, list[Part]]]) -> dict[str, int]:
    """How much of each purse: the wallet, or a pool by its team."""
    return {
        "wallet" if kind == "wallet" else owner: _sum_of([((kind, owner), parts)]) for (kind, owner), parts in draws
    }
