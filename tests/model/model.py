"""The ledger a second time: plain dictionaries, as slow as it likes, written from the rules and not from the code.

Random commands are given to the real ledger and to this model, and both must agree after each. Its chapters stand in
files of their own: what is held, what is given, what is spent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tests.model import rules
from tests.model.gifts import Gifts
from tests.model.usage import Usage
from tests.model.values import CREDIT, NEVER, OPEN, Account, Person, Refusal, Shown

__all__ = ["CREDIT", "NEVER", "Account", "Model", "Person", "Refusal", "Shown"]


@dataclass
class Model(Gifts, Usage):
    """All there is, and the keys that took effect. Commands answer the numbers of what they made."""

    keys: dict[tuple[str, str], tuple[object, list[int]]] = field(default_factory=dict)

    def once(self, actor: str, key: str, content: object, command: Callable[[], list[int]]) -> tuple[list[int], bool]:
        """L6: done once; the same again answers the same; other content conflicts; a refusal leaves no trace."""
        if (actor, key) in self.keys:
            first, made = self.keys[actor, key]
            if first != content:
                raise Refusal("idempotency_conflict")
            return made, True
        made = command()
        self.keys[actor, key] = (content, made)
        return made, False

    def allocate(self, now: datetime, actor: str, account: Account, amount: int) -> list[int]:
        """From the pool of the team that the actor leads."""
        pool = ("pool", self.people[actor].team)
        if not self.people[actor].leads:
            raise Refusal("not_allowed")
        if self.people[account[1]].left:
            raise Refusal("unknown_member")
        usable = self._usable(pool, now)
        if sum(self.held[pool, lot] for lot in usable) < amount:
            raise Refusal("insufficient_giftable")
        self._move(pool, account, self._draw(pool, sorted(usable, key=self._spending), amount))
        return []

    def halt(self, _now: datetime, act: str, person: str) -> list[int]:
        """Somebody is frozen, freed again or leaves; ``settle_due`` follows (G4, G8)."""
        who = self.people[person]
        if who.left:
            raise Refusal("not_found")
        if act == "leave":
            who.left = True
        elif who.frozen is (act == "freeze"):
            raise Refusal("not_allowed")
        else:
            who.frozen = act == "freeze"
        return []

    def expire_due(self, now: datetime) -> None:
        """L5: what is left of lapsed lots goes to breakage; first the gifts that hold any go back (G4)."""
        for gift in self.gifts:
            if gift.state in OPEN and any(rules.is_expired(self.lots[lot].expires_at, now) for lot, _ in gift.parts):
                self._sweep(gift, now)
        for account, lot in [key for key in self.held if key[0][0] in {"wallet", "pool"}]:
            self._lapse(account, lot, self.held[account, lot], now)

    def shown_to(self, name: str, now: datetime) -> Shown:
        """Section 2 of the design: nothing of a frozen or blocked wallet can be used; pending gifts to me are
        incoming. A cap of zero blocks spending (S5), not giving."""
        person, wallet = self.people[name], ("wallet", name)
        halted = person.frozen or person.left
        shut = halted or self.windows.is_shut(name, person.team)
        incoming = [gift for gift in self.gifts if gift.recipient == wallet and gift.state == "pending"]
        sent = [gift for gift in self.gifts if gift.sender == name and gift.state in OPEN]
        set_aside = sum(amount for (account, _), amount in self.held.items() if account == ("escrow", name))
        shared = self.usable_amount(("pool", person.team), now)
        return Shown(
            spendable=self.spendable(name, now),
            available=0 if shut else self.usable_amount(wallet, now),
            pool=0 if shut else self.windows.may_take(name, person.team, now, shared, pool=person.team),
            giftable=0 if halted else sum(self.held[wallet, lot] for lot in self.giftable_lots(name, now)),
            held_gifts=sum(gift.amount for gift in sent),
            held_usage=set_aside - sum(gift.amount for gift in sent),
            owed=sum(debt.left for debt in self.debts.values() if debt.debtor == wallet),
            incoming=sum(gift.amount for gift in incoming),
            limit_left=0 if halted else self.limit_left(name, now),
        )
