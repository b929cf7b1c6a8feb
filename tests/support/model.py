"""The ledger a second time: plain dictionaries, as slow as it likes, written from the rules and not from the code.

Random commands are given to the real ledger and to this model, and both must agree after each. Amounts are whole
micro-credits; people and pools go by name, lots and gifts by number in the order they came to be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.support.clock import START
from tests.support.spending_model import Key, Windows

Account = tuple[str, str]  # kind and owner: ("wallet", "ada")
Part = tuple[int, int]  # a lot and how much of it

CREDIT = 1_000_000
DAY = timedelta(days=1)
NEVER = datetime.max.replace(tzinfo=UTC)
TRAVELS = {"purchase", "allotment"}
PAID = {"purchase", "allotment"}
OPEN = {"pending", "in_review"}
COUNTED = {"pending", "in_review", "settled"}
ISSUANCE, CONSUMED, BREAKAGE = ("house", "issuance"), ("house", "consumed"), ("house", "breakage")

# From which states an act leads where (G2, G5). No rule of the policy asks for a review yet, so that approving
# is always refused.
ACTS = {
    "approve": ({"in_review"}, "pending"),
    "settle": ({"pending"}, "settled"),
    "cancel": (OPEN, "cancelled"),
    "decline": (OPEN, "declined"),
    "reject": (OPEN, "rejected"),
}


class Refusal(Exception):  # noqa: N818  (a refusal is an answer, not a failure)
    """What the rules refuse, by its stable code; nothing changed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Person:
    """Somebody with a wallet."""

    team: str
    leads: bool = False
    verified: bool = True
    frozen: bool = False
    left: bool = False


@dataclass
class Lot:
    """Credits of one origin."""

    source: str
    expires_at: datetime
    priority: int
    granted_at: datetime


@dataclass
class Gift:
    """A gift with what was set aside for it."""

    sender: str
    recipient: Account
    parts: list[Part]
    created_at: datetime
    settles_at: datetime
    state: str = "pending"

    @property
    def amount(self) -> int:
        return sum(amount for _, amount in self.parts)


@dataclass
class Hold:
    """An authorization: what it set aside of each purse, what a plan includes of it, and what it counted where."""

    member: str
    amount: int
    allowance: int
    draws: list[tuple[Account, list[Part]]]
    counted: list[tuple[Key, int]]
    deadline_at: datetime
    state: str = "open"
    charged: int = 0
    overage: int = 0
    is_late: bool = False


@dataclass(frozen=True)
class Event:
    """Usage that was charged: its amount, of which so much was included and so much is owed."""

    member: str
    amount: int
    allowance: int
    overage: int


@dataclass
class Debt:
    """What a claw-back or a charge could not take."""

    debtor: Account
    creditor: Account
    left: int


@dataclass(frozen=True)
class Shown:
    """What one person is shown of their credits."""

    spendable: int
    available: int
    pool: int
    giftable: int
    held_gifts: int
    held_usage: int
    owed: int
    incoming: int
    limit_left: int | None


