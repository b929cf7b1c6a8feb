"""Gifts of the model: made within the limits, decided, settled, sent back, clawed back (G1 to G8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model import rules
from tests.model.holdings import Holdings
from tests.model.values import (
    CREDIT,
    DAY,
    NEVER,
    OPEN,
    TRAVELS,
    Account,
    Debt,
    Gift,
    Refusal,
)

# From which states an act leads where (G2, G5). No rule of the policy asks for a review yet, so that approving
# is always refused.
ACTS = {
    "approve": ({"in_review"}, "pending"),
    "settle": ({"pending"}, "settled"),
    "cancel": (OPEN, "cancelled"),
    "decline": (OPEN, "declined"),
    "reject": (OPEN, "rejected"),
}


@dataclass
class Gifts(Holdings):
    """Gifts, and the limits of giving."""

    gifts: list[Gift] = field(default_factory=list)
    settlement: timedelta = DAY
    min_use: timedelta = DAY
    credits_per_gift: int = 500 * CREDIT
    credits_per_day: int = 1_000 * CREDIT
    gifts_per_day: int = 5
    gifts_per_pair: int = 2

    def give(self, now: datetime, actor: str, to: list[Account], amount: int, *, longest: bool) -> list[int]:
        """To each the amount, all or none; refused in the order recipient, freeze, policy, funds (G3, G7, G8)."""
        for recipient in to:
            if recipient == ("wallet", actor):
                raise Refusal("self_gift")
            if recipient[0] == "wallet" and self.people[recipient[1]].left:
                raise Refusal("unknown_member")
        first = len(self.gifts)
        try:
            return [self._give_one(now, actor, recipient, amount, longest=longest) for recipient in to]
        except Refusal:
            while len(self.gifts) > first:
                self._move(("escrow", actor), ("wallet", actor), self.gifts.pop().parts)
            raise

    def _give_one(self, now: datetime, actor: str, recipient: Account, amount: int, *, longest: bool) -> int:
        sender, wallet = self.people[actor], ("wallet", actor)
        if sender.left:
            raise Refusal("not_allowed")
        if sender.frozen:
            raise Refusal("account_frozen")
        if not sender.verified:
            raise Refusal("not_verified")
        today = self._given_in_a_day(actor, now)
        if not rules.within_limits(
            (amount, self.credits_per_gift),
            (sum(gift.amount for gift in today) + amount, self.credits_per_day),
            (len(today) + 1, self.gifts_per_day),
            (sum(gift.recipient == recipient for gift in today) + 1, self.gifts_per_pair),
        ):
            raise Refusal("policy_refused")
        lots = self.giftable_lots(actor, now)
        if sum(self.held[wallet, lot] for lot in lots) < amount:
            valid = [lot for lot in self._usable(wallet, now) if self.lots[lot].source in TRAVELS]
            enough = sum(self.held[wallet, lot] for lot in valid) >= amount
            raise Refusal("lot_expires_too_soon" if enough else "insufficient_giftable")
        parts = self._draw(wallet, sorted(lots, key=self._longest if longest else self._soonest), amount)
        self._move(wallet, ("escrow", actor), parts)
        self.gifts.append(Gift(actor, recipient, parts, now, now + self.settlement))
        return len(self.gifts) - 1

    def decide(self, now: datetime, actor: str, act: str, number: int) -> list[int]:
        """A person cancels, declines, approves, rejects or settles early (G2, G5)."""
        gift = self.gifts[number]
        allowed, outcome = ACTS[act]
        self._check_who(gift, actor, act)
        stops = act in {"cancel", "decline", "reject"}
        if gift.state not in allowed or (stops and rules.is_over(gift.state, gift.settles_at, now)):
            raise Refusal("gift_not_pending")
        if outcome == "settled":
            if self._must_return(gift, now):
                raise Refusal("gift_not_pending")
            self._settle(gift, now)
        else:
            self._give_back(gift, outcome, now)
        return []

    def _check_who(self, gift: Gift, actor: str, act: str) -> None:
        """G5: the sender cancels, the recipient declines, a lead who is neither does the rest."""
        person = self.people[actor]
        teams = {self.people[gift.sender].team} | ({gift.recipient[1]} if gift.recipient[0] == "pool" else set())
        is_sender, is_recipient = gift.sender == actor, gift.recipient == ("wallet", actor)
        reviews = person.leads and person.team in teams
        if not (is_sender or is_recipient or reviews):
            raise Refusal("not_found")
        may_decline = is_recipient or (gift.recipient[0] == "pool" and reviews)
        allowed = {"cancel": is_sender, "decline": may_decline}
        if not allowed.get(act, reviews and not is_sender and not is_recipient):
            raise Refusal("not_allowed")

    def reverse(self, now: datetime, number: int) -> list[int]:
        """G6: an admin takes back what is still there, calling in open gifts of it; the rest is owed."""
        gift = self.gifts[number]
        if gift.state != "settled":
            raise Refusal("gift_not_pending")
        holder = gift.recipient
        for other in self.gifts:
            sent_on = holder == ("wallet", other.sender) and other.state in OPEN
            short = {lot for lot, amount in gift.parts if self.held[holder, lot] < amount}
            if sent_on and short & {lot for lot, _ in other.parts} and not other.settles_at <= now:
                self._give_back(other, "returned", now)
        owed = 0
        for lot, amount in gift.parts:
            taken = rules.claw_back(amount, self.held[holder, lot])
            owed += amount - taken
            self._move(holder, ("wallet", gift.sender), [(lot, taken)])
            self._lapse(("wallet", gift.sender), lot, taken, now)
        if owed:
            self.debts["gift", number] = Debt(holder, ("wallet", gift.sender), owed)
        gift.state = "reversed"
        return []

    def giftable_lots(self, actor: str, now: datetime) -> list[int]:
        """G3: of a kind that travels, and still of use after settlement."""
        last = now + self.settlement + self.min_use
        usable = self._usable(("wallet", actor), now)
        return [lot for lot in usable if self._travels(lot, last)]

    def _travels(self, lot: int, last: datetime) -> bool:
        giftable = self.lots[lot].source in TRAVELS
        return rules.travels(self.lots[lot].expires_at, giftable=giftable, useful_until=last)

    def _given_in_a_day(self, actor: str, now: datetime) -> list[Gift]:
        """Cancelled, declined, rejected and returned gifts do not count; the day is the last 24 hours."""
        mine = [gift for gift in self.gifts if gift.sender == actor]
        return [gift for gift in mine if rules.counts_today(gift.state, gift.created_at, now, DAY)]

    def limit_left(self, name: str, now: datetime) -> int:
        today = self._given_in_a_day(name, now)
        if not self.people[name].verified or len(today) >= self.gifts_per_day:
            return 0
        left_today = self.credits_per_day - sum(gift.amount for gift in today)
        return max(min(self.credits_per_gift, left_today), 0)

    def _soonest(self, lot: int) -> tuple[object, ...]:
        return rules.soonest_key(lot, expires_at=self.lots[lot].expires_at, granted_at=self.lots[lot].granted_at)

    def _longest(self, lot: int) -> tuple[timedelta, datetime, int]:
        return (NEVER - self.lots[lot].expires_at, self.lots[lot].granted_at, lot)

    def settle_due(self, now: datetime) -> None:
        """What a rule sends back goes back (G4, G8); then what is over is settled (G2)."""
        for gift in self.gifts:
            if gift.state in OPEN:
                self._sweep(gift, now)

    def _sweep(self, gift: Gift, now: datetime) -> None:
        if self._must_return(gift, now):
            self._give_back(gift, "returned", now)
        elif rules.is_over(gift.state, gift.settles_at, now):
            self._settle(gift, now)

    def _settle(self, gift: Gift, now: datetime) -> None:
        """What has lapsed since it was due lapses at once, with the recipient (G2, L5)."""
        self._move(("escrow", gift.sender), gift.recipient, gift.parts)
        gift.state = "settled"
        for lot, amount in gift.parts:
            self._lapse(gift.recipient, lot, amount, now)

    def _give_back(self, gift: Gift, state: str, now: datetime) -> None:
        """G4: the whole gift, to the very positions; what has lapsed meanwhile lapses at once (L5)."""
        wallet = ("wallet", gift.sender)
        self._move(("escrow", gift.sender), wallet, gift.parts)
        gift.state = state
        for lot, amount in gift.parts:
            self._lapse(wallet, lot, amount, now)

    def _must_return(self, gift: Gift, now: datetime) -> bool:
        """G4, G8: a lapse of any part, a leaver, a sender who was frozen."""
        sides = [gift.sender, gift.recipient[1]] if gift.recipient[0] == "wallet" else [gift.sender]
        left = any(self.people[side].left for side in sides)
        frozen = self.people[gift.sender].frozen
        return rules.must_return(lapsed=self._lapsed(gift, now), somebody_left=left, sender_frozen=frozen)

    def _lapsed(self, gift: Gift, now: datetime) -> bool:
        """G2, G4: a pending gift that was due before it lapsed has settled by then, however late the sweep is."""
        expiries = [self.lots[lot].expires_at for lot, _ in gift.parts]
        return rules.has_lapsed(gift.state, gift.settles_at, expiries, now)