@dataclass
class Model:
    """All there is: people, lots, what each account holds of each lot, gifts, and the keys that took effect."""

    people: dict[str, Person]
    lots: list[Lot] = field(default_factory=list)
    gifts: list[Gift] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    windows: Windows = field(default_factory=lambda: Windows(START))
    held: defaultdict[tuple[Account, int], int] = field(default_factory=lambda: defaultdict(int))
    debts: dict[tuple[str, int], Debt] = field(default_factory=dict)  # by the gift clawed back, or the event
    keys: dict[tuple[str, str], tuple[object, list[int]]] = field(default_factory=dict)
    settlement: timedelta = DAY
    min_use: timedelta = DAY
    credits_per_gift: int = 500 * CREDIT
    credits_per_day: int = 1_000 * CREDIT
    gifts_per_day: int = 5
    gifts_per_pair: int = 2

    # Commands. Each answers the numbers of what it made, and whether it had been done before.

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
        if source != "promo":
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
        if (
            amount > self.credits_per_gift
            or sum(gift.amount for gift in today) + amount > self.credits_per_day
            or len(today) + 1 > self.gifts_per_day
            or sum(gift.recipient == recipient for gift in today) + 1 > self.gifts_per_pair
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
        if gift.state not in allowed or (stops and gift.state == "pending" and gift.settles_at <= now):
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
            taken = min(amount, self.held[holder, lot])
            owed += amount - taken
            self._move(holder, ("wallet", gift.sender), [(lot, taken)])
            self._lapse(("wallet", gift.sender), lot, taken, now)
        if owed:
            self.debts["gift", number] = Debt(holder, ("wallet", gift.sender), owed)
        gift.state = "reversed"
        return []

    def charge(self, now: datetime, actor: str, amount: int) -> list[int]:
        """S2: never refused for lack of funds; what nothing covers is owed."""
        allowance, takes = self._payment(now, actor, amount)
        self._consume(now, actor, allowance, takes)
        return self._event(now, actor, amount, allowance, amount - allowance - _sum_of(takes))

    def authorize(self, now: datetime, actor: str, amount: int, lasts: timedelta) -> list[int]:
        """S2: all of it or nothing; what is set aside lies in the escrow of each purse."""
        who = self.people[actor]
        if who.left or who.frozen:
            raise Refusal("not_allowed" if who.left else "account_frozen")
        allowance, draws = self._payment(now, actor, amount)
        if allowance + _sum_of(draws) < amount:
            raise Refusal("insufficient_credits")
        for purse, parts in draws:
            self._move(purse, ("escrow", purse[1]), parts)
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
        hold.is_late = now >= hold.deadline_at
        self._free_if_over(hold, now)
        covered = 0 if hold.is_late else min(amount, hold.allowance)
        missing = amount - covered
        if not hold.is_late:
            missing = self._charge_draws(hold, missing, hold.allowance - covered, now)
        allowance, takes = self._payment(now, actor, missing)
        self._consume(now, actor, allowance, takes)
        hold.state, hold.charged, hold.overage = "captured", amount, missing - allowance - _sum_of(takes)
        return self._event(now, actor, amount, covered + allowance, hold.overage)

    def release(self, now: datetime, actor: str, number: int) -> list[int]:
        """S2: by who opened it, before its deadline."""
        hold = self.holds[number]
        if hold.member != actor:
            raise Refusal("not_found")
        if hold.state != "open" or now >= hold.deadline_at:
            raise Refusal("hold_closed")
        self._free(hold, "released", now)
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

    # What happens by itself.

    def settle_due(self, now: datetime) -> None:
        """What a rule sends back goes back (G4, G8); then what is over is settled (G2)."""
        for gift in self.gifts:
            if gift.state in OPEN:
                self._sweep(gift, now)

    def _sweep(self, gift: Gift, now: datetime) -> None:
        if self._must_return(gift, now):
            self._give_back(gift, "returned", now)
        elif gift.state == "pending" and gift.settles_at <= now:
            self._settle(gift, now)

    def free_due(self, now: datetime) -> None:
        """S2: at its deadline a hold is freed."""
        for hold in self.holds:
            self._free_if_over(hold, now)

    def expire_due(self, now: datetime) -> None:
        """L5: what is left of lapsed lots goes to breakage; first the gifts that hold any go back (G4)."""
        for gift in self.gifts:
            if gift.state in OPEN and any(self.lots[lot].expires_at <= now for lot, _ in gift.parts):
                self._sweep(gift, now)
        for account, lot in [key for key in self.held if key[0][0] in {"wallet", "pool"}]:
            self._lapse(account, lot, self.held[account, lot], now)

    # What may be asked.

    def usable_amount(self, account: Account, now: datetime) -> int:
        return sum(self.held[account, lot] for lot in self._usable(account, now))

    def giftable_lots(self, actor: str, now: datetime) -> list[int]:
        """G3: of a kind that travels, and still of use after settlement."""
        last = now + self.settlement + self.min_use
        usable = self._usable(("wallet", actor), now)
        return [lot for lot in usable if self.lots[lot].source in TRAVELS and self.lots[lot].expires_at > last]

    def shown_to(self, name: str, now: datetime) -> Shown:
        """Section 2 of the design: nothing of a frozen wallet can be used; pending gifts to me are incoming."""
        person, wallet = self.people[name], ("wallet", name)
        blocked = person.frozen or person.left
        incoming = [gift for gift in self.gifts if gift.recipient == wallet and gift.state == "pending"]
        sent = [gift for gift in self.gifts if gift.sender == name and gift.state in OPEN]
        set_aside = sum(amount for (account, _), amount in self.held.items() if account == ("escrow", name))
        shared = self.usable_amount(("pool", person.team), now)
        return Shown(
            spendable=self.spendable(name, now),
            available=0 if blocked else self.usable_amount(wallet, now),
            pool=0 if blocked else self.windows.may_take(name, person.team, now, shared, pool=person.team),
            giftable=0 if blocked else sum(self.held[wallet, lot] for lot in self.giftable_lots(name, now)),
            held_gifts=sum(gift.amount for gift in sent),
            held_usage=set_aside - sum(gift.amount for gift in sent),
            owed=sum(debt.left for debt in self.debts.values() if debt.debtor == wallet),
            incoming=sum(gift.amount for gift in incoming),
            limit_left=0 if blocked else self._limit_left(name, now),
        )

    def spendable(self, name: str, now: datetime) -> int:
        """S1: all that a series of charges can spend."""
        allowance, takes = self._payment(now, name, 10**15)
        return allowance + _sum_of(takes)

    def _limit_left(self, name: str, now: datetime) -> int:
        today = self._given_in_a_day(name, now)
        if not self.people[name].verified or len(today) >= self.gifts_per_day:
            return 0
        left_today = self.credits_per_day - sum(gift.amount for gift in today)
        return max(min(self.credits_per_gift, left_today), 0)

    def holdings(self) -> dict[tuple[Account, int], int]:
        """What each wallet, pool and escrow holds of each lot, without what is nothing."""
        return {key: amount for key, amount in self.held.items() if amount and key[0][0] != "house"}

    # How it is done.

    def _payment(self, now: datetime, name: str, amount: int) -> tuple[int, list[tuple[Account, list[Part]]]]:
        """S1: so much is included, then the wallet pays, then the team's pool, each in spending order (L4)."""
        who = self.people[name]
        if who.frozen or who.left:
            return 0, []
        allowance = min(self.windows.included(name, who.team, now), amount)
        left = self.windows.may_take(name, who.team, now, amount - allowance)
        wallet, pool = ("wallet", name), ("pool", who.team)
        shared = self.windows.may_take(name, who.team, now, self.usable_amount(pool, now), pool=who.team)
        takes = []
        for purse, most in ((wallet, self.usable_amount(wallet, now)), (pool, shared)):
            taken = min(most, left)
            left -= taken
            if taken:
                takes.append((purse, self._draw(purse, sorted(self._usable(purse, now), key=self._spending), taken)))
        return allowance, takes

    def _consume(self, now: datetime, name: str, allowance: int, takes: list[tuple[Account, list[Part]]]) -> None:
        for purse, parts in takes:
            self._move(purse, CONSUMED, parts)
        self.windows.use(name, self.people[name].team, now, allowance, _by_purse(takes))

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
        for purse, parts in hold.draws:
            rest = []
            for lot, amount in parts:
                taken = min(amount, missing)
                missing -= taken
                self._move(("escrow", purse[1]), CONSUMED, [(lot, taken)])
                rest.append((lot, amount - taken))
            freed.append((purse, rest))
        self._give_to_purses(freed, now)
        self.windows.give_back(now, hold.counted, allowance, _by_purse(freed))
        return missing

    def _free_if_over(self, hold: Hold, now: datetime) -> None:
        if hold.state == "open" and now >= hold.deadline_at:
            self._free(hold, "expired", now)

    def _free(self, hold: Hold, state: str, now: datetime) -> None:
        self._give_to_purses(hold.draws, now)
        self.windows.give_back(now, hold.counted, hold.allowance, _by_purse(hold.draws))
        hold.state = state

    def _give_to_purses(self, draws: list[tuple[Account, list[Part]]], now: datetime) -> None:
        """L5: what has lapsed while it was set aside lapses when it is freed."""
        for purse, parts in draws:
            self._move(("escrow", purse[1]), purse, parts)
            for lot, amount in parts:
                self._lapse(purse, lot, amount, now)

    def _given_in_a_day(self, actor: str, now: datetime) -> list[Gift]:
        """Cancelled, declined, rejected and returned gifts do not count; the day is the last 24 hours."""
        mine = [gift for gift in self.gifts if gift.sender == actor and gift.state in COUNTED]
        return [gift for gift in mine if gift.created_at > now - DAY]

    def _usable(self, account: Account, now: datetime) -> list[int]:
        found = [lot for (holder, lot), amount in self.held.items() if holder == account and amount]
        return [lot for lot in found if self.lots[lot].expires_at > now]

    def _spending(self, lot: int) -> tuple[int, datetime, bool, datetime, int]:
        facts = self.lots[lot]
        return (facts.priority, facts.expires_at, facts.source in PAID, facts.granted_at, lot)

    def _soonest(self, lot: int) -> tuple[datetime, datetime, int]:
        return (self.lots[lot].expires_at, self.lots[lot].granted_at, lot)

    def _longest(self, lot: int) -> tuple[timedelta, datetime, int]:
        return (NEVER - self.lots[lot].expires_at, self.lots[lot].granted_at, lot)

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
            assert source[0] == "house" or self.held[source, lot] >= 0

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

    def _lapse(self, account: Account, lot: int, amount: int, now: datetime) -> None:
        if self.lots[lot].expires_at <= now:
            self._move(account, BREAKAGE, [(lot, amount)])

    def _must_return(self, gift: Gift, now: datetime) -> bool:
        """G4, G8: a lapse of any part, a leaver, a sender who was frozen."""
        sides = [gift.sender, gift.recipient[1]] if gift.recipient[0] == "wallet" else [gift.sender]
        left = any(self.people[side].left for side in sides)
        return self._lapsed(gift, now) or left or self.people[gift.sender].frozen

    def _lapsed(self, gift: Gift, now: datetime) -> bool:
        """G2, G4: a pending gift that was due before it lapsed has settled by then, however late the sweep is."""
        moment = min(now, gift.settles_at) if gift.state == "pending" else now
        return any(self.lots[lot].expires_at <= moment for lot, _ in gift.parts)


def _sum_of(takes: list[tuple[Account, list[Part]]]) -> int:
    return sum(amount for _, parts in takes for _, amount in parts)


def _by_purse(takes: list[tuple[Account, list[Part]]]) -> dict[str, int]:
    """How much of each purse: the wallet, or a pool by its team."""
    return {
        "wallet" if kind == "wallet" else owner: _sum_of([((kind, owner), parts)]) for (kind, owner), parts in takes
    }
